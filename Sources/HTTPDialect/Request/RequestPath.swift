/// A request's path in its one form: what is judged is what is sent.
///
/// Decoded once: letters, digits and `-._~` stand for themselves, all else keeps its percent-encoding in capitals. Dot
/// segments are resolved and empty segments dropped. What servers are known to read in different ways is refused: encoded
/// slashes, backslashes, semicolons and control characters, percent-encoding within percent-encoding, and bytes that are no
/// UTF-8 (overlong forms among them).
package struct RequestPath: Sendable, Equatable {
    /// As it is sent, with its leading slash.
    package var encoded: [UInt8]
    /// As rules see it: decoded, segment by segment. The last one is empty when the path ends with a slash.
    package var segments: [[UInt8]]

    package init(_ raw: ArraySlice<UInt8>) throws(MalformedHTTP) {
        guard raw.first == 0x2F else { throw MalformedHTTP("the path does not begin with a slash") }
        var segments: [[UInt8]] = []
        var endsWithSlash = false
        for part in raw.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) {
            let segment = try Self.decode(part)
            endsWithSlash = false
            switch segment {
            case [], [0x2E]: endsWithSlash = true
            case [0x2E, 0x2E]:
                guard segments.popLast() != nil else { throw MalformedHTTP("the path leads above its root") }
                endsWithSlash = true
            default: segments.append(segment)
            }
        }
        if endsWithSlash { segments.append([]) }
        self.init(segments: segments)
    }

    private init(segments: [[UInt8]]) {
        self.segments = segments
        encoded = segments.isEmpty ? [0x2F] : segments.flatMap { [0x2F] + Self.encode($0) }
    }

    /// The path without its first segment, which names the connection; nil when there is none.
    func droppingFirst() -> (name: [UInt8], rest: RequestPath)? {
        guard let name = segments.first, !name.isEmpty else { return nil }
        let rest = Array(segments.dropFirst())
        return (name, RequestPath(segments: rest.isEmpty ? [[]] : rest))
    }

    private static func decode(_ part: ArraySlice<UInt8>) throws(MalformedHTTP) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(part.count)
        var index = part.startIndex
        var isPlain = true
        while index < part.endIndex {
            var byte = part[index]
            if byte == 0x25 {
                guard index + 2 < part.endIndex, let high = Octets.hexadecimal(part[index + 1]),
                    let low = Octets.hexadecimal(part[index + 2])
                else { throw MalformedHTTP("the path's percent-encoding is malformed") }
                byte = high << 4 | low
                index += 3
            } else {
                guard Octets.path.contains(byte) else {
                    throw MalformedHTTP("the path holds a character that must be percent-encoded")
                }
                index += 1
            }
            switch byte {
            case 0x2F: throw MalformedHTTP("the path holds an encoded slash")
            case 0x5C: throw MalformedHTTP("the path holds an encoded backslash")
            case 0x3B: throw MalformedHTTP("the path holds a semicolon, which servers read in different ways")
            case 0..<0x20, 0x7F: throw MalformedHTTP("the path holds an encoded control character")
            case 0x80...: isPlain = false
            default: break
            }
            bytes.append(byte)
        }
        guard !Self.isEncodedAgain(bytes) else { throw MalformedHTTP("the path is percent-encoded twice") }
        guard isPlain || String(validating: bytes, as: UTF8.self) != nil else {
            throw MalformedHTTP("the path is not UTF-8")
        }
        return bytes
    }

    /// A percent sign that stood for itself, with two hexadecimal digits behind it.
    private static func isEncodedAgain(_ decoded: [UInt8]) -> Bool {
        decoded.indices.contains { index in
            decoded[index] == 0x25 && index + 2 < decoded.count && Octets.hexadecimal(decoded[index + 1]) != nil
                && Octets.hexadecimal(decoded[index + 2]) != nil
        }
    }

    static func encode(_ segment: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(segment.count)
        for byte in segment {
            if Octets.path.contains(byte) { bytes.append(byte) } else { appendEncoded(byte, to: &bytes) }
        }
        return bytes
    }

    static func appendEncoded(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes += [0x25, Octets.hexDigits[Int(byte >> 4)], Octets.hexDigits[Int(byte & 15)]]
    }
}

/// A request's query in its one form.
package struct RequestQuery: Sendable, Equatable {
    /// As it is sent, without its question mark.
    package var encoded: [UInt8]

    /// Percent-encoding in capitals; what RFC 3986 does not allow as it stands, and browsers send all the same, is encoded.
    package init(_ raw: ArraySlice<UInt8>) throws(MalformedHTTP) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            let byte = raw[index]
            if byte == 0x25 {
                guard index + 2 < raw.endIndex, let high = Octets.hexadecimal(raw[index + 1]),
                    let low = Octets.hexadecimal(raw[index + 2])
                else { throw MalformedHTTP("the query's percent-encoding is malformed") }
                let decoded = high << 4 | low
                if Octets.unreserved.contains(decoded) {
                    bytes.append(decoded)
                } else {
                    RequestPath.appendEncoded(decoded, to: &bytes)
                }
                index += 3
            } else {
                if Octets.query.contains(byte) {
                    bytes.append(byte)
                } else {
                    RequestPath.appendEncoded(byte, to: &bytes)
                }
                index += 1
            }
        }
        encoded = bytes
    }

    /// Names and values as forms write them: decoded, a plus being a space.
    package var parameters: [(name: [UInt8], value: [UInt8])] {
        encoded.split(separator: 0x26).map { pair in
            let parts = pair.split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(parts[0]), parts.count == 2 ? Self.decode(parts[1]) : [])
        }
    }

    private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == 0x25, index + 2 < text.endIndex, let high = Octets.hexadecimal(text[index + 1]),
                let low = Octets.hexadecimal(text[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(text[index] == 0x2B ? 0x20 : text[index])
                index += 1
            }
        }
        return bytes
    }
}
