import DequeModule
import GatewayCore
package import NIOCore
import SQLAnalysis
package import SessionKernel

/// HTTP/1.1 (RFC 9110, RFC 9112) as the gateway speaks it with both sides.
///
/// A request is a command: its head in the one form that is judged and sent, and its body up to the judge cap; what is
/// longer follows as input chunks. One at a time goes to the target (`TargetUse.perCommand`). The first request's head
/// opens the session; one with another token or connection begins another session on the same client connection.
package struct HTTPDialect: Dialect {
    /// What the listener allows.
    package struct Settings: Sendable {
        /// The client came over TLS.
        package var isTLS: Bool
        package var acceptsClearText: Bool
        /// Connections that have a host of their own, by its name in small letters.
        package var hosts: [String: String]

        package init(isTLS: Bool, acceptsClearText: Bool, hosts: [String: String] = [:]) {
            self.isTLS = isTLS
            self.acceptsClearText = acceptsClearText
            self.hosts = hosts
        }
    }

    /// A request whose body is read for its command.
    struct Pending {
        var parsed: ParsedRequest
        var body = ByteBuffer()
        /// The command is out; what comes of the body now are chunks.
        var id: ExchangeID?
        var framing = BodyFraming.none
        /// How the body is masked before anything is judged; nil when it is not.
        var mask: BodyMask?
    }

    let settings: Settings
    var limits: SessionLimits
    var terms: SessionTerms?

    // The client's side.
    var reader = RequestReader()
    var identity: ClientIdentity?
    /// A request that waits for the sign-in which it asked for.
    var waiting: ParsedRequest?
    var pending: Pending?
    var nextID: UInt64 = 1
    /// The client waits for 100 Continue until what came before is answered.
    var owesContinue = false
    /// What is wrong with the client's bytes, to be said once what came before is answered.
    var fault: Refusal?

    // The target's side.
    var open: Deque<OpenRequest> = []
    var response = ResponseReader()
    var credential: TargetCredential?
    /// The first of `open` was given to the target.
    var isForwarded = false
    /// Of the answer under way: its status, how its body goes to the client, and whether that connection ends with it.
    var status = 0
    var returned = BodyFraming.none
    var closesClient = false
    /// Set once a client asks to speak WebSocket: what it sends is no request any more.
    var conversation: WebSocketConversation?
    var masking = AnswerMasking()
    /// The target is given up because it has not begun to answer.
    var targetWasLate = false

    /// - Parameter limits: until sign-in gives the connection's own.
    package init(_ settings: Settings, limits: SessionLimits = SessionLimits()) {
        self.settings = settings
        self.limits = limits
    }

    package var targetUse: TargetUse { .perCommand }

    /// Most clients and the proxies on their way give up after a minute.
    package var usualPatience: Int? { 30 }

    // MARK: - Sign-in

    package mutating func clientTLSEstablished() {}

    package mutating func signedIn(_ terms: SessionTerms) {
        self.terms = terms
        limits = terms.limits
    }

    /// The kernel's code for a sign-in that took too long; here it is a head that was never whole.
    private static let tooLate = "08006"

    package mutating func refuseSignIn(_ refusal: Refusal) -> ByteBuffer {
        guard waiting != nil || fault != nil || reader.input.readableBytes > 0 else { return ByteBuffer() }
        let isHead = waiting?.head.method == "HEAD"
        var refusal = refusal
        if waiting == nil, fault == nil, refusal.code == Self.tooLate { refusal.code = "408" }
        return Problem.response(refusal, isHead: isHead, closes: true)
    }

    // MARK: - The target's connection

    package mutating func openTarget(_ credential: TargetCredential) throws(DialectFault) -> ByteBuffer {
        self.credential = credential
        response = ResponseReader()
        return ByteBuffer()
    }

    package mutating func targetTLSEstablished(channelBinding: [UInt8]?) throws(DialectFault) -> ByteBuffer {
        ByteBuffer()
    }

    package mutating func resume(with answer: LookupAnswer, into events: inout [TargetEvent]) throws(DialectFault) {}

    // MARK: - State and last words

    package var isInTransaction: Bool { pending != nil }

    /// The target was given all of a request and has not answered it to the end.
    package var isWaitingForAnswer: Bool { isForwarded && open.first?.isSent ?? false }

    /// An answer has not begun.
    package var isAtBoundary: Bool {
        if let conversation, conversation.isOpen { conversation.isAtBoundary } else { !answerHasBegun }
    }

    /// A WebSocket connection: what the client will say on it nobody knows.
    package var isOpenEnded: Bool { conversation?.isOpen ?? false }

    /// The client has got a part of an answer: no words of the gateway's own may follow it.
    var answerHasBegun: Bool { response.hasBegun || masking.isHeadSent }

    package var cancelRequest: ByteBuffer? { nil }

    package mutating func holdNotice(_ notice: HoldNotice) -> ByteBuffer? { nil }

    package mutating func abort(_ refusal: Refusal) -> ByteBuffer {
        defer { reader.stop() }
        if conversation?.isOpen == true {
            return conversation?.end(WebSocketCloseCode.of(refusal), refusal.message) ?? ByteBuffer()
        }
        let isOwed = !open.isEmpty || pending != nil || fault != nil || reader.input.readableBytes > 0
        guard !answerHasBegun, isOwed else { return ByteBuffer() }
        // Words about a later request would be taken for the first one's answer.
        guard fault == nil || open.count <= 1 else { return ByteBuffer() }
        return Problem.response(
            refusal, isHead: open.first?.isHead ?? false, version: open.first?.version ?? 1, closes: true)
    }

    package mutating func farewell() -> ByteBuffer { conversation?.farewell() ?? ByteBuffer() }

    package func code(of refusal: Refusal) -> String { String(HTTPStatus(refusal).code) }
}
