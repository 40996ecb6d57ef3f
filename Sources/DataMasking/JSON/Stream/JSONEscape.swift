import GatewayCore

/// One escape of a JSON string (RFC 8259 section 7) as its bytes come, or two that make one character together.
struct JSONEscape: Sendable {
    enum Progress {
        case goesOn
        /// The byte may belong to what follows.
        case ended(takesByte: Bool)
    }

    /// What was read, as it was written and as it is meant, in order; to be taken by who reads on.
    private(set) var done: [(written: [UInt8], value: [UInt8])] = []
    private var written: [UInt8] = []
    /// The first half of a pair; its six bytes stand first in `written`.
    private var high: UInt32?

    private static let half = 6
    /// Half of a pair alone is no character (RFC 3629 section 3).
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// At a backslash.
    mutating func begin() { written = [0x5C] }

    mutating func removeDone() { done.removeAll(keepingCapacity: true) }

    mutating func take(_ byte: UInt8) throws(MalformedJSON) -> Progress {
        let count = written.count - (high == nil ? 0 : Self.half)
        switch count {
        case 0:
            if byte == 0x5C {
                written.append(byte)
                return .goesOn
            }
            endHalf()
            return .ended(takesByte: false)
        case 1:
            if byte == UInt8(ascii: "u") {
                written.append(byte)
                return .goesOn
            }
            guard let value = Self.character(byte) else { throw MalformedJSON("an escape in it has no meaning") }
            if high != nil { endHalf() }
            end([0x5C, byte], [value])
            return .ended(takesByte: true)
        default:
            guard byte.hexDigitValue != nil else { throw MalformedJSON("an escape in it is not hexadecimal") }
            written.append(byte)
            return count + 1 == Self.half ? endCode() : .goesOn
        }
    }

    /// Four digits are there.
    private mutating func endCode() -> Progress {
        let code = written.suffix(4).reduce(0) { $0 << 4 | UInt32($1.hexDigitValue ?? 0) }
        if let high {
            if code >> 10 == 0x37 {
                end(written, Self.utf8(0x10000 + (high & 0x3FF) << 10 + code & 0x3FF))
                return .ended(takesByte: true)
            }
            let second = Array(written.suffix(Self.half))
            endHalf()
            written = second
        }
        if code >> 10 == 0x36 {
            high = code
            return .goesOn
        }
        end(written, Self.utf8(code))
        return .ended(takesByte: true)
    }

    private mutating func endHalf() {
        let half = Array(written.prefix(Self.half))
        end(half, Self.replacement)
    }

    private mutating func end(_ written: [UInt8], _ value: [UInt8]) {
        done.append((written, value))
        self.written = []
        high = nil
    }

    private static func utf8(_ code: UInt32) -> [UInt8] {
        Unicode.Scalar(code).map { Array(String($0).utf8) } ?? replacement
    }

    private static func character(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), 0x5C, UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }
}
