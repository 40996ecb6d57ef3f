package import Crypto
import GatewayCore

/// The gateway's root key, 256 bits; nothing uses it but to derive keys for one purpose each.
package struct VaultKey: Sendable, Equatable {
    package enum Purpose: Sendable, Hashable {
        /// Wraps the keys of recordings.
        case sessionKeyWrapping
        /// HMAC over what an approver was shown.
        case approvalDigest
        /// HMAC of masked values, comparable within one connection only.
        case maskHash(connection: String)
        /// Seals the ledger's signing key at rest.
        case ledgerKeySealing
        case other(String)

        /// Distinct for distinct purposes: the free part comes last, after a fixed word.
        fileprivate var label: String {
            switch self {
            case .sessionKeyWrapping: "session-key-wrapping"
            case .approvalDigest: "approval-digest"
            case .maskHash(let connection): "mask-hash:" + connection
            case .ledgerKeySealing: "ledger-key-sealing"
            case .other(let label): "other:" + label
            }
        }
    }

    private let root: SymmetricKey

    package init(root: SymmetricKey) {
        self.root = root
    }

    /// Reads 32 bytes written as 64 hexadecimal digits; nil for anything else.
    init?(text secret: Secret) {
        let key = secret.withBytes { bytes -> SymmetricKey? in
            guard bytes.count == 64 else { return nil }
            let decoded = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 1)
            defer {
                decoded.initializeMemory(as: UInt8.self, repeating: 0)
                decoded.deallocate()
            }
            for index in 0..<32 {
                guard let high = bytes[index * 2].hexDigitValue, let low = bytes[index * 2 + 1].hexDigitValue else {
                    return nil
                }
                decoded[index] = high << 4 | low
            }
            return SymmetricKey(data: UnsafeRawBufferPointer(decoded))
        }
        guard let key else { return nil }
        self.root = key
    }

    /// The key for one purpose: HKDF-SHA256 (RFC 5869), 256 bits, the same on every start.
    package func derive(_ purpose: Purpose) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: root, salt: Array("sallyport vault 1".utf8), info: Array(purpose.label.utf8),
            outputByteCount: 32)
    }
}

extension VaultKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "‹vault key›" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
