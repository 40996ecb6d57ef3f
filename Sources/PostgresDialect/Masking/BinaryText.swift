import GatewayCore

/// Scalars in binary format (the types' send functions) as the text that detectors read.
enum BinaryText {
    /// Numbers, addresses, ranges and multiranges.
    static let scalars = Set(
        [TypeOID.int4, TypeOID.int8, numeric, inet, cidr, macaddr, macaddr8] + ranges.keys + multiranges.keys)

    private static let numeric = TypeOID.numeric
    private static let inet = TypeOID.inet
    private static let cidr = TypeOID.cidr
    private static let macaddr = TypeOID.macaddr
    private static let macaddr8 = TypeOID.macaddr8
    private static let timestamp = TypeOID.timestamp
    /// Range types and the types of their bounds.
    private static let ranges: [UInt32: UInt32] = [
        3904: TypeOID.int4, 3926: TypeOID.int8, 3906: numeric, 3908: timestamp, 3910: timestamp, 3912: timestamp,
    ]
    /// Multirange types and their ranges.
    private static let multiranges: [UInt32: UInt32] = [
        4451: 3904, 4536: 3926, 4532: 3906, 4533: 3908, 4534: 3910, 4535: 3912,
    ]

    /// - Returns: false for a type that is none of `scalars`, and for bytes that are not its.
    static func append(_ value: UnsafeRawBufferPointer, type: UInt32, into output: inout [UInt8]) -> Bool {
        switch type {
        case TypeOID.int4:
            guard value.count == 4 else { return false }
            output += Array(String(value.loadUnaligned(as: Int32.self).bigEndian).utf8)
        case TypeOID.int8:
            guard value.count == 8 else { return false }
            output += Array(String(value.loadUnaligned(as: Int64.self).bigEndian).utf8)
        case numeric: return number(value, into: &output)
        case inet, cidr: return address(value, into: &output)
        case macaddr, macaddr8:
            for (index, byte) in value.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ":")) }
                output += hex(byte)
            }
        default:
            if let bound = ranges[type] { return range(value, of: bound, into: &output) }
            guard let inner = multiranges[type], let bound = ranges[inner] else { return false }
            return multirange(value, of: bound, into: &output)
        }
        return true
    }

    /// Digits of base 10,000 (numeric_send): count, weight of the first, sign, places behind the point.
    private static func number(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        guard value.count >= 8, value.count % 2 == 0 else { return false }
        func word(_ index: Int) -> UInt16 { value.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self).bigEndian }
        let count = Int(word(0))
        guard value.count == 8 + 2 * count else { return false }
        // Not a number, or without end.
        guard word(2) == 0 || word(2) == 0x4000 else { return count == 0 }
        let weight = Int(Int16(bitPattern: word(1)))
        if word(2) != 0 { output.append(UInt8(ascii: "-")) }
        // Zeros behind the digits that are there: a number of any size takes no more room than a card's.
        for index in 0..<max(count, min(weight + 1, count + 5)) {
            if index == weight + 1 { output.append(UInt8(ascii: ".")) }
            let digit = index < count ? word(4 + index) : 0
            guard digit < 10_000 else { return false }
            let text = Array(String(digit).utf8)
            if index > 0 { output += repeatElement(UInt8(ascii: "0"), count: 4 - text.count) }
            output += text
        }
        return true
    }

    /// Family, bits, kind, length, bytes (inet_send).
    private static func address(_ value: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        guard value.count >= 4, Int(value[3]) == value.count - 4 else { return false }
        let bytes = value.dropFirst(4)
        switch bytes.count {
        case 4: output += Array(bytes.map { String($0) }.joined(separator: ".").utf8)
        case 16:
            for (index, byte) in bytes.enumerated() {
                if index > 0, index % 2 == 0 { output.append(UInt8(ascii: ":")) }
                output += hex(byte)
            }
        default: return false
        }
        return true
    }

    /// Flags, then the bounds that are there (range_send).
    private static func range(_ value: UnsafeRawBufferPointer, of bound: UInt32, into output: inout [UInt8]) -> Bool {
        var reader = BinaryContainer.Reader(value)
        guard let flags = reader.byte() else { return false }
        // Times hold nothing that is looked for.
        guard bound != timestamp else { return true }
        // Empty; without a lower bound; without an upper one.
        let isEmpty = flags & 0x01 != 0
        for isMissing in [flags & 0x28 != 0, flags & 0x50 != 0] where !isEmpty && !isMissing {
            guard case .value(let bytes)? = reader.field(), append(bytes, type: bound, into: &output) else {
                return false
            }
            output.append(UInt8(ascii: "|"))
        }
        return reader.isAtEnd
    }

    private static func multirange(_ value: UnsafeRawBufferPointer, of bound: UInt32, into output: inout [UInt8])
        -> Bool
    {
        var reader = BinaryContainer.Reader(value)
        guard let count = reader.integer(), count >= 0 else { return false }
        for _ in 0..<count {
            guard case .value(let bytes)? = reader.field(), range(bytes, of: bound, into: &output) else { return false }
        }
        return reader.isAtEnd
    }

    private static func hex(_ byte: UInt8) -> [UInt8] { [UInt8.hexDigit(byte >> 4), UInt8.hexDigit(byte & 0xF)] }
}
