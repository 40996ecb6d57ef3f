/// Tokens of a GraphQL document (specification of October 2021, section 2.1). What only some servers would read is a fault.
struct GraphQLLexer {
    enum Token: Equatable {
        case name(String)
        /// `! $ & ( ) : = @ [ ] { | }`
        case punctuator(UInt8)
        case spread
        /// Numbers and strings, whose values nobody asks for.
        case number
        case string
        case end
    }

    private let bytes: [UInt8]
    private var position = 0
    private var rest: Int

    /// - Parameter most: tokens at most.
    init(_ bytes: [UInt8], most: Int) {
        self.bytes = bytes
        rest = most
    }

    mutating func next() throws(ContentFault) -> Token {
        try skipIgnored()
        guard let byte = peek() else { return .end }
        guard rest > 0 else { throw ContentFault(.tooLarge, "The GraphQL document has too many tokens.") }
        rest -= 1
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "["), UInt8(ascii: "]"),
            UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
            position += 1
            return .punctuator(byte)
        case UInt8(ascii: "."):
            guard peek(1) == byte, peek(2) == byte else { throw fault("a dot stands alone") }
            position += 3
            return .spread
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            guard Self.isNameStart(byte) else { throw fault("a character has no meaning there") }
            let start = position
            while let byte = peek(), Self.isNameStart(byte) || Self.isDigit(byte) { position += 1 }
            return .name(String(decoding: bytes[start..<position], as: UTF8.self))
        }
    }

    /// White space, line ends, commas, comments, byte order marks (section 2.1.7).
    private mutating func skipIgnored() throws(ContentFault) {
        while let byte = peek() {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","): position += 1
            case 0xEF where peek(1) == 0xBB && peek(2) == 0xBF: position += 3
            case UInt8(ascii: "#"):
                position += 1
                // Only these two end a line; what Unicode counts as line ends as well does not.
                while let byte = peek(), byte != 0x0A, byte != 0x0D { try skipCharacter() }
            default: return
            }
        }
    }

    private mutating func number() throws(ContentFault) -> Token {
        if peek() == UInt8(ascii: "-") { position += 1 }
        if peek() == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if peek() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            position += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        if let byte = peek(), Self.isNameStart(byte) || Self.isDigit(byte) || byte == UInt8(ascii: ".") {
            throw fault("a number goes on as something else")
        }
        return .number
    }

    private mutating func digits() throws(ContentFault) {
        let start = position
        while let byte = peek(), Self.isDigit(byte) { position += 1 }
        guard position > start else { throw fault("a number has no digits") }
    }

    private mutating func string() throws(ContentFault) -> Token {
        let quote = UInt8(ascii: "\"")
        position += 1
        if peek() == quote, peek(1) == quote {
            position += 2
            return try blockString()
        }
        while let byte = peek() {
            switch byte {
            case quote:
                position += 1
                return .string
            case 0x0A, 0x0D: throw fault("a string goes over its line")
            case UInt8(ascii: "\\"): try escape()
            default: try skipCharacter()
            }
        }
        throw fault("a string has no end")
    }

    private mutating func escape() throws(ContentFault) {
        position += 1
        guard let escape = peek() else { throw fault("a string has no end") }
        position += 1
        guard escape == UInt8(ascii: "u") else {
            guard "\"\\/bfnrt".utf8.contains(escape) else { throw fault("an escape is malformed") }
            return
        }
        // `\u{1F600}` came after October 2021; where the string ends is the same for both.
        let isBraced = peek() == UInt8(ascii: "{")
        if isBraced { position += 1 }
        var count = 0
        while let byte = peek(), count < (isBraced ? 8 : 4), Self.isHexadecimal(byte) {
            position += 1
            count += 1
        }
        guard isBraced ? count > 0 && peek() == UInt8(ascii: "}") : count == 4 else {
            throw fault("an escape is malformed")
        }
        if isBraced { position += 1 }
    }

    /// Behind its three quotes.
    private mutating func blockString() throws(ContentFault) -> Token {
        let quote = UInt8(ascii: "\"")
        while let byte = peek() {
            if byte == quote, peek(1) == quote, peek(2) == quote {
                position += 3
                return .string
            }
            if byte == UInt8(ascii: "\\"), peek(1) == quote, peek(2) == quote, peek(3) == quote {
                position += 4
            } else if byte == 0x0A || byte == 0x0D {
                position += 1
            } else {
                try skipCharacter()
            }
        }
        throw fault("a block string has no end")
    }

    /// One character of a comment or string.
    private mutating func skipCharacter() throws(ContentFault) {
        guard let byte = peek() else { return }
        guard byte >= 0x20 || byte == 0x09 else { throw fault("a control character stands in it") }
        position = byte < 0x80 ? position + 1 : try UTF8Scalar.end(bytes, at: position)
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < bytes.count ? bytes[position + ahead] : nil
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 0x20) &- 0x61 < 26
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 6 }

    func fault(_ what: String) -> ContentFault {
        ContentFault(.malformed, "It is no GraphQL document: \(what) (at byte \(position + 1)).")
    }
}
