package import NIOCore

/// Writes a target's answer on an HTTP/2 stream as HTTP/1.1 (RFC 9113 section 8.3.2).
package struct StreamedAnswer: StreamedMessage {
    private let isHead: Bool
    package private(set) var body: StreamBody?

    /// - Parameter isHead: it answers a HEAD, whose answer never has a body.
    package init(isHead: Bool) {
        self.isHead = isHead
    }

    package mutating func head(_ fields: [StreamField], isEnd: Bool) throws(MalformedHTTP) -> ByteBuffer {
        let (pseudo, rest) = try StreamField.split(fields, allowed: [":status"])
        guard let text = pseudo[":status"], text.utf8.count == 3, let status = Int(text), (100...599).contains(status),
            status != 101
        else { throw MalformedHTTP("the status is none") }
        guard status >= 200 || !isEnd else { throw MalformedHTTP("the stream ends with an interim response") }
        var bytes = ByteBuffer()
        bytes.writeString("HTTP/1.1 \(status) \r\n")
        for field in rest { bytes.writeString("\(field.name): \(field.value)\r\n") }
        if status >= 200 {
            let hasLength = rest.contains { $0.name == "content-length" }
            let mayHaveBody = !isHead && status != 204 && status != 304
            guard mayHaveBody || isEnd else { throw MalformedHTTP("a body follows where none can be") }
            let body = StreamBody(hasLength: hasLength, isEnd: isEnd)
            self.body = body
            if isEnd, mayHaveBody, !hasLength { bytes.writeStaticString("Content-Length: 0\r\n") }
            body.writeField(into: &bytes)
        }
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
