package import Crypto
import GatewayCore

extension KeyStore {
    /// Slots read at once.
    private static let piece = 4096

    /// Writes every slot of `source` to `copy`, wrapped under `new`; slots that it opens already as they are, so that this
    /// can be done again. Not synced.
    ///
    /// Errors: `wrong_vault_key` when a key opens with neither; those of the storage.
    package static func rewrap(
        _ source: any LogFile, into copy: any LogFile, from old: SymmetricKey, to new: SymmetricKey
    ) throws -> (rewrapped: Int, kept: Int) {
        var (rewrapped, kept) = (0, 0)
        var number: UInt64 = 0
        while true {
            let slots = try source.read(piece * slotLength, at: number * UInt64(slotLength))
            var out: [UInt8] = []
            out.reserveCapacity(slots.count)
            for start in stride(from: 0, through: slots.count - slotLength, by: slotLength) {
                let slot = Array(slots[start..<start + slotLength])
                guard isWhole(slot) else {
                    // Torn by a crash before anything was sealed with it, or rotten: it opens nothing, and it keeps its
                    // place.
                    out += slot
                    continue
                }
                let session = slot.withUnsafeBytes { RecordID(bytes: UnsafeRawBufferPointer(rebasing: $0[0..<16])) }
                if slot.allSatisfy({ $0 == 0 }) {
                    // Erased.
                    out += slot
                } else if (try? unwrap(slot, session: session, vaultKey: new)) != nil {
                    out += slot
                    kept += 1
                } else if let key = try unwrap(slot, session: session, vaultKey: old) {
                    out += try wrap(key, session: session, vaultKey: new)
                    rewrapped += 1
                }
            }
            guard !out.isEmpty else { return (rewrapped, kept) }
            try copy.write(out, at: number * UInt64(slotLength))
            number += UInt64(out.count / slotLength)
        }
    }
}
