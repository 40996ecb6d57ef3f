import DataMasking
import DequeModule
import GatewayCore
package import NIOCore
package import SessionKernel

/// From the target's bytes to answers.
extension HTTPDialect {
    package mutating func receive(fromTarget bytes: ByteBuffer, into events: inout [TargetEvent]) throws(DialectFault) {
        response.append(bytes)
        defer { response.settle() }
        if response.hasStray {
            // What nobody asked for answers nothing; a target that says goodbye like this is dialled again.
            response.drop()
            return events.append(.dropTarget)
        }
        do throws(AnswerFault) {
            try pass(into: &events)
        } catch {
            try end(error, into: &events)
        }
    }

    package mutating func targetEnded(into events: inout [TargetEvent]) throws(DialectFault) {
        guard isForwarded, let request = open.first else { return }
        if conversation?.isOpen == true, let (outcome, lastWord) = conversation?.targetEnded() {
            response.drop()
            return finish(lastWord, outcome, closesClient: true, keepsTarget: true, into: &events)
        }
        if response.closed() {
            do throws(AnswerFault) {
                try pass(into: &events, targetIsGone: true)
            } catch {
                try end(error, into: &events)
            }
            return
        }
        guard !answerHasBegun else { return }
        answer(request, lostTarget(), keepsTarget: true, into: &events)
    }

    /// The gateway's own words in the place of an answer of which the client has got nothing.
    private mutating func answer(
        _ request: OpenRequest, _ refusal: Refusal, keepsTarget: Bool, into events: inout [TargetEvent]
    ) {
        // What is still to come of the request has nowhere to go.
        let closes = !request.keepsClient || !request.isSent
        let bytes = Problem.response(refusal, isHead: request.isHead, version: request.version, closes: closes)
        response.drop()
        finish(
            bytes, Outcome(kind: .error, code: refusal.code, errorText: refusal.message), closesClient: closes,
            keepsTarget: keepsTarget, into: &events)
    }

    private mutating func end(_ fault: AnswerFault, into events: inout [TargetEvent]) throws(DialectFault) {
        switch fault {
        case .malformed(let error):
            throw DialectFault(
                side: .target,
                refusal: Refusal(code: "502", message: "The target's answer cannot be read: \(error.message)."))
        case .conversation(let refusal): throw DialectFault(side: .target, refusal: refusal)
        case .denied(let reason):
            let refusal = Refusal(code: "502", message: "The target's answer is not passed on: \(reason)")
            guard !masking.isHeadSent, let request = open.first else {
                throw DialectFault(side: .target, refusal: refusal)
            }
            answer(request, refusal, keepsTarget: false, into: &events)
        }
    }

    /// All that is there, as one chunk or as the answer's end.
    private mutating func pass(into events: inout [TargetEvent], targetIsGone: Bool = false) throws(AnswerFault) {
        guard isForwarded, let request = open.first, let terms else { return }
        var out = ByteBuffer()
        var broken: Refusal?
        while broken == nil, let part = try nextPart() {
            switch part {
            case .interim(let head):
                // The gateway has answered an expectation itself.
                guard head.status != 100, request.version == 1 else { continue }
                ReturnedHead.write(
                    head, to: request, place: terms.targetPlace, framing: .none, closes: false, into: &out)
            case .switched(let head):
                try switchProtocols(head)
                ReturnedHead.write(
                    head, to: request, place: terms.targetPlace, framing: .none, closes: false, into: &out)
            case .head(let head):
                status = head.status
                masking = try AnswerMasking(head, request, terms.masks.content(.answer, path: request.parsed.path))
                returned = returnedFraming(head, request)
                if masking.heldHead == nil { writeHead(head, request, terms, into: &out) }
            case .data(let data):
                if conversation?.isOpen == true, let (frames, wrong) = conversation?.receive(fromTarget: data) {
                    broken = wrong
                    writeBody(frames, into: &out)
                } else if let data = try masking.take(data) {
                    writeBody(data, into: &out)
                }
            case .end(let trailers, let isClean):
                let rest = try masking.finish()
                if let head = masking.heldHead {
                    // All of the body came with its head.
                    if trailers == nil { returned = .length(rest.readableBytes) }
                    writeHead(head, request, terms, into: &out)
                }
                writeBody(rest, into: &out)
                if returned == .chunked {
                    out.writeStaticString("0\r\n")
                    if let trailers { Self.writeTrailers(trailers, masking.mask, into: &out) }
                    out.writeStaticString("\r\n")
                }
                let keepsTarget = targetIsGone || isClean && request.isSent
                let outcome = Outcome(kind: status >= 400 ? .error : .success, code: String(status))
                return finish(
                    out, outcome, closesClient: closesClient, keepsTarget: keepsTarget, into: &events)
            }
        }
        if let head = masking.heldHead {
            writeHead(head, request, terms, into: &out)
            writeBody(masking.takeHeld(), into: &out)
        }
        if broken == nil, let outcome = conversation?.outcome {
            response.drop()
            return finish(out, outcome, closesClient: true, keepsTarget: false, into: &events)
        }
        if out.readableBytes > 0 { events.append(.chunk(out, of: request.id, rows: 0)) }
        if let broken { throw .conversation(broken) }
    }

    private mutating func switchProtocols(_ head: ResponseHead) throws(AnswerFault) {
        do throws(MalformedHTTP) { try conversation?.open(head.block) } catch { throw .malformed(error) }
        returned = .none
    }

    private mutating func nextPart() throws(AnswerFault) -> ResponseReader.Event? {
        do throws(MalformedHTTP) { return try response.next() } catch { throw .malformed(error) }
    }

    private mutating func writeHead(
        _ head: ResponseHead, _ request: OpenRequest, _ terms: SessionTerms, into out: inout ByteBuffer
    ) {
        // An answer that comes before the request's end leaves nothing that another could be told by.
        closesClient = !request.keepsClient || !request.isSent || returned == .untilClose
        ReturnedHead.write(
            head, to: request, place: terms.targetPlace, framing: returned, closes: closesClient, masking: masking,
            into: &out)
        masking.sentHead()
    }

    private func writeBody(_ data: ByteBuffer, into out: inout ByteBuffer) {
        if returned == .chunked {
            guard data.readableBytes > 0 else { return }
            writeChunk(data, into: &out)
        } else if out.readableBytes == 0 {
            out = data
        } else {
            out.writeImmutableBuffer(data)
        }
    }

    private func returnedFraming(_ head: ResponseHead, _ request: OpenRequest) -> BodyFraming {
        if request.isHead || head.status == 204 || head.status == 304 { return .none }
        switch head.framing {
        case .length where masking.changesBody: return request.version == 1 ? .chunked : .untilClose
        case .length, .none: return head.framing
        case .chunked, .untilClose: return request.version == 1 ? .chunked : .untilClose
        }
    }

    private mutating func finish(
        _ bytes: ByteBuffer, _ outcome: Outcome, closesClient: Bool, keepsTarget: Bool, into events: inout [TargetEvent]
    ) {
        guard let request = open.popFirst() else { return }
        isForwarded = false
        masking = AnswerMasking()
        events.append(.closing(bytes, of: request.id, outcome))
        if !keepsTarget { events.append(.dropTarget) }
        if closesClient {
            reader.stop()
            return events.append(.end)
        }
        guard open.isEmpty else { return }
        if let fault {
            events.append(.fatal(fault))
        } else if let more = takeContinue() {
            events.append(.pass(more))
        }
    }
}

/// Why an answer does not go on.
enum AnswerFault: Error {
    /// It is no HTTP that can be read in one way.
    case malformed(MalformedHTTP)
    /// What follows it is no WebSocket.
    case conversation(Refusal)
    /// Masks may not let it pass; a sentence.
    case denied(String)
}
