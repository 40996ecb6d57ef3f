package import Crypto
package import GatewayCore

/// What the vault key seals in a data folder: keys derived from it, each for one purpose.
package struct DataFolderKeys: Sendable {
    /// Wraps the sessions' keys.
    package var sessions: SymmetricKey
    /// Seals the ledger's signing key.
    package var signer: SymmetricKey

    package init(sessions: SymmetricKey, signer: SymmetricKey) {
        self.sessions = sessions
        self.signer = signer
    }
}

/// Puts everything that one vault key seals under another, while no gateway runs. Recordings stay as they are: only the
/// wrapped session keys and the ledger's signing keys, also those of ended logs, are rewritten.
///
/// All is first made anew in `rewrap.new/`, which becomes `rewrap/` in one durable step. Until then the old key opens the
/// folder, from then on the new one: whoever opens it next copies the new files over the old ones before reading any.
package enum KeyRotation {
    package struct Result: Sendable, Equatable {
        /// Session keys that were wrapped anew, and those that the new key opened already.
        package var rewrapped = 0
        package var kept = 0
        /// Signing keys of the ledger that were sealed anew.
        package var signers = 0
    }

    private static let (new, committed, done) = ("rewrap.new", "rewrap", "rewrap.done")

    /// Takes the folder's lock meanwhile. May be run again after a crash.
    ///
    /// Errors: `store_busy`; `wrong_vault_key` when something opens with neither key, `log_corrupt`, `log_failed`; nothing has changed
    /// then, or all has.
    package static func run(
        _ storage: any LogStorage, from old: DataFolderKeys, to keys: DataFolderKeys
    ) throws(GatewayError) -> Result {
        try locked(storage) {
            try finish(storage)
            var result = Result()
            try storage.makeDirectory(new)
            let source = try storage.open(KeyStore.path, create: false)
            let copy = try storage.open(new + "/" + staged(KeyStore.path), create: true)
            (result.rewrapped, result.kept) = try KeyStore.rewrap(
                source, into: copy, from: old.sessions, to: keys.sessions)
            try copy.sync()
            for folder in try storage.list("") where isSignerFolder(folder) {
                let path = folder + "/key"
                guard let bytes = try storage.contents(of: path, limit: 4096) else { continue }
                let sealed = try SignerKey.reseal(bytes, from: old.signer, to: keys.signer)
                let copy = try storage.open(new + "/" + staged(path), create: true)
                try copy.write(sealed ?? bytes, at: 0)
                try copy.sync()
                if sealed != nil { result.signers += 1 }
            }
            // Files, their names, the folder's: all durable before the one step that makes them count.
            try storage.syncDirectory(new)
            try storage.syncDirectory("")
            try storage.rename(new, to: committed)
            try finish(storage)
            return result
        }
    }

    /// Whether all that there is opens with `keys`, after a rotation that was cut short has come to its end.
    package static func isDone(_ storage: any LogStorage, _ keys: DataFolderKeys) throws(GatewayError) -> Bool {
        try locked(storage) {
            try finish(storage)
            let file = try storage.open(KeyStore.path, create: false)
            var number: UInt64 = 0
            while true {
                let slot = try LogRecovery.readSlot(file, number)
                guard slot.count == KeyStore.slotLength else { return number > 0 }
                let session = slot.withUnsafeBytes { RecordID(bytes: UnsafeRawBufferPointer(rebasing: $0[0..<16])) }
                // All are under one key, so one is enough.
                if slot.contains(where: { $0 != 0 }) {
                    return (try? KeyStore.unwrap(slot, session: session, vaultKey: keys.sessions)) != nil
                }
                number += 1
            }
        }
    }

    private static func locked<Value>(
        _ storage: any LogStorage, _ body: () throws -> Value
    ) throws(GatewayError) -> Value {
        do {
            guard try storage.lock() else { throw GatewayError.busy(storage) }
            defer { storage.unlock() }
            return try body()
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.logFailed, "The keys could not be rewritten; run it again.", cause: error)
        }
    }

    /// Brings a rotation that was cut short to its end, or takes it back. To be called before any key is read, by who has
    /// the folder's lock.
    static func finish(_ storage: any LogStorage) throws(StorageFailure) {
        let names = try storage.list("")
        if names.contains(committed) {
            // Not to be taken back by a power loss once the first byte is copied.
            try storage.syncDirectory("")
            for name in try storage.list(committed) {
                // Over the old bytes, in their place: renamed, the old file would leave its wrapped keys behind in blocks
                // that are free, where no later erasure reaches them.
                let source = try storage.open(committed + "/" + name, create: false)
                try copy(source, to: storage.open(target(name), create: false))
            }
            try storage.rename(committed, to: done)
            try storage.syncDirectory("")
        }
        for folder in [new, done] { try scrub(folder, storage) }
    }

    private static func copy(_ source: any LogFile, to target: any LogFile) throws(StorageFailure) {
        let size = try source.size()
        var offset: UInt64 = 0
        while offset < size {
            let piece = try source.read(1 << 20, at: offset)
            guard !piece.isEmpty else { break }
            try target.write(piece, at: offset)
            offset += UInt64(piece.count)
        }
        try target.truncate(size)
        try target.sync()
    }

    /// Removes a folder, its files overwritten first: they hold keys that sessions erased later have.
    private static func scrub(_ folder: String, _ storage: any LogStorage) throws(StorageFailure) {
        guard try storage.list("").contains(folder) else { return }
        for name in try storage.list(folder) {
            let path = folder + "/" + name
            let file = try storage.open(path, create: false)
            let size = try file.size()
            for offset in stride(from: 0, to: size, by: 1 << 20) {
                try file.write([UInt8](repeating: 0, count: Int(min(1 << 20, size - offset))), at: offset)
            }
            try file.sync()
            try storage.remove(path)
        }
        try storage.syncDirectory(folder)
        try storage.remove(folder)
        try storage.syncDirectory("")
    }

    private static func isSignerFolder(_ name: String) -> Bool {
        name == SignerKey.folder || name.hasPrefix(SignerKey.folder + ".old-")
    }

    /// A path as one name, and back.
    private static func staged(_ path: String) -> String { path.replacing("/", with: "@") }
    private static func target(_ name: String) -> String { name.replacing("@", with: "/") }
}
