import AuditLedger
import Crypto
import GatewayCore

/// Holds what is recorded of one session against the tree: its entries, the commitments of its content, its recording
/// to the end, and the index's counts.
struct SessionCheck: Sendable {
    struct Result: Sendable {
        var contents: UInt64 = 0
        var erased: UInt64 = 0
        var partial: UInt64 = 0
        /// The index does not know the session: its content was erased, or the index is wrong.
        var isUnknown = false
        /// A key of the session was destroyed, which only an erasure may do.
        var isErased = false
    }

    private static let page = 200

    let archive: AuditArchive

    /// `isFinal`: nothing of the session lies beyond the checkpoint. Throws `LedgerProblem`.
    func run(_ session: RecordID, _ tally: SessionTally, isFinal: Bool) throws(LedgerProblem) -> Result {
        do {
            guard let known = try archive.session(session) else {
                return Result(isUnknown: true)
            }
            do {
                if isFinal, tally.first == 0 { try compare(known, tally) }
                return try read(session, tally)
            } catch {
                // It may have been erased meanwhile, or its erasure was cut short.
                guard try archive.isErased(session) else { throw error }
                let isGone = try archive.session(session) == nil
                return Result(isUnknown: isGone, isErased: !isGone)
            }
        } catch let problem as LedgerProblem {
            throw problem
        } catch let error as GatewayError {
            throw LedgerProblem(.recording, error.message, session: session)
        } catch {
            throw LedgerProblem(.recording, "cannot be read", session: session)
        }
    }

    private func compare(_ known: ArchivedSession, _ tally: SessionTally) throws(LedgerProblem) {
        let pairs = [
            ("commands", known.commands, tally.commands), ("blocked", known.blocked, tally.blocked),
            ("held", known.held, tally.held), ("errors", known.errors, tally.errors),
        ]
        for (name, has, should) in pairs where has != should {
            throw LedgerProblem(
                .index, "the index counts \(has) as \(name), the entries are \(should)", session: known.context.session)
        }
        guard tally.isClosed == (known.closed != nil) else {
            throw LedgerProblem(
                .index, "the index has the session as \(known.closed == nil ? "open" : "closed"), the tree has not",
                session: known.context.session)
        }
    }

    private func read(_ session: RecordID, _ tally: SessionTally) throws -> Result {
        var result = Result()
        var digest = MerkleTree.emptyRoot
        var sequence = tally.first
        while sequence < tally.entries {
            let entries = try archive.entries(of: session, from: sequence, limit: Self.page)
            guard !entries.isEmpty else {
                throw LedgerProblem(
                    .recording, "has \(sequence) entries, the tree has \(tally.entries)", session: session)
            }
            for entry in entries where sequence < tally.entries {
                let leaf = try Self.leaf(entry.leaf, session: session, sequence: sequence)
                digest = MerkleTree.node(digest, MerkleTree.leafHash(entry.leaf))
                try check(entry, leaf, &result)
                sequence += 1
            }
        }
        guard digest == tally.digest else {
            throw LedgerProblem(.recording, "holds other entries than the tree", session: session)
        }
        return result
    }

    private static func leaf(_ bytes: [UInt8], session: RecordID, sequence: UInt64) throws(LedgerProblem) -> Leaf {
        guard let leaf = try? Leaf(bytes), leaf.session == session, leaf.sequence == sequence else {
            throw LedgerProblem(.recording, "has no entry of sequence \(sequence)", session: session)
        }
        return leaf
    }

    private func check(_ entry: ArchivedEntry, _ leaf: Leaf, _ result: inout Result) throws {
        let commitments = leaf.commitments
        guard commitments.count == leaf["content"]?.list?.count ?? 0 else {
            throw problem("a commitment is malformed", leaf)
        }
        if entry.isErased {
            result.erased += UInt64(commitments.count)
            result.isErased = true
            return
        }
        guard entry.content.map(\.kind) == commitments.map(\.kind) else {
            throw problem("has other content than the entry is committed to", leaf)
        }
        for (content, commitment) in zip(entry.content, commitments) {
            switch content.kind {
            case .answer, .input: try checkStream(content, commitment, leaf, &result)
            default:
                let made = Commitment(kind: content.kind, salt: content.salt, content: content.bytes)
                guard made.digest == commitment.digest, made.size == commitment.size else {
                    throw problem("its \(content.kind.rawValue) is not what the entry is committed to", leaf)
                }
                result.contents += 1
            }
        }
    }

    /// Reads all chunks of an exchange, a chunk at a time.
    private func checkStream(
        _ content: SaltedContent, _ commitment: Commitment, _ leaf: Leaf, _ result: inout Result
    ) throws {
        // What a session's end cut off belongs to exchanges that its closing entry does not name.
        guard let session = leaf.session, let exchange = leaf.exchange else {
            result.partial += 1
            return
        }
        var running = RunningCommitment(salt: content.salt)
        try archive.chunks(of: session, exchange: exchange, content.kind == .answer ? .answer : .input) { chunk in
            chunk.withUnsafeBytes { running.update($0, kept: true) }
            return true
        }
        let size = running.size
        guard size == commitment.kept ?? commitment.size else {
            throw problem(
                "its \(content.kind.rawValue) has \(size) bytes, the entry says \(commitment.kept ?? commitment.size)",
                leaf)
        }
        guard commitment.kept == nil else {
            result.partial += 1
            return
        }
        guard running.finish(kind: content.kind).digest == commitment.digest else {
            throw problem("its \(content.kind.rawValue) is not what the entry is committed to", leaf)
        }
        result.contents += 1
    }

    private func problem(_ reason: String, _ leaf: Leaf) -> LedgerProblem {
        LedgerProblem(.content, "sequence \(leaf.sequence ?? 0): \(reason)", session: leaf.session)
    }
}
