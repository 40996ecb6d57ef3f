/// Reads JSON by the letter of RFC 8259, token by token, without recursion. What readers are known to take in different
/// ways is a fault: half surrogate pairs, NUL in strings, a byte order mark, bytes that are no UTF-8. Members of an object
/// that have the same name all come, each where it stands.
package struct JSONTokenReader: Sendable {
    package enum Token: Sendable, Equatable {
        case beginObject
        case endObject
        case beginArray
        case endArray
        case key(Text)
        case string(Text)
        /// The number as written.
        case number(Range<Int>)
        case bool(Bool)
        case null
    }

    /// What stands between the quotes of a string.
    package struct Text: Sendable, Equatable {
        package let range: Range<Int>
        let isEscaped: Bool
    }

    /// Objects and arrays in one another at most.
    package static let deepest = 256

    private enum Next {
        case value
        /// Right behind the bracket.
        case valueOrEnd
        case keyOrEnd
        case key
        case commaOrEnd
        case document
    }

    package let bytes: [UInt8]
    private let isLines: Bool
    private var position = 0
    private var next = Next.value
    /// For each open bracket whether it is an object's.
    private var open: [Bool] = []
    private var documents = 0

    /// - Parameter isLines: one document a line (NDJSON), or none; else there is one document and nothing behind it.
    package init(_ bytes: [UInt8], isLines: Bool = false) {
        self.bytes = bytes
        self.isLines = isLines
        if isLines { next = .document }
    }

    /// The next token; nil at the end. Errors: `malformed`, `tooLarge` for what nests too deep. Nothing comes after one.
    package mutating func token() throws(ContentFault) -> Token? {
        skipBlanks()
        switch next {
        case .value: return try value()
        case .valueOrEnd:
            if take("]") { return close(.endArray) }
            return try value()
        case .keyOrEnd:
            if take("}") { return close(.endObject) }
            return try key()
        case .key: return try key()
        case .document:
            guard position < bytes.count else { return nil }
            // Between two documents there is a line end; the blanks before this one have been skipped.
            guard documents == 0 || isLines && endsLine(before: position) else {
                throw fault("more follows its end")
            }
            return try value()
        case .commaOrEnd:
            guard let isObject = open.last else { throw fault("a bracket is missing") }
            if take(",") {
                next = isObject ? .key : .value
                return try token()
            }
            if take(isObject ? "}" : "]") { return close(isObject ? .endObject : .endArray) }
            throw fault("a comma or a closing bracket is missing")
        }
    }

    /// A string's bytes with its escapes read.
    package func text(_ text: Text) -> [UInt8] {
        text.isEscaped ? unescaped(text.range) : Array(bytes[text.range])
    }

    // MARK: - Structure

    private mutating func close(_ token: Token) -> Token {
        open.removeLast()
        ended()
        return token
    }

    /// A value has come to its end.
    private mutating func ended() {
        guard open.isEmpty else {
            next = .commaOrEnd
            return
        }
        documents += 1
        next = .document
    }

    private mutating func key() throws(ContentFault) -> Token {
        guard take("\"") else { throw fault("a name is missing") }
        let name = try string()
        skipBlanks()
        guard take(":") else { throw fault("a colon is missing") }
        next = .value
        return .key(name)
    }

    private mutating func value() throws(ContentFault) -> Token {
        guard position < bytes.count else { throw fault("it ends in the middle") }
        switch bytes[position] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = bytes[position] == UInt8(ascii: "{")
            position += 1
            guard open.count < Self.deepest else {
                throw ContentFault(.tooLarge, "The JSON nests deeper than \(Self.deepest).")
            }
            open.append(isObject)
            next = isObject ? .keyOrEnd : .valueOrEnd
            return isObject ? .beginObject : .beginArray
        case UInt8(ascii: "\""):
            position += 1
            let text = try string()
            ended()
            return .string(text)
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default:
            let range = try number()
            ended()
            return .number(range)
        }
    }

    private mutating func word(_ text: StaticString, _ token: Token) throws(ContentFault) -> Token {
        let length = text.utf8CodeUnitCount
        let isThere =
            bytes.count - position >= length
            && text.withUTF8Buffer { bytes[position..<position + length].elementsEqual($0) }
        guard isThere else { throw fault("a value is none") }
        position += length
        ended()
        return token
    }

    // MARK: - Numbers

    private mutating func number() throws(ContentFault) -> Range<Int> {
        let start = position
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return start..<position
    }

    private mutating func digits() throws(ContentFault) {
        let start = position
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        guard position > start else { throw fault("a value is none") }
    }

    // MARK: - Strings

    /// Behind the opening quote; leaves behind the closing one.
    private mutating func string() throws(ContentFault) -> Text {
        let start = position
        var isEscaped = false
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return Text(range: start..<position - 1, isEscaped: isEscaped)
            case UInt8(ascii: "\\"):
                isEscaped = true
                try escape()
            case 0..<0x20: throw fault("a string holds a control character")
            case 0x80...: position = try UTF8Scalar.end(bytes, at: position)
            default: position += 1
            }
        }
        throw fault("a string has no end")
    }

    private mutating func escape() throws(ContentFault) {
        guard position + 1 < bytes.count else { throw fault("a string has no end") }
        switch bytes[position + 1] {
        case UInt8(ascii: "u"):
            guard let code = hexadecimal(position + 2) else { throw fault("an escape is malformed") }
            position += 6
            // C programs end a text at a NUL.
            guard code != 0 else { throw fault("a string holds a NUL") }
            if code >> 10 == 0x37 { throw fault("a string holds half a surrogate pair") }
            guard code >> 10 == 0x36 else { return }
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u"), let low = hexadecimal(position + 2), low >> 10 == 0x37
            else { throw fault("a string holds half a surrogate pair") }
            position += 6
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        default: throw fault("an escape is malformed")
        }
    }

    private func hexadecimal(_ start: Int) -> UInt32? {
        guard start + 4 <= bytes.count else { return nil }
        var code: UInt32 = 0
        for byte in bytes[start..<start + 4] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(byte - 0x30)
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                code = code << 4 | UInt32((byte | 0x20) - 0x57)
            default: return nil
            }
        }
        return code
    }

    /// Of a range that was read as a string.
    private func unescaped(_ range: Range<Int>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                output.append(bytes[index])
                index += 1
                continue
            }
            let escape = bytes[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var code = hexadecimal(index) ?? 0xFFFD
                index += 4
                if code >> 10 == 0x36, let low = hexadecimal(index + 2) {
                    code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF)
                    index += 6
                }
                output += Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
            default: output.append(escape)
            }
        }
        return output
    }

    // MARK: - Bytes

    private mutating func skipBlanks() {
        while position < bytes.count, Self.isBlank(bytes[position]) { position += 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private func endsLine(before index: Int) -> Bool {
        var index = index
        while index > 0, Self.isBlank(bytes[index - 1]) {
            index -= 1
            if bytes[index] == 0x0A { return true }
        }
        return false
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private func fault(_ what: String) -> ContentFault {
        ContentFault(.malformed, "It is not JSON: \(what) (at byte \(position + 1)).")
    }
}
