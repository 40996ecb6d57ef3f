import CLibcrypto
import Crypto
import GatewayCore

/// Opens what `SessionCipher` sealed under one key, its key schedule kept. Confined to one thread at a time; not Sendable.
final class SessionOpener {
    private let context: OpaquePointer

    /// Errors: `log_failed`, when the library has no room or no such cipher.
    init(_ key: SymmetricKey) throws(GatewayError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw Self.failure }
        self.context = context
        let isReady = key.withUnsafeBytes { bytes in
            bytes.count == 32
                && EVP_DecryptInit_ex(
                    context, EVP_aes_256_gcm(), nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
        }
        // The class is whole by now, so `deinit` frees the context.
        guard isReady else { throw Self.failure }
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    private static var failure: GatewayError { GatewayError(.logFailed, "Content could not be opened.") }

    /// The plain text of `sealed[clearLength...]`, ciphertext and tag; `sealed[..<clearLength]` is authenticated with it.
    /// Nil when it does not open: nothing of what was decrypted is given out then.
    func open(_ sealed: UnsafeRawBufferPointer, clearLength: Int, nonce: InlineArray<12, UInt8>) -> [UInt8]? {
        let textLength = sealed.count - clearLength - SessionCipher.tagLength
        guard clearLength >= 0, textLength >= 0, sealed.count <= Int32.max - 64,
            let base = sealed.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return nil }
        var tag = Array(sealed.suffix(SessionCipher.tagLength))
        var isGenuine = false
        // One byte of room more, so that an empty text has a place too.
        let plain = [UInt8](unsafeUninitializedCapacity: textLength + 1) { out, count in
            var length: Int32 = 0
            let hasNonce = nonce.span.withUnsafeBufferPointer {
                EVP_DecryptInit_ex(context, nil, nil, nil, $0.baseAddress) == 1
            }
            isGenuine =
                hasNonce && EVP_DecryptUpdate(context, nil, &length, base, Int32(clearLength)) == 1
                && EVP_DecryptUpdate(context, out.baseAddress, &length, base + clearLength, Int32(textLength)) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(SessionCipher.tagLength), &tag) == 1
                && EVP_DecryptFinal_ex(context, out.baseAddress.map { $0 + textLength }, &length) == 1
            count = isGenuine ? textLength : 0
        }
        return isGenuine ? plain : nil
    }
}
