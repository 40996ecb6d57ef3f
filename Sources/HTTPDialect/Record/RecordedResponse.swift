import NIOCore

/// Reads the recorded answer of a request, for replay. The gateway wrote it, yet it may be cut short.
package enum RecordedResponse {
    /// Status line, fields and body as text, without chunks and codings, and whether something was left out: what is no
    /// text is told by its size.
    package static func text(_ recorded: [UInt8], limit: Int) -> (text: String, isWhole: Bool) {
        guard let head = RecordedHead(recorded) else {
            return (String(decoding: recorded.prefix(limit), as: UTF8.self), recorded.count <= limit)
        }
        let status = Int(head.line[1]) ?? 0
        if status < 200, status != 101, recorded.count > head.length {
            return text(Array(recorded[head.length...]), limit: limit)
        }
        let text = ([head.line.dropFirst().joined(separator: " ")] + head.fields.map { "\($0.name): \($0.value)" })
            .joined(separator: "\n")
        let body = recorded[head.length...]
        guard !body.isEmpty, status != 101 else { return (text, true) }
        let source: RecordedBytes = { _ = try $0(Array(body)) }
        guard let survey = try? BodySurvey(head.framing, codings: head.codings, keeping: limit, source), survey.size > 0
        else { return (text, true) }
        guard survey.isText else { return (text + "\n\n(\(survey.size) bytes that are no text)", true) }
        var shown = survey.beginning
        // The limit may have cut a character.
        while survey.size > shown.count, let last = shown.last, last >= 0x80 {
            shown.removeLast()
            if last >= 0xC0 { break }
        }
        return (text + "\n\n" + String(decoding: shown, as: UTF8.self), survey.size == shown.count)
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

    /// Text, whose last character may be cut where there was more of it; nil for what is none.
    package static func shown(_ content: [UInt8], isCut: Bool) -> String? {
        if let text = String(validating: content, as: UTF8.self) { return text }
        guard isCut else { return nil }
        return (1...3).lazy.compactMap { String(validating: content.dropLast($0), as: UTF8.self) }.first
    }
}
