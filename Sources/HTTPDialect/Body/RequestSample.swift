package import AccessPolicy
import GatewayCore
import NIOCore

/// A request that is judged without a client: one that somebody asks about, or one of the record.
package struct RequestSample: Sendable {
    package let subject: CommandSubject
    package let method: String
    /// As the entry names it.
    package let object: String

    /// - Parameters:
    ///   - target: path and query, without the connection's name.
    ///   - limit: bytes of a body that are judged.
    /// Errors: what a client would be told.
    package init(
        method: String, target: String, fields: [String], body: [UInt8], limit: Int
    ) throws(MalformedHTTP) {
        guard !fields.contains(where: { $0.utf8.contains { $0 == 0x0D || $0 == 0x0A } }) else {
            throw MalformedHTTP("a header field goes over several lines")
        }
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(Self.host)"] + fields + ["", ""]
        let head = Array(lines.joined(separator: "\r\n").utf8)
        let isWhole = body.count <= limit
        try self.init(head: head, host: Self.host, body: isWhole ? ByteBuffer(bytes: body) : nil, limit: limit)
    }

    /// - Parameters:
    ///   - recorded: the request as the record holds it: head, and what was judged of the body.
    ///   - prefix: the path of the target's URL, which stands before the client's.
    package init(recorded: [UInt8], prefix: String, limit: Int) throws(MalformedHTTP) {
        var scanner = HeadScanner()
        var rest = ByteBuffer(bytes: recorded)
        guard let end = try scanner.end(of: rest, limit: RequestHead.longest, what: "the header"),
            var head = rest.readBytes(length: end)
        else { throw MalformedHTTP("the recorded request has no head") }
        let place = (head.firstIndex(of: 0x20) ?? 0) + 1
        if !prefix.isEmpty, head[place...].starts(with: prefix.utf8), head[place...].count > prefix.utf8.count {
            head.removeSubrange(place..<place + prefix.utf8.count)
        }
        let parsed = try RequestHead(head)
        let body = try Self.body(rest, parsed.framing)
        let host = parsed.authority.prefix { $0 != 0x3A }.map(Octets.lower)
        try self.init(head: head, host: String(decoding: host, as: UTF8.self), body: body, limit: limit)
    }

    /// Nil when the record does not hold all of it.
    private static func body(_ rest: ByteBuffer, _ framing: BodyFraming) throws(MalformedHTTP) -> ByteBuffer? {
        switch framing {
        case .none, .untilClose: return ByteBuffer()
        case .length(let length): return length == rest.readableBytes ? rest : nil
        case .chunked:
            var (rest, reader, body) = (rest, ChunkReader(), ByteBuffer())
            while let piece = try reader.next(&rest) { body.writeImmutableBuffer(piece) }
            return reader.isDone ? body : nil
        }
    }

    private static let host = "target.invalid"

    private init(head: [UInt8], host: String, body: ByteBuffer?, limit: Int) throws(MalformedHTTP) {
        let parsed = try ParsedRequest(head, hosts: [host: ""])
        let isEmpty = body.map { $0.readableBytes == 0 } ?? false
        let judged = isEmpty ? nil : JudgedBody(body, block: parsed.head.block, limit: limit)
        subject = HTTPDialect.subject(of: parsed, judged)
        method = parsed.method
        object = PathTemplate.of(parsed.requestPath)
    }
}
