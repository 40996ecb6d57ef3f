import Crypto
import NIOSSL
import SwiftASN1
import X509

/// The tls-server-end-point channel binding: a hash of the server's certificate (RFC 5929 section 4.1).
enum TLSEndpointBinding {
    /// Nil when the certificate's signature algorithm names no hash that the RFC allows to use, e.g. Ed25519.
    static func hash(of certificate: NIOSSLCertificate) -> [UInt8]? {
        guard let bytes = try? certificate.toDERBytes(), let parsed = try? Certificate(derEncoded: bytes) else {
            return nil
        }
        switch parsed.signatureAlgorithm {
        // MD5 and SHA-1 are replaced by SHA-256.
        case .sha1WithRSAEncryption, .sha256WithRSAEncryption, .ecdsaWithSHA256: return Array(SHA256.hash(data: bytes))
        case .sha384WithRSAEncryption, .ecdsaWithSHA384: return Array(SHA384.hash(data: bytes))
        case .sha512WithRSAEncryption, .ecdsaWithSHA512: return Array(SHA512.hash(data: bytes))
        default: return nil
        }
    }
}
