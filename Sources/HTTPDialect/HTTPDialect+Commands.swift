import AccessPolicy
import AuditLedger
import DataMasking
import DequeModule
import GatewayCore
package import NIOCore
package import SQLAnalysis
package import SessionKernel

/// What is judged, and what then goes to the target.
extension HTTPDialect {
    package mutating func assess(_ command: Command, analysis: SQLAnalysis?) -> Assessment {
        guard let terms, let request = open.first(where: { $0.id == command.id }) else {
            return Assessment(
                subject: CommandSubject(classes: [.unknown]), refusal: Refusal(code: "XX000", message: "Unknown."))
        }
        let meaning = MethodMeaning(request.parsed.method)
        var subject = Self.subject(of: request.parsed, judgedBody(of: command, request))
        subject.principal = terms.context.principal
        subject.agent = terms.context.agent
        subject.connection = terms.context.connection
        var assessment = Assessment(
            subject: subject, classes: request.parsed.head.webSocket == nil ? [meaning.word] : ["read", "write"],
            verb: request.parsed.method,
            objects: [PathTemplate.of(request.parsed.requestPath)],
            content: [
                ContentItem(
                    .text,
                    RecordedRequest.text(
                        of: command.bytes, request, terms.masks.content(nil, path: request.parsed.path)))
            ])
        assessment.refusal = Self.refusal(of: request.parsed, terms)
        assessment.patience = request.preference.patience
        return assessment
    }

    /// What rules see of a request, but for who sends it.
    static func subject(of request: ParsedRequest, _ body: JudgedBody?) -> CommandSubject {
        let meaning = MethodMeaning(request.method)
        var subject = CommandSubject(
            classes: [meaning.statementClass], verbs: [request.method], text: request.requestPath.encoded)
        subject.request = JudgedRequest(parsed: request, body: body)
        if request.head.webSocket != nil {
            // What its messages do cannot be told beforehand: it is whatever a rule may be about.
            subject.classes = [.select, .insert, .update, .delete]
        }
        if meaning.statementClass == .unknown {
            subject.notUnderstood = NotUnderstood(message: "what the method \(request.method) does is not known")
        }
        return subject
    }

    /// What the command holds of its body, without the gateway's own framing.
    private func judgedBody(of command: Command, _ request: OpenRequest) -> JudgedBody? {
        let place = command.bytes.readerIndex + request.bodyStart
        guard request.framing != .none,
            var bytes = command.bytes.getSlice(at: place, length: command.bytes.writerIndex - place)
        else { return nil }
        let block = request.parsed.head.block
        guard request.isWhole, request.partsFramed == 0 else {
            return JudgedBody(nil, block: block, limit: limits.command)
        }
        if request.framing == .chunked {
            var (reader, body) = (ChunkReader(), ByteBuffer())
            while let piece = try? reader.next(&bytes) { body.writeImmutableBuffer(piece) }
            bytes = body
        }
        return bytes.readableBytes == 0 ? nil : JudgedBody(bytes, block: block, limit: limits.command)
    }

    private static func refusal(of request: ParsedRequest, _ terms: SessionTerms) -> Refusal? {
        if ["TRACE", "TRACK", "CONNECT"].contains(request.method) {
            // It would show the client what the target was sent, the credential with it.
            return Refusal(code: "405", message: "The method \(request.method) is not served.")
        }
        guard request.head.webSocket != nil else { return nil }
        if !terms.masks.isEmpty {
            return Refusal(
                code: "501",
                message: "WebSocket is not available here: this connection masks what passes, and messages "
                    + "of WebSocket cannot be masked yet.")
        }
        if terms.targetPlace.speaksHTTP2 {
            return Refusal(
                code: "501", message: "WebSocket is not available here: the target is spoken to in HTTP/2.",
                hint: "A connection to it without `version: 2` has it.")
        }
        return nil
    }

    /// All that the target would get, without what differs from one sending of the same request to the next.
    package func standalone(_ command: Command) -> StandaloneCommand? {
        guard let request = open.first(where: { $0.id == command.id }), request.isWhole, request.partsFramed == 0,
            let head = command.bytes.getBytes(at: command.bytes.readerIndex, length: request.bodyStart)
        else { return nil }
        var bytes = ByteBuffer()
        for (index, line) in head.split(separator: 0x0A).enumerated()
        where index == 0 || !RequestPreference.isPassing(line.prefix { $0 != 0x3A }) {
            bytes.writeBytes(line)
            bytes.writeStaticString("\n")
        }
        let place = command.bytes.readerIndex + request.bodyStart
        guard let body = command.bytes.getSlice(at: place, length: command.bytes.writerIndex - place) else {
            return nil
        }
        bytes.writeImmutableBuffer(body)
        return StandaloneCommand(command: bytes)
    }

    package mutating func submit(_ item: Submission) -> ByteBuffer? {
        switch item {
        case .command(let command):
            guard let request = open.first, request.id == command.id, !isForwarded else { return nil }
            isForwarded = true
            response.begin(request)
            return withCredential(command.bytes, request)
        case .inputChunk(let bytes, let id):
            guard isForwarded, open.first?.id == id else { return nil }
            if conversation?.id == id { return conversation?.submit(bytes) }
            open[0].partsSubmitted += 1
            return bytes
        case .carry, .question: return nil
        }
    }

    /// The judged bytes with the target's credential put in.
    private func withCredential(_ bytes: ByteBuffer, _ request: OpenRequest) -> ByteBuffer {
        guard let credential else { return bytes }
        var shown = ByteBuffer()
        var place = request.fieldsStart
        switch credential.form {
        case .password:
            guard !credential.username.isEmpty else { return bytes }
            shown.writeStaticString("Authorization: Basic ")
            shown.writeBytes(
                Base64.encode(Array(credential.username.utf8) + [0x3A] + (credential.password ?? [])))
            shown.writeStaticString("\r\n")
        case .bearer:
            shown.writeStaticString("Authorization: Bearer ")
            shown.writeBytes(credential.password ?? [])
            shown.writeStaticString("\r\n")
        case .header(let name):
            shown.writeString(name + ": ")
            shown.writeBytes(credential.password ?? [])
            shown.writeStaticString("\r\n")
        case .query(let name):
            place = request.targetEnd
            shown.writeString((request.hasQuery ? "&" : "?") + name + "=")
            for byte in credential.password ?? [] {
                if Octets.unreserved.contains(byte) {
                    shown.writeInteger(byte)
                } else {
                    var encoded: [UInt8] = []
                    RequestPath.appendEncoded(byte, to: &encoded)
                    shown.writeBytes(encoded)
                }
            }
        }
        guard let head = bytes.getSlice(at: bytes.readerIndex, length: place),
            let rest = bytes.getSlice(at: bytes.readerIndex + place, length: bytes.readableBytes - place)
        else { return bytes }
        var all = ByteBuffer()
        all.reserveCapacity(bytes.readableBytes + shown.readableBytes)
        all.writeImmutableBuffer(head)
        all.writeImmutableBuffer(shown)
        all.writeImmutableBuffer(rest)
        return all
    }

    package mutating func refuse(_ command: Command, _ refusal: Refusal) -> RefusalPlan {
        guard let request = open.first, request.id == command.id else { return .drop }
        open.removeFirst()
        isForwarded = false
        let keeps = request.keepsClient
        var bytes = Problem.response(
            refusal, isHead: request.isHead, version: request.version, closes: !keeps,
            isAccepted: request.preference.isAsynchronous && refusal.approval != nil)
        guard keeps else {
            reader.stop()
            return .last(bytes)
        }
        guard open.isEmpty else { return .reply(bytes) }
        if let fault {
            bytes.writeImmutableBuffer(Problem.response(fault, closes: true))
            return .last(bytes)
        }
        if let more = takeContinue() { bytes.writeImmutableBuffer(more) }
        return .reply(bytes)
    }

    /// What a client waits for that has announced a body, now that all before it is answered.
    mutating func takeContinue() -> ByteBuffer? {
        guard owesContinue else { return nil }
        owesContinue = false
        return Self.continues
    }
}

/// What a method is said to do (RFC 9110 section 9.2).
struct MethodMeaning {
    let statementClass: StatementClass
    /// As the entry says it.
    let word: String

    init(_ method: String) {
        (statementClass, word) =
            switch method {
            case "GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH", "QUERY": (.select, "read")
            case "POST": (.insert, "write")
            case "PUT", "PATCH", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK": (.update, "write")
            case "DELETE": (.delete, "delete")
            default: (.unknown, "unknown")
            }
    }
}
