/// A UUID version 7 (RFC 9562 section 5.7): 48 bits of milliseconds, then random bits, so ids sort by time of making.
///
/// Sessions, entries, approvals and locks are named by one. Its text form is the usual 36 characters, lower case.
package struct RecordID: Hashable, Sendable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes an id for the given moment with 74 bits from `generator`.
    package init(at time: Timestamp, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(clamping: time.microseconds / 1000) & 0xFFFF_FFFF_FFFF
        self.high = milliseconds << 16 | 0x7000 | generator.next() & 0x0FFF
        self.low = 0x8000_0000_0000_0000 | generator.next() & 0x3FFF_FFFF_FFFF_FFFF
    }

    package init(at time: Timestamp) {
        var generator = SystemRandomNumberGenerator()
        self.init(at: time, using: &generator)
    }

    /// Reads the 36-character form; nil when it is anything else.
    package init?(_ text: some StringProtocol) {
        var values: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var index = 0
        for byte in text.utf8 {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let nibble = byte.hexDigitValue, digits < 32 else { return nil }
                if digits < 16 {
                    values.0 = values.0 << 4 | UInt64(nibble)
                } else {
                    values.1 = values.1 << 4 | UInt64(nibble)
                }
                digits += 1
            }
            index += 1
        }
        guard digits == 32, index == 36 else { return nil }
        self.init(high: values.0, low: values.1)
    }

    package static func < (one: RecordID, other: RecordID) -> Bool {
        (one.high, one.low) < (other.high, other.low)
    }
}

extension RecordID: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var index = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[index] = UInt8(ascii: "-")
                    index += 1
                }
                let word = nibble < 16 ? high : low
                buffer[index] = UInt8.hexDigit(UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble % 16 * 4) & 0xF))
                index += 1
            }
            return index
        }
    }
}

extension UInt8 {
    /// The value of an ASCII hexadecimal digit, either case; nil for any other byte.
    package var hexDigitValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The lower-case hexadecimal digit of a value below 16.
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value & 0xF) - 10
    }
}
