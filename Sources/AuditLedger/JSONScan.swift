/// Walks over JSON bytes without making anything of them. Every step is checked against the end; nesting is counted, not
/// recursed into.
struct JSONScan {
    /// The bytes of one value.
    struct Value {
        let bytes: UnsafeRawBufferPointer

        /// A whole number of at most 16 digits; nil when it is something else.
        var integer: Int64? {
            var scan = JSONScan(bytes)
            let value = scan.integer()
            return scan.isAtEnd ? value : nil
        }

        /// A string without escapes; nil when it is something else.
        var word: String? {
            guard bytes.count >= 2, bytes[0] == UInt8(ascii: "\""), !bytes.contains(UInt8(ascii: "\\")) else {
                return nil
            }
            return String(decoding: bytes[1..<bytes.count - 1], as: UTF8.self)
        }
    }

    /// The bytes of a member's name, compared as they are.
    struct Name {
        let bytes: Slice<UnsafeRawBufferPointer>

        var count: Int { bytes.count }

        static func == (name: Name, text: StaticString) -> Bool {
            name.bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    /// Calls `body` with each member of an object; false when there is none, or it is not whole.
    mutating func members(_ body: (Name, Value) -> Void) -> Bool {
        guard accept(UInt8(ascii: "{")) else { return false }
        if accept(UInt8(ascii: "}")) { return true }
        repeat {
            let start = index
            guard skipString() else { return false }
            let name = Name(bytes: bytes[start + 1..<index - 1])
            guard accept(UInt8(ascii: ":")) else { return false }
            let from = index
            guard skip() else { return false }
            body(name, Value(bytes: UnsafeRawBufferPointer(rebasing: bytes[from..<index])))
        } while accept(UInt8(ascii: ","))
        return accept(UInt8(ascii: "}"))
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func integer() -> Int64? {
        let isNegative = accept(UInt8(ascii: "-"))
        let start = index
        var value: Int64 = 0
        while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39, index - start < 16 {
            value = value * 10 + Int64(bytes[index] - 0x30)
            index += 1
        }
        guard index > start else { return nil }
        return isNegative ? -value : value
    }

    /// Passes over one value; false when there is none.
    private mutating func skip() -> Bool {
        var depth = 0
        repeat {
            guard index < bytes.count else { return false }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard skipString() else { return false }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { return false }
                index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { return false }
                index += 1
            default:
                guard integer() != nil else { return false }
            }
        } while depth > 0
        return true
    }

    private mutating func skipString() -> Bool {
        guard accept(UInt8(ascii: "\"")) else { return false }
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return true
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return false
    }
}
