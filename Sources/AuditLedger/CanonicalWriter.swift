/// Appends canonical JSON (RFC 8785: least escapes, no spaces, integers only) to a reused byte buffer.
///
/// The caller puts members in the order of their names.
package struct CanonicalWriter {
    package var bytes: [UInt8] = []

    package init() {}

    /// The largest integer that every JSON reader keeps exact: 2^53 - 1.
    package static let maximumInteger: UInt64 = 9_007_199_254_740_991

    @inline(__always)
    package mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    @inline(__always)
    package mutating func literal(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func integer(_ value: UInt64) {
        var rest = min(value, Self.maximumInteger)
        if rest < 10 {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: rest))
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var index = 20
            while rest > 0 {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                index -= 1
                digits[index] = 0x30 + UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            bytes.append(contentsOf: digits[index..<20])
        }
    }

    package mutating func integer(_ value: Int64) {
        if value < 0 { byte(UInt8(ascii: "-")) }
        integer(value.magnitude)
    }

    package mutating func hex(_ value: [UInt8]) {
        for one in value {
            bytes.append(Self.digit(one >> 4))
            bytes.append(Self.digit(one & 15))
        }
    }

    /// 16 bytes in the usual 8-4-4-4-12 form, in quotes.
    package mutating func identifier(high: UInt64, low: UInt64) {
        byte(0x22)
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 { byte(UInt8(ascii: "-")) }
            let word = nibble < 16 ? high : low
            byte(Self.digit(UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble % 16 * 4)) & 15))
        }
        byte(0x22)
    }

    /// A string of at most `limit` encoded bytes; a longer one is cut at a character's end and marked with an ellipsis.
    package mutating func string(_ text: String, limit: Int = .max) {
        byte(0x22)
        var copy = text
        copy.withUTF8 { escape($0, limit: limit) }
        byte(0x22)
    }

    private mutating func escape(_ source: UnsafeBufferPointer<UInt8>, limit: Int) {
        if source.count <= limit, !source.contains(where: Self.needsEscape) {
            bytes.append(contentsOf: source)
            return
        }
        let start = bytes.count
        /// Where the text may be cut so that the ellipsis still fits.
        var cut = start
        for one in source {
            let isStart = one & 0xC0 != 0x80
            if isStart, bytes.count - start <= limit - 3 { cut = bytes.count }
            switch one {
            case 0x22: literal("\\\"")
            case 0x5C: literal("\\\\")
            case 0x08: literal("\\b")
            case 0x09: literal("\\t")
            case 0x0A: literal("\\n")
            case 0x0C: literal("\\f")
            case 0x0D: literal("\\r")
            case 0..<0x20:
                literal("\\u00")
                byte(Self.digit(one >> 4))
                byte(Self.digit(one & 15))
            default: byte(one)
            }
            if bytes.count - start > limit {
                bytes.removeSubrange(cut...)
                bytes.append(contentsOf: [0xE2, 0x80, 0xA6])
                return
            }
        }
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x22 || byte == 0x5C
    }

    @inline(__always)
    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x57 + value
    }
}

extension CanonicalWriter {
    /// Any value of a leaf; objects keep their members' order.
    package mutating func value(_ value: LeafValue) {
        switch value {
        case .string(let text): string(text)
        case .integer(let number): integer(number)
        case .list(let values):
            byte(UInt8(ascii: "["))
            for (place, one) in values.enumerated() {
                if place > 0 { byte(UInt8(ascii: ",")) }
                self.value(one)
            }
            byte(UInt8(ascii: "]"))
        case .object(let members):
            byte(UInt8(ascii: "{"))
            for (place, member) in members.enumerated() {
                if place > 0 { byte(UInt8(ascii: ",")) }
                string(member.name)
                byte(UInt8(ascii: ":"))
                self.value(member.value)
            }
            byte(UInt8(ascii: "}"))
        }
    }
}
