/// What a log states of itself at one size: the text of a C2SP tlog-checkpoint.
package struct Checkpoint: Hashable, Sendable {
    /// Which log: a name without a scheme, made with the log's key.
    package let origin: String
    package let head: TreeHead
    /// Further lines; opaque, signed with the rest, and vouched for by nobody.
    package let extensions: [String]

    /// Throws when origin or an extension is empty or has a control character, or the size is past 2^63 - 1.
    package init(origin: String, head: TreeHead, extensions: [String] = []) throws(LedgerFormatError) {
        for line in [origin] + extensions {
            guard !line.isEmpty, line.utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw LedgerFormatError("checkpoint", "a line is empty or has a control character")
            }
        }
        guard head.size <= TreeHead.maximumSize else { throw LedgerFormatError("checkpoint", "size past 2^63 - 1") }
        self.origin = origin
        self.head = head
        self.extensions = extensions
    }

    /// Reads the text of a note, final newline included.
    package init(text: [UInt8]) throws(LedgerFormatError) {
        var reader = LineReader(text[...])
        guard let origin = reader.next(), let size = reader.next(), let root = reader.next() else {
            throw LedgerFormatError("checkpoint", "fewer than three lines")
        }
        guard let count = StrictDecimal.parse(size) else { throw LedgerFormatError("checkpoint", "not a tree size") }
        guard let hash = TreeHash(base64: root) else { throw LedgerFormatError("checkpoint", "not a root hash") }
        var lines = [origin]
        while let line = reader.next() { lines.append(line) }
        guard reader.isAtEnd else { throw LedgerFormatError("checkpoint", "the last line has no newline") }
        var texts: [String] = []
        for line in lines {
            guard let text = String(validating: line, as: UTF8.self) else {
                throw LedgerFormatError("checkpoint", "not UTF-8")
            }
            texts.append(text)
        }
        try self.init(
            origin: texts[0], head: TreeHead(size: count, root: hash), extensions: Array(texts.dropFirst()))
    }

    /// The text to sign, final newline included.
    package var text: [UInt8] {
        let lines = [origin, String(head.size), head.root.base64] + extensions
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    /// Whether the origin is this one, byte for byte.
    package func hasOrigin(_ other: String) -> Bool {
        origin.utf8.elementsEqual(other.utf8)
    }
}
