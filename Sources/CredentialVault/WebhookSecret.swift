package import Crypto
import Foundation

/// Reads a symmetric secret as Standard Webhooks 1.0.0 writes it: `whsec_` and base64 of 24 to 64 bytes.
package enum WebhookSecret {
    private static let prefix = Array("whsec_".utf8)

    /// Nil when it is none.
    package static func key(_ secret: Secret) -> SymmetricKey? {
        secret.withBytes { bytes -> SymmetricKey? in
            guard bytes.count > prefix.count, bytes.prefix(prefix.count).elementsEqual(prefix),
                let raw = Data(base64Encoded: Data(bytes.dropFirst(prefix.count))), (24...64).contains(raw.count)
            else { return nil }
            return SymmetricKey(data: raw)
        }
    }
}
