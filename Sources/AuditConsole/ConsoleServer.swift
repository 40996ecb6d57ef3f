package import GatewayConfiguration
package import GatewayCore
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
package import NIOSSL

/// The console's HTTP server.
package struct ConsoleServer: Sendable {
    /// Most clients at once.
    static let connectionLimit = 512
    static let idleSeconds: Int64 = 60

    private let application: Application<RouterResponder<ConsoleContext>>

    /// `certificate` is nil for clear text, which the caller allows on loopback only. `onRunning` is told the port.
    /// Errors: `console.tls` when certificate and key cannot be used.
    package init(
        _ services: ConsoleServices, at endpoint: Endpoint, certificate: (certificate: String, key: String)?,
        logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(GatewayError) {
        let http = HTTPServerBuilder.http1(configuration: .init(idleTimeout: .seconds(Self.idleSeconds)))
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
        application = Application(
            router: ConsoleRouter.make(services), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(endpoint.host, port: endpoint.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? endpoint.port) }, logger: quiet)
    }

    /// Serves until the service group that it runs in shuts down gracefully, or its task is cancelled.
    package func run() async throws {
        try await application.run()
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

    /// For a client on the gateway's own machine: exactly this certificate is trusted, by whatever name it is reached.
    package static func clientTLS(trusting certificate: String) throws(GatewayError) -> NIOSSL.TLSConfiguration {
        guard let trusted = try? NIOSSLCertificate.fromPEMFile(certificate) else {
            throw GatewayError(
                .consoleTLS, "The certificate \(certificate) cannot be read; has the gateway been started yet?")
        }
        var configuration = NIOSSL.TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(trusted)
        configuration.certificateVerification = .noHostnameVerification
        return configuration
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
