/// What a log sends to a witness: the size the witness should have, a proof from it, and the new checkpoint (C2SP
/// tlog-witness, `add-checkpoint`).
package struct AddCheckpointRequest: Hashable, Sendable {
    package static let maximumProofLines = 63
    /// Bytes of a body that are worth reading.
    package static let maximumLength = 256 * 1024

    package let oldSize: UInt64
    package let proof: [TreeHash]
    package let note: SignedNote
    /// What `note` says; its signatures are not verified.
    package let checkpoint: Checkpoint

    /// Throws when the proof is too long or the note's text is no checkpoint.
    package init(oldSize: UInt64, proof: [TreeHash], note: SignedNote) throws(LedgerFormatError) {
        guard proof.count <= Self.maximumProofLines else {
            throw LedgerFormatError("add-checkpoint request", "more than \(Self.maximumProofLines) proof lines")
        }
        self.oldSize = oldSize
        self.proof = proof
        self.note = note
        checkpoint = try Checkpoint(text: note.text)
    }

    /// Reads a request's body; every failure means 400.
    package init(body: [UInt8]) throws(LedgerFormatError) {
        guard body.count <= Self.maximumLength else { throw LedgerFormatError("add-checkpoint request", "too long") }
        var reader = LineReader(body[...])
        let word = Array("old ".utf8)
        guard let first = reader.next(), first.starts(with: word),
            let size = StrictDecimal.parse(first.dropFirst(word.count))
        else { throw LedgerFormatError("add-checkpoint request", "the first line is not `old` and a size") }
        var proof: [TreeHash] = []
        while true {
            guard let line = reader.next() else {
                throw LedgerFormatError("add-checkpoint request", "no empty line before the checkpoint")
            }
            if line.isEmpty { break }
            guard proof.count < Self.maximumProofLines, let hash = TreeHash(base64: line) else {
                throw LedgerFormatError("add-checkpoint request", "a proof line is no hash, or one too many")
            }
            proof.append(hash)
        }
        try self.init(oldSize: size, proof: proof, note: try SignedNote(Array(reader.rest)))
    }

    package var body: [UInt8] {
        let lines = ["old \(oldSize)"] + proof.map(\.base64)
        return Array((lines.joined(separator: "\n") + "\n\n").utf8) + note.bytes
    }

    /// The size that a witness says it has, from the body of its 409 of type `text/x.tlog.size`; nil when it is none.
    package static func size(inConflict body: [UInt8]) -> UInt64? {
        body.last == UInt8(ascii: "\n") ? StrictDecimal.parse(body.dropLast()) : nil
    }
}
