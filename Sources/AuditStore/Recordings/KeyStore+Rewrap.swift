package import Crypto
package import GatewayCore

extension KeyStore {
    /// Wraps every key anew, under `new`, in one durable step. Keys that `new` opens already are left as they are, so that
    /// it can be done again. The folder must be locked, and no gateway may run on it.
    ///
    /// Errors: `wrong_vault_key` when a key opens with neither; then nothing has changed.
    package static func rewrap(
        _ storage: any LogStorage, from old: SymmetricKey, to new: SymmetricKey
    ) throws(GatewayError) -> (rewrapped: Int, kept: Int) {
        do {
            let file = try storage.open(path, create: false)
            let size = try file.size()
            var bytes: [UInt8] = []
            var (rewrapped, kept) = (0, 0)
            for number in 0..<size / UInt64(slotLength) {
                let slot = try LogRecovery.readSlot(file, number)
                guard isWhole(slot) else {
                    // Torn by a crash before anything was sealed with it, or rotten: it opens nothing, and it keeps its
                    // place.
                    bytes += slot
                    continue
                }
                let session = slot.withUnsafeBytes { RecordID(bytes: UnsafeRawBufferPointer(rebasing: $0[0..<16])) }
                if slot.allSatisfy({ $0 == 0 }) {
                    bytes += slot
                } else if (try? unwrap(slot, session: session, vaultKey: new)) != nil {
                    bytes += slot
                    kept += 1
                } else if let key = try unwrap(slot, session: session, vaultKey: old) {
                    bytes += try wrap(key, session: session, vaultKey: new)
                    rewrapped += 1
                }
            }
            try storage.replace(path, with: bytes)
            return (rewrapped, kept)
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.logFailed, "The session keys could not be rewritten.", cause: error)
        }
    }
}
