/// One lexical token of a PostgreSQL text: its kind and its bytes' place in the text.
package struct SQLToken: Sendable, Hashable {
    package enum Kind: UInt8, Sendable {
        /// An unquoted identifier or keyword.
        case word
        /// `"…"` or `U&"…"`.
        case quotedWord
        /// `'…'`, `E'…'`, `U&'…'`, `B'…'`, `X'…'` with all their continuation lines, or `$tag$…$tag$`.
        case string
        case number
        /// `$1`.
        case parameter
        /// A character that is a token of its own: `, ( ) [ ] . ; :` and whatever has no other meaning.
        case symbol
        /// An operator, of one or more characters.
        case op
    }

    package var kind: Kind
    /// First byte in the text; texts over 2 GiB are refused before they are read.
    package var start: Int32
    /// One past the last byte.
    package var end: Int32

    package var range: Range<Int> { Int(start)..<Int(end) }
    package var isLiteral: Bool { kind == .string || kind == .number || kind == .parameter }

    init(kind: Kind, start: Int, end: Int) {
        self.kind = kind
        self.start = Int32(truncatingIfNeeded: start)
        self.end = Int32(truncatingIfNeeded: end)
    }

    func isSymbol(_ byte: UInt8, in text: UnsafeRawBufferPointer) -> Bool {
        kind == .symbol && end - start == 1 && text[Int(start)] == byte
    }

    /// Whether the token is this keyword; `keyword` is written in capitals.
    func isWord(_ keyword: StaticString, in text: UnsafeRawBufferPointer) -> Bool {
        guard kind == .word, Int(end - start) == keyword.utf8CodeUnitCount else { return false }
        for index in 0..<keyword.utf8CodeUnitCount
        where ASCII.upper(text[Int(start) + index]) != keyword.utf8Start[index] {
            return false
        }
        return true
    }
}

/// Character classes of PostgreSQL's scanner (src/backend/parser/scan.l, version 15).
enum ASCII {
    @inline(__always) static func upper(_ byte: UInt8) -> UInt8 { byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte }
    @inline(__always) static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte }
    @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    @inline(__always) static func isNewline(_ byte: UInt8) -> Bool { byte == 0x0a || byte == 0x0d }
    @inline(__always) static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d || byte == 0x0c
    }
    @inline(__always) static func startsWord(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || byte == 0x5f || byte >= 0x80
    }
    @inline(__always) static func continuesWord(_ byte: UInt8) -> Bool {
        startsWord(byte) || isDigit(byte) || byte == 0x24
    }
    /// Characters an operator may consist of.
    @inline(__always) static func isOperator(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x7e, 0x21, 0x40, 0x23, 0x5e, 0x26, 0x7c, 0x60, 0x3f, 0x2b, 0x2d, 0x2a, 0x2f, 0x25, 0x3c, 0x3e, 0x3d: true
        default: false
        }
    }
    /// Characters that let an operator end in `+` or `-`.
    @inline(__always) static func freesSign(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x7e, 0x21, 0x40, 0x23, 0x5e, 0x26, 0x7c, 0x60, 0x3f, 0x25: true
        default: false
        }
    }
}
