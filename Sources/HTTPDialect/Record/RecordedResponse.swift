import NIOCore

/// Reads the recorded answer of a request, for replay. The gateway wrote it, yet it may be cut short.
package enum RecordedResponse {
    /// Status line, fields and body as text, and whether something was left out: what is no text is told by its size.
    package static func text(_ recorded: [UInt8], limit: Int) -> (text: String, isWhole: Bool) {
        guard let (head, end) = finalHead(recorded) else {
            return (String(decoding: recorded.prefix(limit), as: UTF8.self), recorded.count <= limit)
        }
        var text = "\(head.status) \(String(decoding: head.reason, as: UTF8.self))"
        for field in head.block.fields {
            let value = field.kind == .setCookie ? "[hidden]" : head.block.value(field).text
            text += "\n\(head.block.name(field).text): \(value)"
        }
        // What follows a switch is another protocol's.
        if head.status == 101 { return (text, true) }
        let rest = Array(recorded[end...])
        let body = head.framing == .chunked ? joined(rest) : rest
        guard !body.isEmpty else { return (text, true) }
        guard let shown = String(validating: body.prefix(limit), as: UTF8.self) ?? cut(body, limit) else {
            return (text + "\n\n(\(body.count) bytes that are no text)", false)
        }
        return (text + "\n\n" + shown, body.count <= limit)
    }

    /// The head that no other follows, and where it ends.
    static func finalHead(_ bytes: [UInt8]) -> (head: ResponseHead, end: Int)? {
        var start = 0
        // No more interim heads pass than that.
        for _ in 0...16 {
            var scanner = HeadScanner()
            let rest = ByteBuffer(bytes: bytes[start...].prefix(ResponseHead.longest + 1))
            guard let length = try? scanner.end(of: rest, limit: ResponseHead.longest, what: "the header"),
                let head = try? ResponseHead(Array(bytes[start..<start + length]))
            else { return nil }
            start += length
            if head.status >= 200 || head.status == 101 { return (head, start) }
        }
        return nil
    }

    private static func joined(_ bytes: [UInt8]) -> [UInt8] {
        var (reader, input, body) = (ChunkReader(), ByteBuffer(bytes: bytes), [UInt8]())
        while let piece = (try? reader.next(&input)) ?? nil { body += Array(piece.readableBytesView) }
        return body
    }

    /// Text, whose last character may be cut where there was more of it; nil for what is none.
    package static func shown(_ content: [UInt8], isCut: Bool) -> String? {
        if let text = String(validating: content, as: UTF8.self) { return text }
        guard isCut else { return nil }
        return (1...3).lazy.compactMap { String(validating: content.dropLast($0), as: UTF8.self) }.first
    }

    /// A text whose last character the limit has cut.
    private static func cut(_ body: [UInt8], _ limit: Int) -> String? {
        guard body.count > limit else { return nil }
        return (1...3).lazy.compactMap { String(validating: body.prefix(max(limit - $0, 0)), as: UTF8.self) }.first
    }
}
