import CLibcrypto
import Crypto
import GatewayCore

/// AES-256-GCM under one session's key, its key schedule kept: sealing a short record costs a third of a call that
/// expands the key each time. Confined to its session's event loop; not Sendable.
///
/// The nonce is four zero bytes and a counter, used once per key.
final class SessionCipher {
    static let tagLength = 16
    private let context: OpaquePointer
    private(set) var counter: UInt64 = 0

    /// Errors: `log_failed`, when the library has no room or no such cipher.
    init(_ key: SymmetricKey) throws(GatewayError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw Self.failure }
        self.context = context
        let isReady = key.withUnsafeBytes { bytes in
            bytes.count == 32
                && EVP_EncryptInit_ex(
                    context, EVP_aes_256_gcm(), nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
        }
        // The class is whole by now, so `deinit` frees the context.
        guard isReady else { throw Self.failure }
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    private static var failure: GatewayError { GatewayError(.logFailed, "Content could not be sealed.") }

    static func nonce(_ counter: UInt64) -> InlineArray<12, UInt8> {
        InlineArray { $0 < 4 ? 0 : UInt8(truncatingIfNeeded: counter >> UInt64(8 * (11 - $0))) }
    }

    /// Appends ciphertext and tag of `plain` to `out`; what `out` holds from `clearStart` on is authenticated with it.
    func seal(_ plain: UnsafeRawBufferPointer, clearStart: Int, into out: inout [UInt8]) throws(GatewayError) {
        let start = out.count
        guard plain.count <= Int32.max - 64, start - clearStart <= Int32.max else { throw Self.failure }
        let nonce = Self.nonce(counter)
        out.append(contentsOf: repeatElement(0, count: plain.count + Self.tagLength))
        let isSealed = out.withUnsafeMutableBufferPointer { out in
            guard let base = out.baseAddress else { return false }
            var length: Int32 = 0
            let text = base + start
            let hasNonce = nonce.span.withUnsafeBufferPointer {
                EVP_EncryptInit_ex(context, nil, nil, nil, $0.baseAddress) == 1
            }
            let source = plain.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return hasNonce
                && EVP_EncryptUpdate(context, nil, &length, base + clearStart, Int32(start - clearStart)) == 1
                && EVP_EncryptUpdate(context, text, &length, source, Int32(plain.count)) == 1
                && EVP_EncryptFinal_ex(context, text + plain.count, &length) == 1
                && EVP_CIPHER_CTX_ctrl(
                    context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), text + plain.count) == 1
        }
        guard isSealed else { throw Self.failure }
        counter += 1
    }
}
