import CredentialVault
import GatewayConfiguration
import GatewayCore
import Identity
import NIOSSL
import Synchronization

/// TLS to targets: how much of the certificate is checked is the connection's `tls` mode, and what certificate of its own
/// the gateway shows is part of its credential.
enum TargetTLSContext {
    /// Reads the gateway's own certificate, so each dial has that of its moment.
    ///
    /// - Parameter protocols: offered to the target (ALPN, RFC 7301).
    static func handler(
        for connection: ConnectionConfiguration, protocols: [String] = []
    ) throws -> NIOSSLClientHandler {
        let context = try cache.context(for: connection.target, connection.credential.certificate, protocols)
        // An address cannot be a server name (RFC 6066 section 3); the certificate is then matched by address.
        let isAddress =
            connection.target.host.contains(":")
            || connection.target.host.split(separator: ".").allSatisfy { UInt8($0) != nil }
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : connection.target.host)
    }

    /// Why there is no way to show the connection's certificate now; nil when there is, or none to show.
    static func problem(of connection: ConnectionConfiguration) -> GatewayError? {
        do throws(GatewayError) {
            guard let certificate = connection.credential.certificate else { return nil }
            _ = try certificate.identity(of: try certificate.read())
            return nil
        } catch {
            return error
        }
    }

    private static let cache = Cache()

    /// Contexts are dear to make and shared by all sessions of a connection.
    final class Cache: Sendable {
        private struct Key: Hashable {
            var mode: TargetConfiguration.TLSMode
            var authority: String?
            var protocols: [String]
            /// The references of certificate and key.
            var shown: [String]
        }

        private struct Kept {
            var context: NIOSSLContext
            var shown: ClientCertificate.Content?
            var expires: Int
        }

        private let contexts = Mutex<[Key: Kept]>([:])

        /// Errors: `secret.missing`, `credential.certificate`, `credential.key`; what the TLS library throws.
        func context(
            for target: TargetConfiguration, _ certificate: ClientCertificate?, _ protocols: [String],
            now: Int = Int(Timestamp.wall().microseconds / 1_000_000)
        ) throws -> NIOSSLContext {
            let key = Key(
                mode: target.tls, authority: target.authority, protocols: protocols,
                shown: certificate.map { [$0.certificate.description, $0.key.description] } ?? [])
            let content = try certificate?.read()
            if let kept = contexts.withLock({ $0[key] }), now <= kept.expires, Self.isSame(kept.shown, content) {
                return kept.context
            }
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = protocols
            switch target.tls {
            case .disable, .prefer, .require: configuration.certificateVerification = .none
            case .verifyCA: configuration.certificateVerification = .noHostnameVerification
            case .verifyFull: configuration.certificateVerification = .fullVerification
            }
            if let authority = target.authority { configuration.trustRoots = .file(authority) }
            var expires = Int.max
            if let certificate, let content {
                let identity = try certificate.identity(of: content, now: now)
                configuration.certificateChain = identity.chain.map { .certificate($0) }
                configuration.privateKey = .privateKey(identity.key)
                expires = identity.expires
            }
            let context = try NIOSSLContext(configuration: configuration)
            contexts.withLock { $0[key] = Kept(context: context, shown: content, expires: expires) }
            return context
        }

        private static func isSame(_ one: ClientCertificate.Content?, _ other: ClientCertificate.Content?) -> Bool {
            switch (one, other) {
            case (let one?, let other?): one == other
            case (nil, nil): true
            default: false
            }
        }
    }
}
