/// A value of a leaf's JSON: strings, whole numbers, lists, objects; nothing else occurs in a leaf.
package enum LeafValue: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    case list([LeafValue])
    /// Members in their order.
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: LeafValue
    }

    package subscript(name: String) -> LeafValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    package var list: [LeafValue]? {
        guard case .list(let values) = self else { return nil }
        return values
    }
}

/// Reads leaves strictly: canonical JSON only, at most 65,535 bytes and 8 levels, members sorted and unique.
package struct LeafReader {
    /// Where and why a text is no leaf.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package var offset: Int
        package var reason: String
        package var description: String { "byte \(offset): \(reason)" }
    }

    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package static func read(_ bytes: [UInt8]) throws(Failure) -> LeafValue {
        guard bytes.count <= LeafEncoder.maximumLength else {
            throw Failure(offset: 0, reason: "longer than 65,535 bytes")
        }
        var reader = LeafReader(bytes)
        let value = try reader.value(depth: 0)
        guard reader.index == bytes.count else { throw reader.failure("something follows the value") }
        guard case .object = value else { throw Failure(offset: 0, reason: "no object") }
        return value
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: index, reason: reason) }

    private func peek() throws(Failure) -> UInt8 {
        guard index < bytes.count else { throw failure("ends early") }
        return bytes[index]
    }

    private mutating func expect(_ byte: UInt8) throws(Failure) {
        guard try peek() == byte else { throw failure("expected \(Character(UnicodeScalar(byte)))") }
        index += 1
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(Failure) -> LeafValue {
        guard depth < 8 else { throw failure("nested too deep") }
        switch try peek() {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .list(try list(depth: depth))
        default: return .integer(try integer())
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> [LeafValue.Member] {
        try expect(UInt8(ascii: "{"))
        var members: [LeafValue.Member] = []
        if accept(UInt8(ascii: "}")) { return members }
        repeat {
            let name = try string()
            if let last = members.last, !last.name.utf16.lexicographicallyPrecedes(name.utf16) {
                throw failure("member \(name) is out of order or twice")
            }
            try expect(UInt8(ascii: ":"))
            members.append(.init(name: name, value: try value(depth: depth + 1)))
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return members
    }

    private mutating func list(depth: Int) throws(Failure) -> [LeafValue] {
        try expect(UInt8(ascii: "["))
        var values: [LeafValue] = []
        if accept(UInt8(ascii: "]")) { return values }
        repeat { values.append(try value(depth: depth + 1)) } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return values
    }

    private mutating func integer() throws(Failure) -> Int64 {
        let isNegative = accept(UInt8(ascii: "-"))
        let start = index
        var value: UInt64 = 0
        while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39, index - start < 17 {
            value = value * 10 + UInt64(bytes[index] - 0x30)
            index += 1
        }
        guard index > start, bytes[start] != 0x30 || (index == start + 1 && !isNegative),
            value <= CanonicalWriter.maximumInteger
        else {
            throw failure("no whole number in canonical form")
        }
        return isNegative ? -Int64(value) : Int64(value)
    }

    private mutating func string() throws(Failure) -> String {
        try expect(UInt8(ascii: "\""))
        let start = index
        while index < bytes.count, bytes[index] != 0x22, bytes[index] != 0x5C, bytes[index] >= 0x20 { index += 1 }
        var text = Array(bytes[start..<index])
        while !accept(UInt8(ascii: "\"")) {
            let byte = try peek()
            guard byte >= 0x20 else { throw failure("control character in a string") }
            index += 1
            text.append(byte == 0x5C ? try escape() : byte)
        }
        guard let string = String(validating: text, as: UTF8.self) else { throw failure("not UTF-8") }
        return string
    }

    private mutating func escape() throws(Failure) -> UInt8 {
        let byte = try peek()
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "u"):
            guard bytes.count - index >= 4, bytes[index] == 0x30, bytes[index + 1] == 0x30 else {
                throw failure("an escape that is not needed")
            }
            let (high, low) = (Self.nibble(bytes[index + 2]), Self.nibble(bytes[index + 3]))
            guard let high, let low, high < 2, ![8, 9, 10, 12, 13].contains(high << 4 | low) else {
                throw failure("an escape that is not needed")
            }
            index += 4
            return high << 4 | low
        default: throw failure("an escape that is not needed")
        }
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
