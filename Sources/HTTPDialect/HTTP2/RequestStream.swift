package import NIOCore

/// Reads the dialect's request to a target and puts it onto an HTTP/2 stream.
package struct RequestStream {
    private let scheme: String
    private var reader = RequestReader()
    private var isOpen = false

    /// Whether what was read last is a HEAD.
    package private(set) var isHead = false

    package init(isTLS: Bool) {
        scheme = isTLS ? "https" : "http"
    }

    /// Errors: none with bytes that the dialect wrote.
    package mutating func read(_ bytes: ByteBuffer) throws(MalformedHTTP) -> [StreamPart] {
        reader.append(bytes)
        defer { reader.settle() }
        var parts: [StreamPart] = []
        while true {
            if !isOpen {
                guard let head = try reader.head() else { return parts }
                let request = try RequestHead(head)
                reader.beginBody(request.framing)
                isHead = request.method == "HEAD"
                let isEnd = request.framing == .none && reader.finishedBody() != nil
                isOpen = !isEnd
                parts.append(.fields(fields(of: request), isEnd: isEnd))
                if isEnd { return parts }
            } else if let piece = try reader.bodyPiece(limit: .max) {
                parts.append(.data(piece, isEnd: false))
            } else {
                guard let body = reader.finishedBody() else { return parts }
                isOpen = false
                if let trailers = body.trailers {
                    parts.append(.fields(StreamField.all(of: trailers), isEnd: true))
                } else {
                    parts.append(.data(ByteBuffer(), isEnd: true))
                }
                return parts
            }
        }
    }

    private func fields(of request: RequestHead) -> [StreamField] {
        var fields = [
            StreamField(":method", request.method), StreamField(":scheme", scheme),
            StreamField(":authority", request.authority.text), StreamField(":path", request.pathAndQuery.text),
        ]
        let own = StreamField.all(of: request.block)
        fields += own.filter { $0.name != "host" }
        // gRPC demands it of every client, and it speaks of this stream only.
        if own.contains(where: { $0.name == "content-type" && $0.value.hasPrefix("application/grpc") }) {
            fields.append(StreamField("te", "trailers"))
        }
        return fields
    }
}

/// Reads the dialect's answer to a client and puts it onto an HTTP/2 stream.
package struct AnswerStream {
    private var reader = ResponseReader()
    private var hasBegun = false
    package private(set) var hasEnded = false
    /// The stream has become another protocol's, which does not say where it ends.
    package private(set) var isSwitched = false

    package init() {}

    /// The request is known: what it asked with decides whether its answer has a body.
    package mutating func begin(isHead: Bool, mayUpgrade: Bool = false) {
        reader.begin(isHead: isHead, mayUpgrade: mayUpgrade)
        hasBegun = true
    }

    /// Errors: none with bytes that the dialect wrote.
    package mutating func read(_ bytes: ByteBuffer) throws(MalformedHTTP) -> [StreamPart] {
        guard !hasEnded else { return [] }
        if !hasBegun { begin(isHead: false) }
        reader.append(bytes)
        defer { reader.settle() }
        var parts: [StreamPart] = []
        while let event = try reader.next() {
            switch event {
            case .interim(let head), .head(let head):
                let status = StreamField(":status", String(head.status))
                parts.append(.fields([status] + StreamField.all(of: head.block), isEnd: false))
            case .switched(let head):
                isSwitched = true
                let fields = StreamField.all(of: head.block).filter { $0.name != "sec-websocket-accept" }
                parts.append(.fields([StreamField(":status", "200")] + fields, isEnd: false))
            case .data(let data): parts.append(.data(data, isEnd: false))
            case .end(let trailers, _):
                hasEnded = true
                end(&parts, trailers)
                return parts
            }
        }
        return parts
    }

    /// The last part of what is at hand ends the stream, unless trailers do.
    private func end(_ parts: inout [StreamPart], _ trailers: FieldBlock?) {
        if let trailers { return parts.append(.fields(StreamField.all(of: trailers), isEnd: true)) }
        switch parts.popLast() {
        case .fields(let fields, _)?: parts.append(.fields(fields, isEnd: true))
        case .data(let data, _)?: parts.append(.data(data, isEnd: true))
        case nil: parts.append(.data(ByteBuffer(), isEnd: true))
        }
    }
}

extension StreamField {
    /// The fields of a message of HTTP/1.1, without those that speak of its connection.
    static func all(of block: FieldBlock) -> [StreamField] {
        block.fields.compactMap { field in
            let name = String(decoding: block.name(field).map(Octets.lower), as: UTF8.self)
            guard !connectionSpecific.contains(name) else { return nil }
            return StreamField(name, block.value(field).text)
        }
    }
}
