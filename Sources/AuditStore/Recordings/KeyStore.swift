import Crypto
import GatewayCore

/// Session keys, each wrapped by the vault key, in slots of 80 bytes of `keys/keys.log`: session (16), AES-GCM nonce,
/// wrapped
/// key and tag (60), checksum (4). Erasing a session's content is destroying its slot.
package enum KeyStore {
    static let path = "keys/keys.log"
    static let slotLength = 80

    static func wrap(_ key: SymmetricKey, session: RecordID, vaultKey: SymmetricKey) throws(GatewayError) -> [UInt8] {
        do {
            var slot = Array(session.bytes)
            let plain = key.withUnsafeBytes { Array($0) }
            let sealed = try AES.GCM.seal(plain, using: vaultKey, authenticating: slot)
            guard let combined = sealed.combined, combined.count == 60 else {
                throw GatewayError(.logFailed, "A session key could not be wrapped.")
            }
            slot += combined
            let sum = slot.withUnsafeBytes { Checksum.of($0) }
            withUnsafeBytes(of: sum.littleEndian) { slot += $0 }
            return slot
        } catch {
            throw GatewayError(.logFailed, "A session key could not be wrapped.", cause: error)
        }
    }

    /// Nil when the slot was erased, which leaves zeros and nothing else. Errors: `log_corrupt` when it is missing, damaged
    /// or another session's: what that key seals is lost, but nobody erased it; `wrong_vault_key`.
    static func unwrap(_ slot: [UInt8], session: RecordID, vaultKey: SymmetricKey) throws(GatewayError) -> SymmetricKey?
    {
        if isErased(slot) { return nil }
        guard isWhole(slot), slot.starts(with: session.bytes) else { throw missing(session) }
        do {
            let box = try AES.GCM.SealedBox(combined: slot[16..<76])
            return SymmetricKey(data: try AES.GCM.open(box, using: vaultKey, authenticating: slot[0..<16]))
        } catch {
            throw GatewayError(
                .wrongVaultKey,
                "The vault key does not open the key of session \(session); use the key that the data was written with.",
                cause: error)
        }
    }

    /// What is said where a key should be and is not.
    static func missing(_ session: RecordID) -> GatewayError {
        GatewayError(
            .logCorrupt,
            "\(path) does not hold the key of session \(session): it is damaged, or an older copy than the rest. Restore it."
        )
    }

    static func isErased(_ slot: [UInt8]) -> Bool { slot.count == slotLength && slot.allSatisfy { $0 == 0 } }

    static func isWhole(_ slot: [UInt8]) -> Bool {
        guard slot.count == slotLength else { return false }
        if isErased(slot) { return true }
        return slot.withUnsafeBytes {
            Checksum.of(UnsafeRawBufferPointer(rebasing: $0[0..<76]))
                == UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 76, as: UInt32.self))
        }
    }
}

extension RecordID {
    /// The 16 bytes in network order.
    var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }

    /// Reads 16 bytes in network order.
    init(bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
