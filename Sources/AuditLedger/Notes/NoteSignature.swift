/// One signature line of a note: `— <name> base64(key id ‖ signature)` (C2SP signed-note).
package struct NoteSignature: Hashable, Sendable {
    package let name: String
    package let keyID: UInt32
    /// What the key made, in the form of its algorithm; at least one byte.
    package let signature: [UInt8]

    static let start = Array("— ".utf8)

    init(name: String, keyID: UInt32, signature: [UInt8]) {
        self.name = name
        self.keyID = keyID
        self.signature = signature
    }

    /// Reads a line without its newline.
    init(line: ArraySlice<UInt8>) throws(LedgerFormatError) {
        guard line.starts(with: Self.start) else {
            throw LedgerFormatError("note", "a signature line starts otherwise")
        }
        let fields = line.dropFirst(Self.start.count)
        guard let space = fields.firstIndex(of: UInt8(ascii: " ")),
            let name = String(validating: fields[..<space], as: UTF8.self), KeyName.isValid(name)
        else { throw LedgerFormatError("note", "a signature's key name is not one") }
        guard let bytes = Base64.decode(fields[(space + 1)...]), bytes.count > 4 else {
            throw LedgerFormatError("note", "a signature is not base64 of more than 4 bytes")
        }
        self.name = name
        keyID = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
        signature = Array(bytes[4...])
    }

    /// The line with its newline.
    package var line: [UInt8] {
        let id = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: keyID >> UInt32($0)) }
        return Self.start + Array(name.utf8) + [UInt8(ascii: " ")] + Base64.encode(id + signature)
            + [UInt8(ascii: "\n")]
    }

    /// Whether name and id, byte for byte, are those of `key`.
    package func isBy(_ key: NoteVerifierKey) -> Bool {
        keyID == key.id && name.utf8.elementsEqual(key.name.utf8)
    }
}
