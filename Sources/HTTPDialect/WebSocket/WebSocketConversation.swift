import GatewayCore
import HTTPContent
import NIOCore
import SessionKernel

/// A WebSocket connection through the gateway, from the request for it on: one exchange, whose input is what the client
/// sends and whose answer is what the target does.
struct WebSocketConversation {
    let id: ExchangeID
    private let handshake: WebSocketHandshake
    private let limits: WebSocketReader.Limits
    /// The target has agreed.
    private(set) var isOpen = false
    private var fromClient: WebSocketRelay
    private var fromTarget: WebSocketRelay
    private var masker = WebSocketMasker()
    /// Why the gateway ends it.
    private var ending: (code: UInt16, reason: String)?

    init(_ id: ExchangeID, _ handshake: WebSocketHandshake, limits: SessionLimits) {
        self.id = id
        self.handshake = handshake
        self.limits = WebSocketReader.Limits(message: limits.message)
        fromClient = WebSocketRelay(.client, limits: self.limits, mayBeCompressed: false)
        fromTarget = WebSocketRelay(.server, limits: self.limits, mayBeCompressed: false)
    }

    /// The target answered 101. Errors: it did not agree to what was asked for.
    mutating func open(_ answer: FieldBlock) throws(MalformedHTTP) {
        let mayBeCompressed = try handshake.check(answer)
        fromClient = WebSocketRelay(.client, limits: limits, mayBeCompressed: mayBeCompressed)
        fromTarget = WebSocketRelay(.server, limits: limits, mayBeCompressed: mayBeCompressed)
        isOpen = true
    }

    mutating func receive(fromClient bytes: ByteBuffer) -> (frames: ByteBuffer, fault: Refusal?) {
        guard isOpen else {
            return (ByteBuffer(), Refusal(code: "400", message: "Bytes came before the target had agreed."))
        }
        let (frames, fault) = fromClient.pass(bytes)
        return (frames, fault.map { Self.refusal($0, "The client's") })
    }

    mutating func receive(fromTarget bytes: ByteBuffer) -> (frames: ByteBuffer, fault: Refusal?) {
        let (frames, fault) = fromTarget.pass(bytes)
        return (frames, fault.map { Self.refusal($0, "The target's") })
    }

    /// The target gets these frames of the client now.
    mutating func submit(_ frames: ByteBuffer) -> ByteBuffer { masker.mask(frames) }

    /// Both sides have said goodbye, or the target's connection is over: how it ended.
    var outcome: Outcome? {
        guard let code = fromTarget.closeCode, fromClient.closeCode != nil else { return nil }
        return Outcome(kind: .success, code: "101", tag: "closed \(code)")
    }

    /// The target's connection is over: how it ended, and the last word for a client that was told nothing.
    mutating func targetEnded() -> (Outcome, lastWord: ByteBuffer) {
        if let code = fromTarget.closeCode {
            return (Outcome(kind: .success, code: "101", tag: "closed \(code)"), ByteBuffer())
        }
        let word = end(1014, "The target closed its connection.")
        return (Outcome(kind: .interrupted, code: "101"), word)
    }

    /// What came out for the client ends with a frame's end.
    var isAtBoundary: Bool { fromTarget.isAtBoundary }

    /// The gateway ends it: the close frame for the client, where one may still follow.
    mutating func end(_ code: UInt16, _ reason: String) -> ByteBuffer {
        ending = (code, reason)
        guard isOpen, fromTarget.isAtBoundary, fromTarget.closeCode == nil else { return ByteBuffer() }
        return WebSocketFrame.close(code, reason)
    }

    /// The close frame for the target, where one may still follow.
    mutating func farewell() -> ByteBuffer {
        guard isOpen, masker.isBetweenFrames, !masker.isClosed else { return ByteBuffer() }
        let (code, reason) = ending ?? (1001, "The client is gone.")
        return masker.mask(WebSocketFrame.close(code, reason))
    }

    private static func refusal(_ fault: ContentFault, _ whose: String) -> Refusal {
        let code =
            switch fault.kind {
            case .notUTF8: "1007"
            case .tooLarge: "1009"
            case .malformed, .truncated: "1002"
            }
        return Refusal(code: code, message: "\(whose) side: \(fault.message)")
    }
}

/// The code of a close frame that stands for a refusal (RFC 6455 section 7.4.1): its own where the code is one.
enum WebSocketCloseCode {
    static func of(_ refusal: Refusal) -> UInt16 {
        if refusal.code.utf8.count == 4, let own = UInt16(refusal.code) { return own }
        return switch refusal.code {
        case "57P01": 1001
        case "28000", "28P01", "3D000", "42501", "54000", "57014", "57P05": 1008
        case "08001", "08006", "502": 1014
        default: 1011
        }
    }
}
