import NIOCore

/// Reads the recorded answer of a request, for replay. The gateway wrote it, yet it may be cut short.
package enum RecordedResponse {
    /// Status line, fields and body as text, and whether something was left out: what is no text is told by its size.
    package static func text(_ recorded: [UInt8], limit: Int) -> (text: String, isWhole: Bool) {
        guard let end = headEnd(recorded), let head = try? ResponseHead(Array(recorded[..<end])) else {
            return (String(decoding: recorded.prefix(limit), as: UTF8.self), recorded.count <= limit)
        }
        var text = "\(head.status) \(String(decoding: head.reason, as: UTF8.self))"
        for field in head.block.fields {
            let value = field.kind == .setCookie ? "[hidden]" : head.block.value(field).text
            text += "\n\(head.block.name(field).text): \(value)"
        }
        let rest = Array(recorded[end...])
        let body = head.framing == .chunked ? joined(rest) : rest
        guard !body.isEmpty else { return (text, true) }
        guard let shown = String(validating: body.prefix(limit), as: UTF8.self) ?? cut(body, limit) else {
            return (text + "\n\n(\(body.count) bytes that are no text)", false)
        }
        return (text + "\n\n" + shown, body.count <= limit)
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        var scanner = HeadScanner()
        return (try? scanner.end(of: ByteBuffer(bytes: bytes), limit: ResponseHead.longest, what: "the header")) ?? nil
    }

    private static func joined(_ bytes: [UInt8]) -> [UInt8] {
        var (reader, input, body) = (ChunkReader(), ByteBuffer(bytes: bytes), [UInt8]())
        while let piece = (try? reader.next(&input)) ?? nil { body += Array(piece.readableBytesView) }
        return body
    }

    /// A text whose last character the limit has cut.
    private static func cut(_ body: [UInt8], _ limit: Int) -> String? {
        guard body.count > limit else { return nil }
        return (1...3).lazy.compactMap { String(validating: body.prefix(max(limit - $0, 0)), as: UTF8.self) }.first
    }
}
