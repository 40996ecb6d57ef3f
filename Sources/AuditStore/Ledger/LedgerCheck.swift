package import AuditLedger
import GatewayCore

/// Checks a ledger from its entries up: signatures, root, every tile, each leaf, each session's sequence; and, where
/// they are at hand, the log, the content, the recordings and the index. Reads only, writes nothing.
///
/// It checks up to the published checkpoint, so a gateway may run on the folder meanwhile.
package struct LedgerCheck: Sendable {
    private let files: LedgerFiles
    private let key: NoteVerifierKey

    /// Witnesses whose cosignatures count; others' are passed over.
    package var witnesses: [NoteVerifierKey] = []
    /// What the signer signed last; read before the checkpoint was. Nil when that is not known.
    package var lastSigned: TreeHead?
    /// An earlier checkpoint of the same log, as a signed note.
    package var since: [UInt8]?
    /// The log's index of the tree's first entry; more than 0 in a log that was started anew.
    package var firstLeaf: UInt64 = 0
    /// Whether the data folder's log is there too, and not only a copy of the ledger.
    package var hasLog = false
    /// Whether a gateway may be writing.
    package var isLive = false
    /// Content, recordings and index; nil leaves them out.
    package var archive: AuditArchive?
    /// 1 keeps the check on the calling thread.
    package var workers = 2

    /// `folder` is the ledger's within `storage`; `key` is the log's.
    package init(storage: any LogStorage, folder: String = "ledger", key: NoteVerifierKey) {
        files = LedgerFiles(storage: storage, folder: folder + "/")
        self.key = key
    }

    /// Returns what was seen when all is well. Throws `LedgerProblem` naming the first bad thing, and what `report`
    /// throws, which ends the check.
    package func run(_ report: (LedgerCheckProgress) throws -> Void = { _ in }) throws -> LedgerSummary {
        let (checkpoint, signers) = try readCheckpoint()
        var summary = LedgerSummary(
            origin: checkpoint.origin, size: checkpoint.head.size, root: checkpoint.head.root.base64)
        summary.witnesses = signers.filter { $0.key.algorithm == .cosignatureV1 }.map(\.key.name)

        // The index follows the log a little behind.
        if isLive, let archive, try !archive.waitForIndex(seconds: 60) {
            throw LedgerProblem(.index, "the index does not come up to the log")
        }
        var sessions = SessionsCheck(archive: archive, workers: workers)
        var tree = LedgerTreeCheck(
            files: files, head: checkpoint.head, workers: workers, isAnew: hasLog ? firstLeaf > 0 : nil)
        try tree.run(report) { ended in try sessions.take(ended, isFinal: true) }
        summary.sessions = tree.sessions
        summary.openSessions = UInt64(tree.open.count)
        summary.tiles = tree.tiles
        summary.bundles = tree.bundles
        if let since { summary.since = try check(since: since, checkpoint) }

        // Before the log is read: a session that is found erased here has its entry there.
        if isLive { try sessions.take(Array(tree.open), isFinal: false, report) }

        var rest = LedgerRest(files: files, size: checkpoint.head.size)
        try report(LedgerCheckProgress(stage: .files, done: 0, total: tree.tiles + tree.bundles))
        try files.walk(others: ["checkpoint.new"]) { try rest.add($0) }
        var erasedSince: Set<RecordID> = []
        if hasLog {
            var log = try LedgerLogCheck(
                files: files, head: checkpoint.head, tree: tree.tree, rest: rest, firstLeaf: firstLeaf,
                lastSigned: lastSigned)
            try log.run(isLive: isLive, report)
            summary.logEntries = log.compared
            summary.uncovered = log.uncovered
            erasedSince = log.erased
        } else if !isLive, let ahead = rest.ahead.first {
            throw LedgerProblem(.file, "is not covered by the checkpoint", file: files.path(ahead))
        }
        if !isLive { try sessions.take(Array(tree.open), isFinal: summary.uncovered == 0, report) }
        try sessions.finish(
            erased: tree.erased.union(erasedSince), isLive: isLive, isAnew: firstLeaf > 0, into: &summary)
        return summary
    }

    private func readCheckpoint() throws -> (Checkpoint, [VerifiedSignature]) {
        let path = files.folder + LedgerFiles.checkpointName
        guard let bytes = try files.read(LedgerFiles.checkpointName, atMost: SignedNote.Limits().bytes) else {
            throw LedgerProblem(.file, "is missing", file: path)
        }
        return try Self.verify(bytes, key: key, witnesses: witnesses, kind: .checkpoint, path)
    }

    /// Reads a checkpoint; throws unless the log's own key signed it, and each known witness under it did.
    static func verify(
        _ bytes: [UInt8], key: NoteVerifierKey, witnesses: [NoteVerifierKey], kind: LedgerProblem.Kind, _ path: String?
    ) throws -> (Checkpoint, [VerifiedSignature]) {
        do {
            let note = try SignedNote(bytes)
            let checkpoint = try Checkpoint(text: note.text)
            let signers = try note.verify([key] + witnesses)
            guard signers.contains(where: { $0.key == key }) else {
                throw LedgerProblem(kind, "is not signed by the log's key \(key.text)", file: path)
            }
            guard checkpoint.hasOrigin(key.name) else {
                throw LedgerProblem(kind, "is of another log than the key's", file: path)
            }
            // One spelling only: a byte that no reader looks at could otherwise be anything.
            guard note.bytes == bytes else { throw LedgerProblem(kind, "is not in canonical form", file: path) }
            return (checkpoint, signers)
        } catch let error as LedgerFormatError {
            throw LedgerProblem(kind, error.description, file: path)
        } catch let error as SignedNote.Refused {
            switch error {
            case .badSignature(let name):
                throw LedgerProblem(kind, "the signature of \(name) under it is false", file: path)
            case .noKnownSignature:
                throw LedgerProblem(kind, "is not signed by the log's key \(key.text)", file: path)
            }
        }
    }

    /// Proves from the tiles, which are checked by now, that the tree goes on from an earlier checkpoint.
    private func check(since: [UInt8], _ now: Checkpoint) throws -> UInt64 {
        let (old, _) = try Self.verify(since, key: key, witnesses: witnesses, kind: .since, nil)
        guard old.head.size <= now.head.size else {
            throw LedgerProblem(
                .since, "the log had \(old.head.size) entries then and has \(now.head.size) now: its end is missing")
        }
        let files = self.files
        let proof = try ConsistencyProof(oldSize: old.head.size, newSize: now.head.size) { try files.tile($0) }
        do throws(ProofFailure) {
            try proof.verify(old: old.head.root, new: now.head.root)
        } catch {
            throw LedgerProblem(.since, "the tree does not extend the earlier one of \(old.head.size) entries")
        }
        return old.head.size
    }
}
