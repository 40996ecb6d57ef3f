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
        var refusal: Refusal?
        do throws(MalformedHTTP) {
            refusal = try pass(into: &events)
        } catch {
            refusal = Refusal(code: "502", message: "The target's answer cannot be read: \(error.message).")
        }
        if let refusal { throw DialectFault(side: .target, refusal: refusal) }
    }

    package mutating func targetEnded(into events: inout [TargetEvent]) throws(DialectFault) {
        guard isForwarded, let request = open.first else { return }
        if conversation?.isOpen == true, let (outcome, lastWord) = conversation?.targetEnded() {
            response.drop()
            return finish(lastWord, outcome, closesClient: true, keepsTarget: true, into: &events)
        }
        if response.closed() {
            do throws(MalformedHTTP) { _ = try pass(into: &events, targetIsGone: true) } catch { return }
            return
        }
        guard !response.hasBegun else { return }
        let refusal = Refusal(code: "502", message: "The target closed its connection without an answer.")
        // What is still to come of the request has nowhere to go.
        let closes = !request.keepsClient || !request.isSent
        let bytes = Problem.response(refusal, isHead: request.isHead, version: request.version, closes: closes)
        response.drop()
        finish(
            bytes, Outcome(kind: .error, code: "502", errorText: refusal.message), closesClient: closes,
            keepsTarget: true, into: &events)
    }

    /// All that is there, as one chunk or as the answer's end.
    ///
    /// - Returns: what is wrong with what follows that, in WebSocket.
    private mutating func pass(
        into events: inout [TargetEvent], targetIsGone: Bool = false
    ) throws(MalformedHTTP) -> Refusal? {
        guard isForwarded, let request = open.first, let terms else { return nil }
        var out = ByteBuffer()
        var broken: Refusal?
        while broken == nil, let event = try response.next() {
            switch event {
            case .interim(let head):
                // The gateway has answered an expectation itself.
                guard head.status != 100, request.version == 1 else { continue }
                ReturnedHead.write(
                    head, to: request, place: terms.targetPlace, framing: .none, closes: false, into: &out)
            case .switched(let head):
                try conversation?.open(head.block)
                returned = .none
                ReturnedHead.write(
                    head, to: request, place: terms.targetPlace, framing: .none, closes: false, into: &out)
            case .head(let head):
                status = head.status
                returned = returnedFraming(head, request)
                // An answer that comes before the request's end leaves nothing that another could be told by.
                closesClient = !request.keepsClient || !request.isSent || returned == .untilClose
                ReturnedHead.write(
                    head, to: request, place: terms.targetPlace, framing: returned, closes: closesClient, into: &out)
            case .data(let data):
                var data = data
                if conversation?.isOpen == true, let (frames, wrong) = conversation?.receive(fromTarget: data) {
                    (data, broken) = (frames, wrong)
                }
                if returned == .chunked {
                    writeChunk(data, into: &out)
                } else if out.readableBytes == 0 {
                    out = data
                } else {
                    out.writeImmutableBuffer(data)
                }
            case .end(let trailers, let isClean):
                if returned == .chunked {
                    out.writeStaticString("0\r\n")
                    if let trailers { Self.writeTrailers(trailers, into: &out) }
                    out.writeStaticString("\r\n")
                }
                let keepsTarget = targetIsGone || isClean && request.isSent
                let outcome = Outcome(kind: status >= 400 ? .error : .success, code: String(status))
                finish(out, outcome, closesClient: closesClient, keepsTarget: keepsTarget, into: &events)
                return nil
            }
        }
        if broken == nil, let outcome = conversation?.outcome {
            response.drop()
            finish(out, outcome, closesClient: true, keepsTarget: false, into: &events)
        } else if out.readableBytes > 0 {
            events.append(.chunk(out, of: request.id, rows: 0))
        }
        return broken
    }

    private func returnedFraming(_ head: ResponseHead, _ request: OpenRequest) -> BodyFraming {
        if request.isHead || head.status == 204 || head.status == 304 { return .none }
        switch head.framing {
        case .length, .none: return head.framing
        case .chunked, .untilClose: return request.version == 1 ? .chunked : .untilClose
        }
    }

    private mutating func finish(
        _ bytes: ByteBuffer, _ outcome: Outcome, closesClient: Bool, keepsTarget: Bool, into events: inout [TargetEvent]
    ) {
        guard let request = open.popFirst() else { return }
        isForwarded = false
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
