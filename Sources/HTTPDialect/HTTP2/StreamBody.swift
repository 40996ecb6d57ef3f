package import NIOCore

/// A message of a stream, written as HTTP/1.1: a head first, then what follows it.
package protocol StreamedMessage {
    /// Known once the final head was written.
    var body: StreamBody? { get }
}

extension StreamedMessage {
    /// What comes next of fields are trailers.
    package var hasHead: Bool { body != nil }

    package func data(_ data: ByteBuffer, isEnd: Bool) -> ByteBuffer {
        var bytes = ByteBuffer()
        body?.write(data, isEnd: isEnd, into: &bytes)
        return bytes
    }

    package func trailers(_ fields: [StreamField]) throws(MalformedHTTP) -> ByteBuffer {
        var bytes = ByteBuffer()
        try body?.writeTrailers(fields, into: &bytes)
        return bytes
    }
}

/// How the body of a stream's message is written in HTTP/1.1, where its end must be told.
package struct StreamBody {
    private enum Form {
        case none
        /// By its Content-Length, whose truth the stream's own check sees to.
        case length
        case chunked
        /// Of another protocol, as it comes.
        case raw
    }

    private var form = Form.none

    /// - Parameters:
    ///   - hasLength: a Content-Length is among the fields.
    ///   - isEnd: the stream ends with its head.
    init(hasLength: Bool, isEnd: Bool) {
        form = isEnd ? .none : hasLength ? .length : .chunked
    }

    /// What a stream carries that has become another protocol's (RFC 8441).
    static var raw: StreamBody {
        var body = StreamBody(hasLength: false, isEnd: true)
        body.form = .raw
        return body
    }

    /// The field that belongs to it.
    func writeField(into bytes: inout ByteBuffer) {
        if case .chunked = form { bytes.writeStaticString("Transfer-Encoding: chunked\r\n") }
    }

    func write(_ data: ByteBuffer, isEnd: Bool, into bytes: inout ByteBuffer) {
        switch form {
        case .none: break
        case .length, .raw: bytes.writeImmutableBuffer(data)
        case .chunked:
            writeChunk(data, into: &bytes)
            if isEnd { bytes.writeStaticString("0\r\n\r\n") }
        }
    }

    /// Trailers end the stream. A body with a length has no place for them; they are dropped (RFC 9110 section 6.5).
    func writeTrailers(_ fields: [StreamField], into bytes: inout ByteBuffer) throws(MalformedHTTP) {
        guard case .chunked = form else { return }
        bytes.writeStaticString("0\r\n")
        for field in fields {
            guard !field.isPseudo else { throw MalformedHTTP("a pseudo-header field stands among trailers") }
            try field.check()
            bytes.writeString("\(field.name): \(field.value)\r\n")
        }
        bytes.writeStaticString("\r\n")
    }
}
