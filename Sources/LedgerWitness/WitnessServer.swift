package import GatewayCore
import HTTPLimits
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// The witness's HTTP server: `POST /add-checkpoint` (C2SP tlog-witness), `GET /checkpoint/<SHA-256 of the origin>`, for
/// which the specification has no form yet, and `GET /healthz`.
package struct WitnessServer: Sendable {
    /// Most clients at once.
    static let connectionLimit = 256
    /// Most of one address.
    static let addressLimit = 64
    /// Time that a client has to send a request's body.
    static let bodySeconds = 10

    private let application: Application<RouterResponder<BasicRequestContext>>

    /// `certificate` names PEM files; nil for clear text. `onRunning` is told the port. Errors: `witness.setup` when
    /// certificate and key cannot be used.
    package init(
        _ witness: Witness, host: String, port: Int, certificate: (certificate: String, key: String)?, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayError) {
        let http = HTTPServerBuilder.watched(ConnectionLimits(), AddressSeats(most: Self.addressLimit))
        let server: HTTPServerBuilder
        do {
            server = try certificate.map { try HTTPServerBuilder.tls(http, tlsConfiguration: Self.tls($0)) } ?? http
        } catch {
            throw GatewayError(
                .witnessSetup, "Certificate and key cannot be used; check that they are PEM and belong together.",
                cause: error)
        }
        application = Application(
            router: Self.router(witness), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? port) }, logger: logger)
    }

    /// Serves until the service group that it runs in shuts down gracefully, or its task is cancelled.
    package func run() async throws {
        try await application.run()
    }

    private static func router(_ witness: Witness) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.post("add-checkpoint") { request, _ in
            guard let body = try await body(of: request) else {
                return plain(.contentTooLarge, "The body is too large.\n")
            }
            // The disk is waited for on a thread that may block.
            let answer = try await NIOThreadPool.singleton.runIfActive { witness.addCheckpoint(body) }
            return response(
                HTTPResponse.Status(code: answer.status), answer.contentType, answer.body)
        }
        router.get("checkpoint/{name}") { _, context in
            guard let name = context.parameters.get("name"), let note = witness.latestCheckpoint(ofLogNamed: name)
            else {
                return plain(.notFound, "No checkpoint of such a log was cosigned.\n")
            }
            return response(.ok, Witness.noteType, note)
        }
        router.get("healthz") { _, _ in
            // Which file failed is in the witness's own log, not for everybody.
            witness.problem == nil
                ? plain(.ok, "ok\n") : plain(.serviceUnavailable, "The witness cannot store its state.\n")
        }
        return router
    }

    /// Nil when it is longer than any request may be. A body that does not come in time is an error that closes.
    private static func body(of request: Request) async throws -> [UInt8]? {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Witness.bodyLimit { return nil }
        let body = request.body
        return try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            group.addTask {
                do {
                    return Array(try await body.collect(upTo: Witness.bodyLimit).readableBytesView)
                } catch is NIOTooManyBytesError {
                    return nil
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(bodySeconds))
                throw HTTPError(.requestTimeout)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private static func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
        response(status, Witness.noteType, Array(text.utf8))
    }

    private static func response(_ status: HTTPResponse.Status, _ type: String, _ body: [UInt8]) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func tls(_ files: (certificate: String, key: String)) throws -> NIOSSL.TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
        let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
        var configuration = NIOSSL.TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}
