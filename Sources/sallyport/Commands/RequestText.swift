import Identity

/// A recorded request for people: its line, its fields, its body where that is text.
struct RequestText {
    /// Of a body that is shown.
    private static let longest = 64 << 10

    let line: String
    let fields: [String]
    let body: String?

    /// - Parameter text: as the timeline tells it; what is no UTF-8 as a whole comes in base64url.
    init(_ text: String) {
        let encoded = text.hasPrefix(Self.mark) ? Base64URL.decode(text.dropFirst(Self.mark.count).utf8) : nil
        let bytes = encoded ?? Array(text.utf8)
        let end = Self.end(of: bytes)
        var lines = String(decoding: bytes[..<end], as: UTF8.self)
            .split(omittingEmptySubsequences: true) { $0 == "\r\n" || $0 == "\n" }.map(String.init)[...]
        line = lines.popFirst() ?? ""
        fields = Array(lines)
        let rest = bytes[end...]
        if rest.isEmpty {
            body = nil
        } else if let whole = String(validating: rest, as: UTF8.self) {
            let isLong = rest.count > Self.longest
            body =
                isLong
                ? String(decoding: rest.prefix(Self.longest), as: UTF8.self) + "\n(of \(rest.count) bytes)" : whole
        } else {
            body = "(\(rest.count) bytes that are no text)"
        }
    }

    private static let mark = "base64url:"

    /// Behind the empty line.
    private static func end(of bytes: [UInt8]) -> Int {
        guard bytes.count >= 4 else { return bytes.count }
        for index in 0...(bytes.count - 4) where bytes[index] == 0x0D {
            if bytes[index..<index + 4].elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) { return index + 4 }
        }
        return bytes.count
    }
}
