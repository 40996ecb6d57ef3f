package import Crypto
import Foundation

/// Signs a request after Standard Webhooks 1.0.0, "Signature scheme", symmetric: `v1` is HMAC-SHA256 over id, time and body.
package enum WebhookSignature {
    /// The field `webhook-signature`: one signature a key, so that a receiver may hold any of them.
    package static func field(id: String, time: Int64, body: [UInt8], keys: [SymmetricKey]) -> String {
        keys.map { key in
            var code = HMAC<SHA256>(key: key)
            code.update(data: Array("\(id).\(time).".utf8))
            code.update(data: body)
            return "v1," + Data(code.finalize()).base64EncodedString()
        }.joined(separator: " ")
    }
}
