import DataMasking
import DequeModule
import GatewayCore
package import NIOCore
package import SessionKernel

/// From the client's bytes to commands.
extension HTTPDialect {
    package mutating func receive(fromClient bytes: ByteBuffer, into events: inout [ClientEvent]) throws(DialectFault) {
        guard fault == nil else { return }
        if conversation != nil { return try receive(frames: bytes, into: &events) }
        guard !reader.isStopped else { return }
        reader.append(bytes)
        defer { reader.settle() }
        do throws(MalformedHTTP) {
            try read(into: &events)
        } catch {
            let refusal = Refusal(code: String(error.status), message: Self.sentence(error.message))
            reader.stop()
            fault = refusal
            // What is wrong is said in its place: behind the answers that are owed. A request that will never be whole
            // cannot be answered.
            guard open.isEmpty || open.last?.isWhole == false else { return }
            throw DialectFault(side: .client, refusal: refusal)
        }
    }

    static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

    private mutating func read(into events: inout [ClientEvent]) throws(MalformedHTTP) {
        while true {
            if let request = waiting {
                guard terms != nil else { return }
                waiting = nil
                try begin(request, into: &events)
            }
            if pending != nil {
                guard try readBody(into: &events) else { return }
                continue
            }
            guard let bytes = try reader.head() else { return }
            let request = try ParsedRequest(bytes, hosts: settings.hosts)
            let identity = try Self.identity(of: request, settings)
            guard let own = self.identity else {
                self.identity = identity
                waiting = request
                events.append(
                    .signIn(
                        SignInProof(
                            connection: identity.connection, database: "", token: identity.token,
                            claims: identity.claims, isTLS: settings.isTLS)))
                return
            }
            guard own.isSame(as: identity) else {
                var rest = ByteBuffer(bytes: bytes)
                rest.writeImmutableBuffer(reader.input)
                reader.stop()
                events.append(.handOver(rest))
                return
            }
            try begin(request, into: &events)
        }
    }

    private static func identity(
        of request: ParsedRequest, _ settings: Settings
    ) throws(MalformedHTTP) -> ClientIdentity {
        guard settings.isTLS || settings.acceptsClearText else {
            throw MalformedHTTP("this gateway takes a token over TLS only: use https", status: 403)
        }
        guard let token = ClientIdentity.token(in: request.head.block) else {
            throw MalformedHTTP(
                "no token was given: send one as Authorization: Bearer, Basic with the token as its password, "
                    + "x-api-key or Sallyport-Token", status: 401)
        }
        return ClientIdentity(
            connection: request.connection, token: token, claims: ClientIdentity.claims(in: request.head.block))
    }

    private mutating func begin(
        _ request: ParsedRequest, into events: inout [ClientEvent]
    ) throws(MalformedHTTP) {
        guard request.head.webSocket == nil || reader.input.readableBytes == 0 else {
            throw MalformedHTTP("bytes follow a request for WebSocket before it was answered")
        }
        if let mask = terms?.masks.content(.request, path: request.path) {
            let body = try RequestMask.body(request, mask)
            let masked = try RequestMask.head(request, mask, isDecoded: body != nil, hosts: settings.hosts)
            pending = Pending(parsed: masked, mask: body)
        } else {
            pending = Pending(parsed: request)
        }
        reader.beginBody(request.head.framing)
        guard request.head.expectsContinue, request.head.framing != .none, reader.input.readableBytes == 0 else {
            return
        }
        if open.isEmpty {
            events.append(.reply(Self.continues))
        } else {
            owesContinue = true
        }
    }

    static var continues: ByteBuffer { ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n") }

    /// False when more must come.
    private mutating func readBody(into events: inout [ClientEvent]) throws(MalformedHTTP) -> Bool {
        guard var request = pending else { return true }
        pending = nil
        while true {
            if let body = reader.finishedBody() {
                try finish(&request, trailers: body.trailers, into: &events)
                return true
            }
            let room = request.id == nil ? limits.command - request.body.readableBytes : Int.max
            guard room > 0 else {
                emit(&request, isWhole: false, trailers: nil, into: &events)
                continue
            }
            guard var piece = try reader.bodyPiece(limit: room) else {
                guard let body = reader.finishedBody() else {
                    if request.id == nil, request.parsed.head.isConversation {
                        emit(&request, isWhole: false, trailers: nil, into: &events)
                    }
                    break
                }
                try finish(&request, trailers: body.trailers, into: &events)
                return true
            }
            try request.mask(&piece)
            if request.id == nil, piece.readableBytes > room {
                emit(&request, isWhole: false, trailers: nil, into: &events)
            }
            if request.id != nil {
                emit(piece, of: request, into: &events)
            } else if request.body.readableBytes == 0 {
                request.body = piece
            } else {
                request.body.writeImmutableBuffer(piece)
            }
        }
        pending = request
        return false
    }

    /// The body has ended.
    private mutating func finish(
        _ request: inout Pending, trailers: FieldBlock?, into events: inout [ClientEvent]
    ) throws(MalformedHTTP) {
        if let rest = try request.maskRest() {
            if request.id == nil {
                request.body.writeImmutableBuffer(rest)
            } else {
                emit(rest, of: request, into: &events)
            }
        }
        if request.id == nil {
            emit(&request, isWhole: true, trailers: trailers, into: &events)
        } else {
            if request.framing == .chunked { emit(Self.lastChunk(trailers), asPartOf: request, into: &events) }
            if let last = open.indices.last, open[last].id == request.id { open[last].isWhole = true }
        }
        if let handshake = request.parsed.head.webSocket, let id = request.id {
            conversation = WebSocketConversation(id, handshake, limits: limits)
        }
        if !request.parsed.head.keepsAlive || conversation != nil { reader.stop() }
    }

    /// Frames are parts of the request that asked for them; before the target has agreed there is nothing to say.
    private mutating func receive(
        frames bytes: ByteBuffer, into events: inout [ClientEvent]
    ) throws(DialectFault) {
        guard bytes.readableBytes > 0, let (frames, fault) = conversation?.receive(fromClient: bytes),
            let id = conversation?.id
        else { return }
        if frames.readableBytes > 0 { events.append(.inputChunk(frames, of: id)) }
        guard let fault else { return }
        self.fault = fault
        guard conversation?.isOpen == true else { throw DialectFault(side: .client, refusal: fault) }
        events.append(.fault(fault))
    }

    /// The command, with what has come of its body.
    private mutating func emit(
        _ request: inout Pending, isWhole: Bool, trailers: FieldBlock?, into events: inout [ClientEvent]
    ) {
        guard let terms else { return }
        let id = ExchangeID(nextID)
        nextID += 1
        request.id = id
        // What masks make of a body has another length.
        let framed = request.mask == nil ? request.parsed.head.framing : .chunked
        if isWhole, trailers == nil {
            request.framing = framed == .none ? .none : .length(request.body.readableBytes)
        } else {
            request.framing = framed
        }
        var head = ForwardedHead(
            request.parsed, terms: terms, isTLS: settings.isTLS, framing: request.framing,
            maskedAnswer: terms.masks.content(.answer, path: request.parsed.path)?.readsBodies ?? false)
        if request.framing == .chunked {
            writeChunk(request.body, into: &head.bytes)
            if isWhole { head.bytes.writeImmutableBuffer(Self.lastChunk(trailers)) }
        } else {
            head.bytes.writeImmutableBuffer(request.body)
        }
        request.body = ByteBuffer()
        var open = OpenRequest(id: id, parsed: request.parsed)
        (open.targetEnd, open.fieldsStart, open.hasQuery) = (head.targetEnd, head.fieldsStart, head.hasQuery)
        open.bodyStart = head.fieldsEnd
        open.framing = request.framing
        open.isWhole = isWhole
        self.open.append(open)
        events.append(.command(Command(id: id, bytes: head.bytes)))
    }

    private mutating func emit(_ piece: ByteBuffer, of request: Pending, into events: inout [ClientEvent]) {
        guard request.framing == .chunked else { return emit(piece, asPartOf: request, into: &events) }
        var chunk = ByteBuffer()
        writeChunk(piece, into: &chunk)
        emit(chunk, asPartOf: request, into: &events)
    }

    private mutating func emit(_ bytes: ByteBuffer, asPartOf request: Pending, into events: inout [ClientEvent]) {
        guard let id = request.id, let last = open.indices.last, open[last].id == id else { return }
        open[last].partsFramed += 1
        events.append(.inputChunk(bytes, of: id))
    }

    /// RFC 9110 section 6.5.1: fields that say how a message is read or who sends it are none for a trailer.
    private static func lastChunk(_ trailers: FieldBlock?) -> ByteBuffer {
        var bytes = ByteBuffer(staticString: "0\r\n")
        if let trailers { writeTrailers(trailers, into: &bytes) }
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// - Parameter mask: what is hidden in them; nil for nothing.
    static func writeTrailers(_ trailers: FieldBlock, _ mask: ContentMask? = nil, into bytes: inout ByteBuffer) {
        for field in trailers.fields where field.kind == .other {
            let (name, value) = (trailers.name(field), trailers.value(field))
            bytes.writeBytes(name)
            bytes.writeStaticString(": ")
            bytes.writeBytes(mask.flatMap { FieldMask.masked(value, of: name, $0) }.map { $0[...] } ?? value)
            bytes.writeStaticString("\r\n")
        }
    }
}
