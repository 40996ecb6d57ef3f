/// The `partial` form of a text value, chosen by its shape.
enum PartialMask {
    /// Card: digits but the last four become stars. E-mail: first letter, `***`, domain. Else: the last four of at
    /// least eight
    /// characters, one star for each other character.
    static func append(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        if appendCard(value, into: &output) || appendEmail(value, into: &output) { return }
        let characters = UTF8Shape.count(value)
        guard characters >= 8 else {
            output.append(contentsOf: repeatElement(star, count: characters))
            return
        }
        output.append(contentsOf: repeatElement(star, count: characters - 4))
        let tail = UTF8Shape.suffixStart(value, characters: 4)
        output.append(contentsOf: value[tail...])
    }

    private static func appendCard(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        var digits = 0
        for byte in value {
            if byte.isDigit { digits += 1 } else if byte != 0x20 && byte != 0x2D { return false }
        }
        guard digits >= 13, digits <= 19 else { return false }
        var seen = 0
        for byte in value {
            if byte.isDigit { seen += 1 }
            output.append(byte.isDigit && seen <= digits - 4 ? star : byte)
        }
        return true
    }

    private static func appendEmail(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        guard let at = value.lastIndex(of: UInt8(ascii: "@")), at > 0,
            Email.isWhole(value, at: at)
        else { return false }
        output.append(contentsOf: value[..<UTF8Shape.next(value, after: 0)])
        output.append(contentsOf: MaskMethod.stars)
        output.append(contentsOf: value[at...])
        return true
    }

    private static let star = UInt8(ascii: "*")
}

/// Character arithmetic on bytes that may not be valid UTF-8: every byte that does not continue a character begins one.
enum UTF8Shape {
    static func count(_ value: UnsafeRawBufferPointer) -> Int {
        var count = 0
        var index = 0
        while index < value.count {
            index = next(value, after: index)
            count += 1
        }
        return count
    }

    /// The index after the character at `index`: a valid lead byte takes its continuation bytes along, anything else
    /// stands alone.
    static func next(_ value: UnsafeRawBufferPointer, after index: Int) -> Int {
        let length =
            switch value[index] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        var end = index + 1
        while end < value.count, end - index < length, value[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }

    /// Where the last `characters` characters begin.
    static func suffixStart(_ value: UnsafeRawBufferPointer, characters: Int) -> Int {
        var skip = count(value) - characters
        var index = 0
        while skip > 0, index < value.count {
            index = next(value, after: index)
            skip -= 1
        }
        return index
    }
}

extension UInt8 {
    var isDigit: Bool { self &- 0x30 < 10 }
    var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    var isUpper: Bool { self &- 0x41 < 26 }
}
