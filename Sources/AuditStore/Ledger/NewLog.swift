package import AuditLedger
import Crypto
package import GatewayCore

/// Ends a log that cannot go on, after a legitimate restore, and begins another: a new key, and so a new origin.
///
/// The old tree and signer are kept beside the new ones as `ledger.old-N` and `signer.old-N`: what was signed stays
/// verifiable with its own key. The new tree begins at the first entry that the log itself still holds, so that no entry is
/// in neither tree; those that were removed from the log before are in the old one. An entry names the old log's last known
/// checkpoint and the reason.
package enum NewLog {
    package struct Result: Sendable {
        /// The old log's last known checkpoint; nil when none was found.
        package var old: Checkpoint?
        package var key: NoteVerifierKey
        package var published: PublishedCheckpoint
    }

    /// `options` are the gateway's own. Only one process may have the folder. May be run again after a crash.
    ///
    /// Errors: `ledger_refused` when `options` give a key that has signed already; those of opening the store, but not the
    /// other refusals of the ledger.
    package static func begin(
        directory: String, options: StoreOptions, storage: (any LogStorage)? = nil, reason: String,
        by principal: Principal, now: @escaping @Sendable () -> Timestamp
    ) async throws -> Result {
        let storage = storage ?? PosixStorage(root: directory)
        try requireFresh(options.ledger, in: storage)
        // Without the index nothing is filed: the log keeps all its segments until the new tree has them.
        let plain = StoreOptions(
            vaultKey: options.vaultKey, segmentSize: options.segmentSize, watermark: options.watermark,
            keepsIndex: false)
        let old = lastKnown(in: storage)
        let first = try AuditStore.open(directory: directory, options: plain, storage: storage, now: now)
        do {
            try await first.appendSystemDurably(entry(old, reason, principal))
        } catch {
            first.close()
            throw error
        }
        first.close()
        // The entry is durable before the old log ends: a crash in between leaves the old one as it was.
        try setAside(storage)
        guard var beginning = options.ledger else {
            throw GatewayError(.ledgerFailed, "The options ask for no ledger.")
        }
        beginning.startsNewLog = true
        let fresh = StoreOptions(
            vaultKey: options.vaultKey, ledger: beginning, segmentSize: options.segmentSize,
            watermark: options.watermark, keepsIndex: false)
        let store = try AuditStore.open(directory: directory, options: fresh, storage: storage, now: now)
        defer { store.close() }
        guard let ledger = store.ledger else { throw GatewayError(.ledgerFailed, "The options ask for no ledger.") }
        let published = try await ledger.published(through: store.progress.synced)
        return Result(old: old, key: ledger.verifierKey, published: published)
    }

    /// A given key signs one tree only: two under one origin are what witnesses and readers take for a forgery.
    private static func requireFresh(_ options: LedgerOptions?, in storage: any LogStorage) throws(GatewayError) {
        guard let options, let key = options.givenKey else { return }
        let origin = LogOrigin.make(name: options.name ?? LedgerOptions.standardName, key: key.publicKey)
        let names = (try? storage.list("")) ?? []
        func isOf(_ name: String, _ folder: String) -> Bool { name == folder || number(name, folder) != nil }
        let signed = names.compactMap { name -> String? in
            if isOf(name, SignerKey.folder) { return SignerState.peek(storage, folder: name)?.origin }
            if isOf(name, LedgerFolder.standardName) { return published(storage, folder: name)?.origin }
            return nil
        }
        guard !signed.contains(origin) else {
            throw GatewayError(
                .ledgerRefused,
                "The key in ledger.key has signed the log \(origin) already; put a new key into ledger.key first.")
        }
    }

    private static func published(_ storage: any LogStorage, folder: String) -> Checkpoint? {
        guard let bytes = try? LedgerFolder(storage: storage, name: folder).checkpoint(),
            let note = try? SignedNote(bytes)
        else { return nil }
        return try? Checkpoint(text: note.text)
    }

    private static func entry(_ old: Checkpoint?, _ reason: String, _ principal: Principal) -> EntryDraft {
        var draft = EntryDraft(.newLog)
        draft.principal = principal
        draft.content = [ContentItem(.reason, reason)]
        if let old {
            draft.details = [
                "old_origin": old.origin, "old_size": String(old.head.size), "old_root": old.head.root.base64,
            ]
        }
        return draft
    }

    /// The largest checkpoint of the old log that can be read, published or only signed. Nothing of it is believed; it is
    /// what the entry claims, for others to hold against what they have seen.
    private static func lastKnown(in storage: any LogStorage) -> Checkpoint? {
        let names = (try? storage.list("")) ?? []
        let olds = names.compactMap { number($0, LedgerFolder.standardName) }
        let isRunAgain = !names.contains(LedgerFolder.standardName)
        let suffix = isRunAgain ? olds.max().map { ".old-\($0)" } ?? "" : ""
        let found = [
            published(storage, folder: LedgerFolder.standardName + suffix),
            SignerState.peek(storage, folder: SignerKey.folder + suffix),
        ]
        return found.compactMap(\.self).max { $0.head.size < $1.head.size }
    }

    /// Moves tree and signer aside under one number, each step durable.
    private static func setAside(_ storage: any LogStorage) throws(GatewayError) {
        do throws(StorageFailure) {
            let names = Set(try storage.list(""))
            let folders = [LedgerFolder.standardName, SignerKey.folder]
            // A crash may have left one of the two moved: the other one takes the same number.
            var n = 1
            while folders.contains(where: { names.contains("\($0).old-\(n)") && names.contains($0) })
                || folders.allSatisfy({ names.contains("\($0).old-\(n)") })
            {
                n += 1
            }
            for folder in folders where names.contains(folder) {
                try storage.rename(folder, to: "\(folder).old-\(n)")
                try storage.syncDirectory("")
            }
        } catch {
            throw .ledgerFailure(error)
        }
    }

    private static func number(_ name: String, _ folder: String) -> Int? {
        let start = folder + ".old-"
        return name.hasPrefix(start) ? Int(name.dropFirst(start.count)) : nil
    }
}
