import DataMasking

/// Arrays and composites in binary format, which tell the types of what they hold (array_send, record_send).
enum BinaryContainer {
    typealias Element = (UnsafeRawBufferPointer, UInt32, inout [UInt8]) -> MaskedValue

    private static let mostDimensions = 6
    /// PostgreSQL's own limit for the columns of a target list.
    private static let mostFields = 1664

    /// - Returns: nil, with something appended or not, when the bytes are no array.
    static func array(_ value: UnsafeRawBufferPointer, into output: inout [UInt8], _ element: Element) -> MaskedValue? {
        var reader = Reader(value)
        guard let dimensions = reader.integer(), dimensions >= 1, dimensions <= mostDimensions,
            let flags = reader.integer(), flags == 0 || flags == 1, let type = reader.integer(), type != 0
        else { return nil }
        var count = 1
        for _ in 0..<dimensions {
            guard let size = reader.integer(), size >= 0, reader.integer() != nil else { return nil }
            let (product, isOver) = count.multipliedReportingOverflow(by: Int(size))
            // Each element takes four bytes at least.
            guard !isOver, product <= value.count / 4 else { return nil }
            count = product
        }
        let begin = output.count
        output.append(contentsOf: value[..<reader.position])
        var isChanged = false
        var hasNull = false
        for _ in 0..<count {
            guard let field = reader.field() else { return nil }
            put(field, UInt32(bitPattern: type), &output, &isChanged, &hasNull, element)
        }
        guard reader.isAtEnd else { return nil }
        // The flags tell whether any element is null.
        if hasNull { output[begin + 7] = 1 }
        return isChanged ? .replaced : .unchanged
    }

    static func record(_ value: UnsafeRawBufferPointer, into output: inout [UInt8], _ element: Element) -> MaskedValue?
    {
        var reader = Reader(value)
        guard let count = reader.integer(), count >= 1, count <= mostFields else { return nil }
        output.append(contentsOf: value[..<reader.position])
        var isChanged = false
        var hasNull = false
        for _ in 0..<count {
            guard let type = reader.integer(), type != 0, let field = reader.field() else { return nil }
            append(type, &output)
            put(field, UInt32(bitPattern: type), &output, &isChanged, &hasNull, element)
        }
        return reader.isAtEnd ? (isChanged ? .replaced : .unchanged) : nil
    }

    private static func put(
        _ field: Field, _ type: UInt32, _ output: inout [UInt8], _ isChanged: inout Bool, _ hasNull: inout Bool,
        _ element: Element
    ) {
        guard case .value(let bytes) = field else {
            hasNull = true
            return append(-1, &output)
        }
        var masked: [UInt8] = []
        switch element(bytes, type, &masked) {
        case .unchanged:
            append(Int32(clamping: bytes.count), &output)
            output.append(contentsOf: bytes)
        case .replaced:
            isChanged = true
            append(Int32(clamping: masked.count), &output)
            output += masked
        case .null:
            isChanged = true
            hasNull = true
            append(-1, &output)
        }
    }

    private static func append(_ number: Int32, _ output: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { output.append(contentsOf: $0) }
    }

    enum Field {
        case null
        case value(UnsafeRawBufferPointer)
    }

    /// Reads within the bounds of the value.
    struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private(set) var position = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func byte() -> UInt8? {
            guard position < bytes.count else { return nil }
            position += 1
            return bytes[position - 1]
        }

        mutating func integer() -> Int32? {
            guard bytes.count - position >= 4 else { return nil }
            position += 4
            return bytes.loadUnaligned(fromByteOffset: position - 4, as: Int32.self).bigEndian
        }

        /// A length and as many bytes; -1 is null.
        mutating func field() -> Field? {
            guard let length = integer() else { return nil }
            if length == -1 { return .null }
            guard length >= 0, Int(length) <= bytes.count - position else { return nil }
            position += Int(length)
            return .value(UnsafeRawBufferPointer(rebasing: bytes[position - Int(length)..<position]))
        }
    }
}
