/// An entry's place in a log, to be checked offline: C2SP tlog-proof, without extra data.
package struct TransparencyProof: Hashable, Sendable {
    static let header = Array("c2sp.org/tlog-proof@v1".utf8)
    /// An audit path of a tree of 2^63 entries has no more hashes.
    static let maximumHashes = 63

    package let index: UInt64
    /// Lowest first.
    package let hashes: [TreeHash]
    /// The checkpoint in whose tree the entry is; nothing of it is verified here.
    package let note: SignedNote

    package init(index: UInt64, hashes: [TreeHash], note: SignedNote) {
        self.index = index
        self.hashes = hashes
        self.note = note
    }

    /// Reads a proof. Nothing is verified.
    package init(_ bytes: [UInt8], limits: SignedNote.Limits = SignedNote.Limits()) throws(LedgerFormatError) {
        guard bytes.count <= limits.bytes + 8192 else { throw LedgerFormatError("proof", "too long") }
        var reader = LineReader(bytes[...])
        guard reader.next()?.elementsEqual(Self.header) == true else {
            throw LedgerFormatError("proof", "not a C2SP tlog-proof, version 1")
        }
        let start = Array("index ".utf8)
        guard let line = reader.next(), line.starts(with: start),
            let index = StrictDecimal.parse(line.dropFirst(start.count))
        else { throw LedgerFormatError("proof", "no index on the second line") }
        var hashes: [TreeHash] = []
        while true {
            guard let line = reader.next() else { throw LedgerFormatError("proof", "cut before its checkpoint") }
            if line.isEmpty { break }
            guard hashes.count < Self.maximumHashes, let hash = TreeHash(base64: line) else {
                throw LedgerFormatError("proof", "a line is no hash")
            }
            hashes.append(hash)
        }
        self.init(index: index, hashes: hashes, note: try SignedNote(Array(reader.rest), limits: limits))
    }

    package var bytes: [UInt8] {
        var text = Self.header + Array("\nindex \(index)\n".utf8)
        for hash in hashes { text += Array((hash.base64 + "\n").utf8) }
        return text + [UInt8(ascii: "\n")] + note.bytes
    }

    /// Throws unless the checkpoint is signed by `key`, is of that key's log, and has `entry` at `index`.
    ///
    /// Errors: `SignedNote.Refused`, `LedgerFormatError`, `ProofFailure`.
    @discardableResult
    package func verify(entry: [UInt8], key: NoteVerifierKey) throws -> Checkpoint {
        _ = try note.verify([key])
        let checkpoint = try Checkpoint(text: note.text)
        guard checkpoint.hasOrigin(key.name) else { throw LedgerFormatError("checkpoint", "it is of another log") }
        let inclusion = InclusionProof(index: index, size: checkpoint.head.size, hashes: hashes)
        try inclusion.verify(leaf: MerkleTree.leafHash(entry), root: checkpoint.head.root)
        return checkpoint
    }
}
