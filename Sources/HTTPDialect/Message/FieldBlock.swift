/// The field lines of one message, as they came: names and values are places in one piece of bytes.
package struct FieldBlock: Sendable {
    package struct Field: Sendable {
        package var name: Range<Int>
        package var value: Range<Int>
        package var kind: FieldKind
    }

    /// More than any client sends; each costs work.
    static let mostFields = 200

    package let bytes: [UInt8]
    package let fields: [Field]

    /// Reads the lines from `start` on, each with its CRLF, up to and with the empty line that ends them all (RFC 9112
    /// section 5). `bytes` ends right there.
    init(_ bytes: [UInt8], from start: Int) throws(MalformedHTTP) {
        var fields: [Field] = []
        var position = start
        while true {
            let end = try Self.lineEnd(bytes, from: position)
            if end == position {
                guard end + 2 == bytes.count else { throw MalformedHTTP("bytes follow the end of the header") }
                break
            }
            guard fields.count < Self.mostFields else {
                throw MalformedHTTP("more than \(Self.mostFields) header fields", status: 431)
            }
            fields.append(try Self.field(bytes, position..<end))
            position = end + 2
        }
        self.bytes = bytes
        self.fields = fields
    }

    package func name(_ field: Field) -> ArraySlice<UInt8> { bytes[field.name] }
    package func value(_ field: Field) -> ArraySlice<UInt8> { bytes[field.value] }

    package func first(_ kind: FieldKind) -> ArraySlice<UInt8>? {
        fields.first { $0.kind == kind }.map { bytes[$0.value] }
    }

    func all(_ kind: FieldKind) -> some Sequence<ArraySlice<UInt8>> {
        fields.lazy.filter { $0.kind == kind }.map { bytes[$0.value] }
    }

    /// Where the line ends: at its CR, which an LF must follow. A CR or an LF alone is an error.
    static func lineEnd(_ bytes: [UInt8], from start: Int) throws(MalformedHTTP) -> Int {
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case 0x0A: throw MalformedHTTP("a line ends with LF alone")
            case 0x0D:
                guard index + 1 < bytes.count, bytes[index + 1] == 0x0A else {
                    throw MalformedHTTP("a CR stands alone")
                }
                return index
            default: index += 1
            }
        }
        throw MalformedHTTP("a line has no end")
    }

    private static func field(_ bytes: [UInt8], _ line: Range<Int>) throws(MalformedHTTP) -> Field {
        guard bytes[line.lowerBound] != 0x20, bytes[line.lowerBound] != 0x09 else {
            throw MalformedHTTP("a header field goes over several lines")
        }
        guard let colon = bytes[line].firstIndex(of: 0x3A) else { throw MalformedHTTP("a header line has no colon") }
        let name = line.lowerBound..<colon
        guard !name.isEmpty, bytes[name].allSatisfy(Octets.token.contains) else {
            throw MalformedHTTP("a header field's name is no token")
        }
        var value = colon + 1..<line.upperBound
        while let first = value.first, bytes[first] == 0x20 || bytes[first] == 0x09 {
            value = first + 1..<value.upperBound
        }
        while let last = value.last, bytes[last] == 0x20 || bytes[last] == 0x09 { value = value.lowerBound..<last }
        guard bytes[value].allSatisfy(Octets.isFieldValue) else {
            throw MalformedHTTP("a header field's value holds a control character")
        }
        return Field(name: name, value: value, kind: FieldKind(bytes[name]))
    }
}

/// Elements of a comma-separated value (RFC 9110 section 5.6.1), without the white space around them; empty ones left out.
func listElements(_ value: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    value.split(separator: 0x2C).map(trimmed).filter { !$0.isEmpty }
}

func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    while let first = bytes.first, first == 0x20 || first == 0x09 { bytes = bytes.dropFirst() }
    while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
    return bytes
}

extension ArraySlice<UInt8> {
    /// In any case of letters.
    func isWord(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount
            && text.withUTF8Buffer { expected in zip(self, expected).allSatisfy { Octets.lower($0) == $1 } }
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}
