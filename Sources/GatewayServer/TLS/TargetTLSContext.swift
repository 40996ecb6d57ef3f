import GatewayConfiguration
import NIOSSL
import Synchronization

/// TLS to targets: how much of the certificate is checked is the connection's `tls` mode.
enum TargetTLSContext {
    /// - Parameter protocols: offered to the target (ALPN, RFC 7301).
    static func handler(
        for connection: ConnectionConfiguration, protocols: [String] = []
    ) throws -> NIOSSLClientHandler {
        let context = try cache.context(for: connection.target, protocols)
        // An address cannot be a server name (RFC 6066 section 3); the certificate is then matched by address.
        let isAddress =
            connection.target.host.contains(":")
            || connection.target.host.split(separator: ".").allSatisfy { UInt8($0) != nil }
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : connection.target.host)
    }

    private static let cache = Cache()

    /// Contexts are dear to make and shared by all sessions of a connection.
    private final class Cache: Sendable {
        private struct Key: Hashable {
            var mode: TargetConfiguration.TLSMode
            var authority: String?
            var protocols: [String]
        }

        private let contexts = Mutex<[Key: NIOSSLContext]>([:])

        func context(for target: TargetConfiguration, _ protocols: [String]) throws -> NIOSSLContext {
            let key = Key(mode: target.tls, authority: target.authority, protocols: protocols)
            if let context = contexts.withLock({ $0[key] }) { return context }
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = protocols
            switch target.tls {
            case .disable, .prefer, .require: configuration.certificateVerification = .none
            case .verifyCA: configuration.certificateVerification = .noHostnameVerification
            case .verifyFull: configuration.certificateVerification = .fullVerification
            }
            if let authority = target.authority { configuration.trustRoots = .file(authority) }
            let context = try NIOSSLContext(configuration: configuration)
            contexts.withLock { $0[key] = context }
            return context
        }
    }
}
