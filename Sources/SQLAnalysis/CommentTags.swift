/// Tags that a client's tool put into comments: `/*key='url-encoded value',…*/` (sqlcommenter). Claims of the client, no more.
enum CommentTags {
    static let maximumTags = 32
    static let maximumBytes = 4_096

    /// Later comments win; what is malformed or too long is passed over.
    static func read(_ comments: [Range<Int>], in text: UnsafeRawBufferPointer) -> [String: String] {
        var tags: [String: String] = [:]
        for comment in comments
        where comment.count > 4 && comment.count <= maximumBytes && text[comment.lowerBound] == 0x2f {
            read(text[(comment.lowerBound + 2)..<(comment.upperBound - 2)], into: &tags)
        }
        return tags
    }

    private static func read(_ body: Slice<UnsafeRawBufferPointer>, into tags: inout [String: String]) {
        var rest = body[...]
        while tags.count < maximumTags {
            rest = rest.drop { ASCII.isSpace($0) || $0 == 0x2c }
            guard let equals = rest.firstIndex(of: 0x3d), equals + 1 < rest.endIndex, rest[equals + 1] == 0x27 else {
                return
            }
            guard let key = decoded(rest[..<equals]), !key.isEmpty else { return }
            var end = equals + 2
            while end < rest.endIndex, rest[end] != 0x27 { end += rest[end] == 0x5c ? 2 : 1 }
            guard end < rest.endIndex, let value = decoded(rest[(equals + 2)..<end]) else { return }
            tags[key] = value
            rest = rest[(end + 1)...]
        }
    }

    /// Percent-decoded text without control characters; nil when it is not UTF-8.
    private static func decoded(_ bytes: Slice<UnsafeRawBufferPointer>) -> String? {
        var result: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            var byte = bytes[index]
            if byte == 0x25, index + 2 < bytes.endIndex, let high = hex(bytes[index + 1]),
                let low = hex(bytes[index + 2])
            {
                byte = high << 4 | low
                index += 2
            } else if byte == 0x5c, index + 1 < bytes.endIndex {
                index += 1
                byte = bytes[index]
            }
            guard byte >= 0x20, byte != 0x7f else { return nil }
            result.append(byte)
            index += 1
        }
        return String(validating: result, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
