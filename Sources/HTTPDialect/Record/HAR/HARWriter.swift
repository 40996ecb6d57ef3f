import HTTPContent

/// Writes exchanges as an HTTP archive, HAR 1.2 (w3c.github.io/web-performance/specs/HAR), as it reads them: bodies are read
/// twice, first to learn what they are, and held never.
///
/// What HAR has no member for stands in `_sallyport`: of the log its session, of an entry the gateway's verdict.
package struct HARWriter {
    private let write: ([UInt8]) throws -> Void
    private var out = JSONPieces()
    private var isFirst = true
    /// The answer that was written last switched to another protocol.
    private var hasSwitched = false
    /// Bytes that are gathered before they are written.
    private static let piece = 64 << 10
    /// The longest form that is shown by its fields.
    private static let longestForm = 1 << 20

    package init(_ write: @escaping ([UInt8]) throws -> Void) {
        self.write = write
    }

    /// - Parameter session: a JSON object.
    package mutating func begin(version: String, session: [UInt8]) throws {
        out.raw("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"Sallyport\",\"version\":")
        out.string(version)
        out.raw("},\"_sallyport\":")
        out.raw(session)
        out.raw(",\"entries\":[")
    }

    package mutating func finish() throws {
        out.raw("]}}\n")
        try write(out.take())
    }

    /// - Parameters:
    ///   - request: the recorded text of the request; nil where it is not kept.
    ///   - input: what came of its body after that.
    ///   - answer: what the client got.
    ///   - messages: what was said after a switch to WebSocket; asked for then only.
    package mutating func add(
        _ exchange: HARExchange, request: [UInt8]?, input: @escaping RecordedBytes,
        answer: @escaping RecordedBytes, messages: () throws -> [RecordedMessage] = { [] }
    ) throws {
        hasSwitched = false
        if !isFirst { out.raw(",\n") }
        isFirst = false
        out.raw("{\"startedDateTime\":")
        out.string(exchange.started)
        out.raw(",\"time\":")
        out.milliseconds(exchange.duration)
        out.raw(",\"request\":")
        try add(request, of: exchange, input)
        out.raw(",\"response\":")
        try add(answer, of: exchange, method: request.flatMap { RecordedHead($0)?.line[0] } ?? exchange.method)
        out.raw(",\"cache\":{},\"timings\":{\"blocked\":")
        out.milliseconds(min(exchange.waited, exchange.duration))
        out.raw(",\"dns\":-1,\"connect\":-1,\"ssl\":-1,\"send\":0,\"wait\":")
        out.milliseconds(exchange.duration - min(exchange.waited, exchange.duration))
        out.raw(",\"receive\":0},\"_sallyport\":")
        out.raw(exchange.gateway)
        if hasSwitched { try add(try messages(), since: exchange.startedMicros) }
        out.raw("}")
        try flush(beyond: Self.piece)
    }

    private mutating func flush(beyond limit: Int) throws {
        if out.bytes.count > limit { try write(out.take()) }
    }

    // MARK: - The request

    private mutating func add(
        _ text: [UInt8]?, of exchange: HARExchange, _ input: @escaping RecordedBytes
    ) throws {
        guard let text, let head = RecordedHead(text) else {
            out.raw("{\"method\":")
            out.string(exchange.method)
            out.raw(",\"url\":")
            out.string(exchange.template)
            return out.raw(
                ",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\"queryString\":[],\"headersSize\":-1,\"bodySize\":-1}"
            )
        }
        let target = head.line[1]
        out.raw("{\"method\":")
        out.string(head.line[0])
        out.raw(",\"url\":")
        out.string("\(exchange.scheme)://\(head.first("host") ?? "")\(target)")
        out.raw(",\"httpVersion\":")
        out.string(head.line.count > 2 ? head.line[2] : "HTTP/1.1")
        // What cookies hold opens doors, so none are in the record.
        out.raw(",\"cookies\":[],\"headers\":")
        add(head.fields)
        out.raw(",\"queryString\":")
        add(Self.pairs(target.firstIndex(of: "?").map { target[target.index(after: $0)...] } ?? ""))
        let size = try addPosted(head, head.framing == .untilClose ? .none : head.framing) { body in
            if text.count > head.length, try !body(Array(text[head.length...])) { return }
            try input(body)
        }
        out.raw(",\"headersSize\":-1,\"bodySize\":")
        out.number(size)
        out.raw("}")
    }

    private mutating func addPosted(_ head: RecordedHead, _ framing: BodyFraming, _ source: RecordedBytes) throws -> Int
    {
        let type = head.first("content-type") ?? "application/octet-stream"
        let survey = try BodySurvey(framing, codings: [], keeping: Self.longestForm, source)
        guard survey.sentBytes > 0 || !survey.isWhole else { return 0 }
        out.raw(",\"postData\":{\"mimeType\":")
        out.string(type)
        if type.lowercased().hasPrefix("application/x-www-form-urlencoded"), survey.isText, survey.isWhole,
            survey.size < Self.longestForm
        {
            // One of `params` and `text`: they are mutually exclusive.
            out.raw(",\"params\":")
            add(Self.pairs(String(decoding: survey.beginning, as: UTF8.self)[...]))
        } else {
            out.raw(",\"params\":[],\"text\":")
            try add(survey, framing, source)
            // HAR has this member for answers only.
            if !survey.isText { out.raw(",\"_encoding\":\"base64\"") }
        }
        if !survey.isWhole { out.raw(",\"comment\":\"the record does not hold all of it\"") }
        out.raw("}")
        return survey.isWhole ? survey.sentBytes : -1
    }

    // MARK: - The response

    private mutating func add(
        _ answer: @escaping RecordedBytes, of exchange: HARExchange, method: String
    ) throws {
        guard let (head, skipped) = try Self.head(of: answer) else {
            out.raw("{\"status\":")
            out.number(exchange.status ?? 0)
            return out.raw(
                ",\"statusText\":\"\",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\"content\":{\"size\":0,\"mimeType\":\"x-unknown\"},\"redirectURL\":\"\",\"headersSize\":-1,\"bodySize\":-1}"
            )
        }
        let status = Int(head.line[1]) ?? 0
        hasSwitched = status == 101
        out.raw("{\"status\":")
        out.number(status)
        out.raw(",\"statusText\":")
        out.string(head.line.count > 2 ? head.line[2] : "")
        out.raw(",\"httpVersion\":")
        out.string(head.line[0])
        out.raw(",\"cookies\":[],\"headers\":")
        add(head.fields)
        out.raw(",\"content\":")
        // After 101 there are no bodies any more but the messages of another protocol.
        let hasNone = method == "HEAD" || status == 204 || status == 304 || status < 200
        let framing = hasNone ? BodyFraming.none : head.framing
        let source: RecordedBytes = { body in
            var left = skipped + head.length
            try answer { bytes in
                let rest = bytes.dropFirst(left)
                left -= bytes.count - rest.count
                return rest.isEmpty ? true : try body(Array(rest))
            }
        }
        let survey = try BodySurvey(framing, codings: hasNone ? [] : head.codings, source)
        out.raw("{\"size\":")
        out.number(survey.size)
        if !survey.codings.isEmpty {
            out.raw(",\"compression\":")
            out.number(survey.size - survey.sentBytes)
        }
        out.raw(",\"mimeType\":")
        out.string(head.first("content-type") ?? "x-unknown")
        if survey.size > 0 {
            out.raw(",\"text\":")
            try add(survey, framing, source)
            if !survey.isText { out.raw(",\"encoding\":\"base64\"") }
        }
        if !survey.isWhole { out.raw(",\"comment\":\"the record does not hold all of it\"") }
        out.raw("},\"redirectURL\":")
        out.string(head.first("location") ?? "")
        out.raw(",\"headersSize\":")
        out.number(head.length)
        out.raw(",\"bodySize\":")
        out.number(survey.isWhole ? survey.sentBytes : -1)
        out.raw("}")
    }

    /// The head that answers, and how many bytes of interim ones came before it.
    private static func head(of answer: RecordedBytes) throws -> (RecordedHead, skipped: Int)? {
        var (bytes, found, skipped): ([UInt8], RecordedHead?, Int) = ([], nil, 0)
        try answer { piece in
            bytes += piece
            while let head = RecordedHead(bytes) {
                guard let status = Int(head.line[1]), status < 200, status != 101 else {
                    found = head
                    return false
                }
                skipped += head.length
                bytes.removeFirst(head.length)
            }
            return bytes.count < 4 * ResponseHead.longest
        }
        return found.map { ($0, skipped) }
    }

    /// In the form that browsers have made the custom one.
    private mutating func add(_ messages: [RecordedMessage], since start: Int64) throws {
        out.raw(",\"_resourceType\":\"websocket\",\"_webSocketMessages\":[")
        for (index, message) in messages.enumerated() {
            out.raw(index == 0 ? "{\"type\":" : ",{\"type\":")
            out.string(message.isFromClient ? "send" : "receive")
            // The record has no times of messages.
            out.raw(",\"time\":")
            out.milliseconds(Int(clamping: start / 1000))
            out.raw(",\"opcode\":")
            out.number(message.opcode)
            out.raw(",\"data\":")
            let isText = message.kind == .text && String(validating: message.content, as: UTF8.self) != nil
            if isText {
                out.string(message.content)
            } else {
                out.raw("\"")
                out.base64(message.content)
                out.endBase64()
                out.raw("\"")
            }
            if message.content.count < message.size || message.isUnfinished || message.isUnreadable {
                out.raw(",\"_size\":")
                out.number(message.size)
            }
            out.raw("}")
            try flush(beyond: Self.piece)
        }
        out.raw("]")
    }

    // MARK: - Parts of both

    /// The body as one string: text, or base64 for what is none.
    private mutating func add(_ survey: BodySurvey, _ framing: BodyFraming, _ source: RecordedBytes) throws {
        out.raw("\"")
        var body = try RecordedBody(framing, codings: survey.codings)
        do {
            try source { bytes in
                try body.add(bytes[...]) { piece in
                    if survey.isText { out.escape(piece) } else { out.base64(piece) }
                    try flush(beyond: Self.piece)
                }
                return true
            }
        } catch is MalformedHTTP {}
        if !survey.isText { out.endBase64() }
        out.raw("\"")
    }

    private mutating func add(_ pairs: [(name: String, value: String)]) {
        out.raw("[")
        for (index, pair) in pairs.enumerated() {
            out.raw(index == 0 ? "{\"name\":" : ",{\"name\":")
            out.string(pair.name)
            out.raw(",\"value\":")
            out.string(pair.value)
            out.raw("}")
        }
        out.raw("]")
    }

    /// Names and values, decoded; as they are where that fails.
    private static func pairs(_ text: Substring) -> [(name: String, value: String)] {
        if let fields = try? URLEncodedForm.read(text.utf8) {
            return fields.map { (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)) }
        }
        return text.split(separator: "&").map { part in
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(sides[0]), sides.count > 1 ? String(sides[1]) : "")
        }
    }
}

extension RecordedMessage {
    /// RFC 6455 section 11.8.
    fileprivate var opcode: Int {
        switch kind {
        case .text: 1
        case .binary: 2
        case .close: 8
        case .ping: 9
        case .pong: 10
        }
    }
}
