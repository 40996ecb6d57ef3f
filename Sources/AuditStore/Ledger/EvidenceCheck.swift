package import AuditLedger
import Crypto
package import GatewayCore

/// What an evidence bundle that was found good shows.
package struct EvidenceSummary: Sendable, Hashable {
    package var session: RecordID
    /// The verifier key that everything was checked with.
    package var key: String
    /// Whether that key came from elsewhere than the bundle itself.
    package var isKeyGiven: Bool
    /// Entries in the log of the checkpoint.
    package var size: UInt64
    package var entries: UInt64 = 0
    /// False: the session was still open, or its end was left out.
    package var isClosed = false
    /// Items of content that are what their entries are committed to.
    package var contents: UInt64 = 0
    /// Items that the recording holds in part, whose bytes therefore prove nothing.
    package var partial: UInt64 = 0
    /// Items that are not in the bundle: erased, or not shown.
    package var missing: UInt64 = 0
}

/// Checks an evidence bundle without anything else at hand: its form, the checkpoint's signature, each entry's inclusion,
/// the sequence without gaps from the session's first entry, and each commitment.
package enum EvidenceCheck {
    /// `key` is the log's as it is known from elsewhere; without it the bundle's own is taken, which only shows that the
    /// bundle agrees with itself. Throws `LedgerProblem`.
    package static func run(_ file: any LogFile, key known: NoteVerifierKey?) throws -> EvidenceSummary {
        var reader = try EvidenceReader(file)
        let session = try start(&reader)
        let key = try self.key(&reader, session, known)
        let note = try contents("checkpoint", of: &reader, session, atMost: SignedNote.Limits().bytes)
        let (checkpoint, _) = try LedgerCheck.verify(note, key: key, witnesses: [], kind: .checkpoint, "checkpoint")
        var summary = EvidenceSummary(
            session: session, key: key.text, isKeyGiven: known != nil, size: checkpoint.head.size)
        var last: UInt64?
        while try reader.peek() != nil {
            guard !summary.isClosed else { throw LedgerProblem(.bundle, "something follows the session's close") }
            let (leaf, index) = try entry(summary.entries, of: &reader, session, key: key, note: note)
            if let last, index <= last {
                throw LedgerProblem(
                    .sequence, "stands before the session's earlier entry \(last)", index: index, session: session)
            }
            last = index
            try content(leaf, summary.entries, of: &reader, session, &summary)
            summary.entries += 1
            summary.isClosed = leaf.type == .sessionClose
        }
        guard summary.entries > 0 else { throw LedgerProblem(.bundle, "it has no entry") }
        return summary
    }

    /// The readme, whose path names the session.
    private static func start(_ reader: inout EvidenceReader) throws -> RecordID {
        guard let first = try reader.next(), first.name.hasPrefix("evidence-"), first.name.hasSuffix("/README.txt"),
            let session = RecordID(first.name.dropFirst(9).dropLast(11)),
            first.name == EvidenceFormat.folder(session) + "README.txt"
        else { throw LedgerProblem(.bundle, "this is no evidence bundle") }
        guard try reader.contents(of: first, atMost: 1 << 16) == Array(EvidenceFormat.readme.utf8) else {
            throw LedgerProblem(.bundle, "is not this format's", file: first.name)
        }
        return session
    }

    private static func key(
        _ reader: inout EvidenceReader, _ session: RecordID, _ known: NoteVerifierKey?
    ) throws -> NoteVerifierKey {
        let bytes = try contents("key.txt", of: &reader, session, atMost: 2048)
        guard bytes.last == UInt8(ascii: "\n"), let text = String(validating: bytes.dropLast(), as: UTF8.self),
            let own = try? NoteVerifierKey(text), own.algorithm == .ed25519
        else { throw LedgerProblem(.bundle, "is no verifier key", file: "key.txt") }
        if let known, known != own {
            throw LedgerProblem(.checkpoint, "the bundle is of another key than the one given", file: "key.txt")
        }
        return own
    }

    /// The next file, which must be this one.
    private static func member(
        _ name: String, of reader: inout EvidenceReader, _ session: RecordID
    ) throws(LedgerProblem) -> EvidenceReader.Member {
        let path = EvidenceFormat.folder(session) + name
        guard let member = try reader.next() else { throw LedgerProblem(.bundle, "is missing", file: name) }
        guard member.name == path else {
            throw LedgerProblem(.bundle, "stands where \(name) belongs", file: printable(member.name))
        }
        return member
    }

    private static func contents(
        _ name: String, of reader: inout EvidenceReader, _ session: RecordID, atMost limit: Int
    ) throws(LedgerProblem) -> [UInt8] {
        let member = try member(name, of: &reader, session)
        return try reader.contents(of: member, atMost: limit)
    }

    private static func entry(
        _ sequence: UInt64, of reader: inout EvidenceReader, _ session: RecordID, key: NoteVerifierKey, note: [UInt8]
    ) throws -> (Leaf, UInt64) {
        let name = EvidenceFormat.entry(sequence)
        let bytes = try contents(name, of: &reader, session, atMost: LeafEncoder.maximumLength)
        guard let leaf = try? Leaf(bytes) else {
            throw LedgerProblem(.entry, "is no leaf in canonical form", file: name)
        }
        guard leaf.session == session, leaf.sequence == sequence else {
            throw LedgerProblem(
                .sequence, "is not entry \(sequence) of the session", file: name, session: leaf.session)
        }
        let path = EvidenceFormat.proof(sequence)
        let text = try contents(path, of: &reader, session, atMost: SignedNote.Limits().bytes + 8192)
        do {
            let proof = try TransparencyProof(text)
            guard proof.note.bytes == note, proof.bytes == text else {
                throw LedgerProblem(.bundle, "is not under the bundle's checkpoint", file: path)
            }
            try proof.verify(entry: bytes, key: key)
            return (leaf, proof.index)
        } catch let problem as LedgerProblem {
            throw problem
        } catch {
            throw LedgerProblem(
                .entry, "does not prove that the entry is in the log (\(error))", file: path, session: session)
        }
    }

    private static func content(
        _ leaf: Leaf, _ sequence: UInt64, of reader: inout EvidenceReader, _ session: RecordID,
        _ summary: inout EvidenceSummary
    ) throws {
        let commitments = leaf.commitments
        guard commitments.count == leaf["content"]?.list?.count ?? 0 else {
            throw LedgerProblem(.content, "a commitment is malformed", file: EvidenceFormat.entry(sequence))
        }
        for (item, commitment) in commitments.enumerated() {
            let name = EvidenceFormat.content(sequence, item: item, commitment.kind)
            guard try reader.peek() == EvidenceFormat.folder(session) + name else {
                summary.missing += 1
                continue
            }
            let member = try member(name, of: &reader, session)
            let length = commitment.kept ?? commitment.size
            guard member.size == UInt64(Commitment.saltLength) + length else {
                throw LedgerProblem(.content, "has another length than its entry says", file: name)
            }
            guard commitment.kept == nil else {
                summary.partial += 1
                continue
            }
            var hash = SHA256()
            try reader.stream(member) { hash.update(data: $0) }
            guard hash.finalize().elementsEqual(commitment.digest) else {
                throw LedgerProblem(.content, "is not what its entry is committed to", file: name, session: session)
            }
            summary.contents += 1
        }
    }

    /// A name out of a bundle that nobody trusts, for people to read.
    private static func printable(_ name: String) -> String {
        String(decoding: name.utf8.prefix(100).map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
