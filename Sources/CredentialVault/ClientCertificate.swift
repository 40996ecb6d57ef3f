package import GatewayCore
import Glibc
package import NIOSSL

/// A certificate and its key that the gateway shows to a target (RFC 8446 section 4.4.2): by reference, and read anew for
/// each dial like every other credential, so that a renewed one is taken up without a restart.
package struct ClientCertificate: Sendable {
    package var certificate: SecretReference
    package var key: SecretReference

    package init(certificate: SecretReference, key: SecretReference) {
        self.certificate = certificate
        self.key = key
    }

    /// What the references hold now.
    package struct Content: Sendable {
        fileprivate let certificate: Secret
        fileprivate let key: Secret

        package static func == (one: Content, other: Content) -> Bool {
            one.certificate == other.certificate && one.key == other.key
        }
    }

    /// What a TLS handshake takes.
    package struct Identity: Sendable {
        /// The client's own first.
        package let chain: [NIOSSLCertificate]
        package let key: NIOSSLPrivateKey
        /// The last second at which it holds, since 1970.
        package let expires: Int
    }

    /// Errors: `secret.missing`.
    package func read() throws(GatewayError) -> Content {
        Content(certificate: try certificate.resolve(), key: try key.resolve())
    }

    /// Reads and checks; errors: `secret.missing`, `credential.certificate` and `credential.key`, which name the
    /// reference and never what it holds.
    package func identity(of content: Content, now: Int = time(nil)) throws(GatewayError) -> Identity {
        guard let chain = try? content.certificate.withBytes({ try NIOSSLCertificate.fromPEMBytes(Array($0)) }),
            let own = chain.first
        else {
            throw GatewayError(
                .credentialCertificate, "The client certificate (\(certificate)) holds no certificate in PEM form.")
        }
        guard now <= own.notValidAfter else {
            throw GatewayError(
                .credentialCertificate,
                "The client certificate (\(certificate)) has expired on \(Self.date(own.notValidAfter)).")
        }
        guard now >= own.notValidBefore else {
            throw GatewayError(
                .credentialCertificate,
                "The client certificate (\(certificate)) is valid only from \(Self.date(own.notValidBefore)).")
        }
        let key = try readKey(content.key)
        var trial = TLSConfiguration.makeClientConfiguration()
        trial.certificateVerification = .none
        trial.certificateChain = [.certificate(own)]
        trial.privateKey = .privateKey(key)
        // The library compares them when it takes both.
        guard (try? NIOSSLContext(configuration: trial)) != nil else {
            throw GatewayError(
                .credentialKey, "The key (\(self.key)) is not the one of the client certificate (\(certificate)).")
        }
        return Identity(chain: chain, key: key, expires: own.notValidAfter)
    }

    private func readKey(_ secret: Secret) throws(GatewayError) -> NIOSSLPrivateKey {
        let (key, isEncrypted) = secret.withBytes { raw in
            var bytes = Array(raw)
            defer { bytes.withUnsafeMutableBytes { raw in _ = raw.baseAddress.map { explicit_bzero($0, raw.count) } } }
            return (try? NIOSSLPrivateKey(bytes: bytes, format: .pem), Self.isEncrypted(raw))
        }
        guard let key, !isEncrypted else {
            throw GatewayError(
                .credentialKey,
                isEncrypted
                    ? "The key (\(self.key)) is encrypted, and nobody is there to ask for its passphrase."
                    : "The key (\(self.key)) holds no private key in PEM form.")
        }
        return key
    }

    /// RFC 7468 section 11 and the older form of RFC 1421.
    private static func isEncrypted(_ raw: UnsafeRawBufferPointer) -> Bool {
        raw.split(separator: 0x0A).contains { line in
            line.starts(with: "-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8)
                || line.starts(with: "Proc-Type: 4,ENCRYPTED".utf8)
        }
    }

    private static func date(_ seconds: Int) -> String {
        String(Timestamp(microseconds: 0).advanced(bySeconds: Int64(seconds)).description.prefix(10))
    }
}

extension GatewayError.Code {
    /// A client certificate that is no certificate, or not valid now.
    package static let credentialCertificate = Self("credential.certificate")
    /// A private key that is none, is encrypted, or belongs to another certificate.
    package static let credentialKey = Self("credential.key")
}
