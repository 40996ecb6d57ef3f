package import GatewayConfiguration
package import GatewayCore
import HTTPLimits
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
import NIOSSL

/// The console's HTTP server: on its endpoint, and for the command line beside it on the operator's socket.
package final class ConsoleServer: Sendable {
    /// Most clients at once.
    static let connectionLimit = 512
    /// Most of one address.
    static let addressLimit = 128

    private let application: Application<RouterResponder<ConsoleContext>>
    private let local: Local?

    /// The same API on the operator's socket.
    private struct Local {
        let socket: OperatorSocket
        let application: Application<RouterResponder<ConsoleContext>>
        /// Ends once it is served, or never will be.
        let begun: AsyncStream<Void>
        let begin: AsyncStream<Void>.Continuation
    }

    /// `data` is the folder for the operator's socket, whose lock the caller holds; nil for none. `certificate` is nil for clear text, which the caller allows on loopback only. `onRunning` is told the port.
    /// Errors: `console.tls` when certificate and key cannot be used, `console.operator`.
    package init(
        _ services: ConsoleServices, at endpoint: Endpoint, data: String? = nil,
        certificate: (certificate: String, key: String)?, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayError) {
        let http = HTTPServerBuilder.watched(ConnectionLimits(), AddressSeats(most: Self.addressLimit))
        let server: HTTPServerBuilder
        do {
            server = try certificate.map { try HTTPServerBuilder.tls(http, tlsConfiguration: Self.tls($0)) } ?? http
        } catch {
            throw GatewayError(
                .consoleTLS,
                "The console cannot use the certificate; check that it and its key are PEM and belong together.",
                cause: error)
        }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let router = ConsoleRouter.make(services)
        if let data {
            let socket = try OperatorSocket(making: data)
            let (begun, begin) = AsyncStream.makeStream(of: Void.self)
            local = Local(
                socket: socket,
                application: Application(
                    router: router, server: http,
                    configuration: ApplicationConfiguration(
                        address: .unixDomainSocket(path: socket.path), serverName: nil,
                        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
                    onServerRunning: { _ in begin.finish() }, logger: quiet),
                begun: begun, begin: begin)
        } else {
            local = nil
        }
        application = Application(
            router: router, server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(endpoint.host, port: endpoint.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? endpoint.port) }, logger: quiet)
    }

    /// Serves until the service group that it runs in shuts down gracefully, or its task is cancelled.
    package func run() async throws {
        guard let local else { return try await application.run() }
        local.socket.clear()
        defer { local.socket.clear() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { local.begin.finish() }
                try await local.application.run()
            }
            group.addTask { [application] in
                // Who hears that the console is ready may ask on the socket at once.
                for await _ in local.begun {}
                try Task.checkCancellation()
                try await application.run()
            }
            try await group.waitForAll()
        }
    }

    /// The audience of tokens for the command line on the gateway's own machine; see `BearerAuthentication`.
    package static let operatorAudience = BearerAuthentication.operatorAudience

    /// The files the console serves TLS with; nil when it speaks plain HTTP: on loopback, unless a certificate was
    /// configured.
    package static func certificate(of configuration: Configuration) -> (certificate: String, key: String)? {
        switch configuration.tls {
        case .off: return nil
        case .files(let certificate, let key): return (certificate, key)
        case .auto:
            guard let endpoint = configuration.listen.console, !endpoint.isLoopback else { return nil }
            return (configuration.data + "/tls/gateway.crt", configuration.data + "/tls/gateway.key")
        }
    }

    private static func tls(_ files: (certificate: String, key: String)) throws -> NIOSSL.TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
        let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
        var configuration = NIOSSL.TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

extension GatewayError.Code {
    package static let consoleTLS = Self("console.tls")
}
