/// A text with signatures under it (C2SP signed-note). What it says counts only after `verify`.
package struct SignedNote: Hashable, Sendable {
    /// What a reader puts up with.
    package struct Limits: Sendable {
        package var bytes = 256 * 1024
        /// A verifier must accept at least 16.
        package var signatures = 100

        package init() {}
    }

    package enum Refused: Error, Hashable, Sendable {
        /// A signature under a known key's name and id is not that key's.
        case badSignature(name: String)
        /// No signature is by a known key.
        case noKnownSignature
    }

    /// The signed bytes, final newline included: valid UTF-8, and no control characters but newlines.
    package let text: [UInt8]
    package private(set) var signatures: [NoteSignature]

    /// Throws when `text` may not be the text of a note or there is no signature.
    package init(text: [UInt8], signatures: [NoteSignature]) throws(LedgerFormatError) {
        guard text.last == UInt8(ascii: "\n") else { throw LedgerFormatError("note", "its text must end in a newline") }
        guard !signatures.isEmpty else { throw LedgerFormatError("note", "it has no signature") }
        try Self.check(text)
        self.text = text
        self.signatures = signatures
    }

    /// Reads a whole note. Nothing is verified.
    package init(_ bytes: [UInt8], limits: Limits = Limits()) throws(LedgerFormatError) {
        guard bytes.count <= limits.bytes else { throw LedgerFormatError("note", "more than \(limits.bytes) bytes") }
        try Self.check(bytes)
        guard bytes.last == UInt8(ascii: "\n"), let split = Self.lastEmptyLine(bytes) else {
            throw LedgerFormatError("note", "no empty line before signatures that end in a newline")
        }
        signatures = try Self.signatures(inLines: bytes[(split + 1)...], limit: limits.signatures)
        text = Array(bytes[..<split])
    }

    /// The whole note.
    package var bytes: [UInt8] {
        signatures.reduce(into: text + [UInt8(ascii: "\n")]) { $0 += $1.line }
    }

    /// The signatures by `keys`, one a key, all of them checked; those by other keys are passed over.
    package func verify(_ keys: [NoteVerifierKey]) throws(Refused) -> [VerifiedSignature] {
        let verified = try Self.verify(signatures, of: text, keys)
        if verified.isEmpty { throw .noKnownSignature }
        return verified.map(\.verified)
    }

    /// The note with those cosignatures of a witness's answer (signature lines) that are by `keys`; an earlier one of the
    /// same key gives way. Throws when a line is malformed, one by a known key does not verify, or none is by a known key.
    package func adding(lines: [UInt8], by keys: [NoteVerifierKey], limits: Limits = Limits()) throws -> SignedNote {
        guard lines.count <= limits.bytes else { throw LedgerFormatError("note", "more than \(limits.bytes) bytes") }
        try Self.check(lines)
        let offered = try Self.signatures(inLines: lines[...], limit: limits.signatures)
        let verified = try Self.verify(offered, of: text, keys)
        if verified.isEmpty { throw Refused.noKnownSignature }
        var note = self
        note.signatures.removeAll { old in verified.contains { old.isBy($0.verified.key) } }
        note.signatures += verified.map(\.signature)
        return note
    }

    private static func verify(
        _ signatures: [NoteSignature], of text: [UInt8], _ keys: [NoteVerifierKey]
    ) throws(Refused) -> [(signature: NoteSignature, verified: VerifiedSignature)] {
        var found: [(signature: NoteSignature, verified: VerifiedSignature)] = []
        for signature in signatures {
            guard let key = keys.first(where: { signature.isBy($0) }) else { continue }
            guard let verified = key.verify(signature, of: text) else { throw .badSignature(name: key.name) }
            if !found.contains(where: { $0.verified.key == key }) { found.append((signature, verified)) }
        }
        return found
    }

    private static func signatures(
        inLines lines: ArraySlice<UInt8>, limit: Int
    ) throws(LedgerFormatError) -> [NoteSignature] {
        var reader = LineReader(lines)
        var signatures: [NoteSignature] = []
        while let line = reader.next() {
            guard signatures.count < limit else { throw LedgerFormatError("note", "more than \(limit) signatures") }
            signatures.append(try NoteSignature(line: line))
        }
        guard reader.isAtEnd, !signatures.isEmpty else {
            throw LedgerFormatError("note", "it needs signature lines that end in newlines")
        }
        return signatures
    }

    /// Where the newline of the last empty line stands that has text before it.
    private static func lastEmptyLine(_ bytes: [UInt8]) -> Int? {
        let newline = UInt8(ascii: "\n")
        return bytes.indices.dropFirst().last { bytes[$0] == newline && bytes[$0 - 1] == newline }
    }

    private static func check(_ bytes: [UInt8]) throws(LedgerFormatError) {
        guard bytes.allSatisfy({ $0 >= 0x20 || $0 == UInt8(ascii: "\n") }) else {
            throw LedgerFormatError("note", "a control character")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw LedgerFormatError("note", "not UTF-8") }
    }
}
