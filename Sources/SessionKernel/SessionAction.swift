package import AccessPolicy
package import AuditLedger
package import GatewayCore
package import NIOCore
package import SQLAnalysis

/// What the machine wants done. The shell runs actions in order, after the input that returned them is over. Large
/// payloads are boxed, so that an action is cheap to queue.
package enum SessionAction {
    case sendToClient(ByteBuffer)
    case sendToTarget(ByteBuffer)
    /// Start TLS with the client once what was sent is flushed.
    case startClientTLS
    case startTargetTLS

    /// Verify the proof; answer with `signInAnswered`.
    indirect case verify(SignInProof)
    /// Connect to the target; answer with `targetConnected` or `targetClosed`.
    case dial
    /// Append the entry; the number comes back with `durable(through:)`.
    indirect case record(RecordNumber, EntryDraft)
    /// Append bytes of an answer or input to the recording.
    case recordChunk(RecordNumber, of: ExchangeID?, ChunkDirection, ByteBuffer, isRetained: Bool)

    /// Analyse the text off the event loop; answer with `analysed`.
    case analyse(ExchangeID, text: [UInt8])
    /// Ask for a verdict that is not known at once; answer with `judged`.
    indirect case judge(ExchangeID, VerdictQuestion)
    /// Open an approval; answer with `approvalOpened`, then once with `approvalDecided`.
    indirect case requestApproval(ExchangeID, ApprovalQuestion)
    case withdrawApproval(ExchangeID)
    /// The client's patience is over: the approval stays open for the same command sent again, unless it is decided
    /// already; answer with `approvalDeferred`.
    case deferApproval(ExchangeID)
    /// Ask the target's catalogue; answer with `lookedUp`.
    indirect case lookUp(LookupRequest)

    /// Send the bytes to the target on a connection of their own; answer with `cancelFinished` when the target closed
    /// it.
    case cancelTarget(ByteBuffer)
    /// Find the session with this key, gateway-wide, and give it `cancelRequested`.
    case cancelOther(key: [UInt8])

    case readClient(Bool)
    case readTarget(Bool)
    case startTimer(SessionTimer, seconds: Int)
    case stopTimer(SessionTimer)

    /// Close once what was sent is flushed.
    case closeTarget
    case closeClient
    /// The client's connection stays and a new session begins on it with these bytes.
    case handOver(ByteBuffer)
    /// The machine met an impossible input and ends the session; the text is for the gateway's log.
    case poisoned(String)
}

/// Counts the records of one session in the order of their making, from 1. 0 gates nothing.
package typealias RecordNumber = UInt64

package enum ChunkDirection: Sendable {
    case answer
    case input
}

/// A timer the machine asks for; it fires with `timerFired` unless stopped. Starting it again replaces it.
package enum SessionTimer: Hashable, Sendable {
    /// The client must have signed in.
    case signIn
    /// The verdict must have come.
    case verdict
    /// The approval must have been decided, or the client's patience is over.
    case approval
    /// The next notice to a waiting client.
    case notice
    /// `limits.seconds` of an exchange.
    case exchange
    /// Last bytes must have been taken by the client, and a cancel delivered.
    case drain
}

/// What an approver is asked: the bytes it binds, and words that show no more than the record does.
package struct ApprovalQuestion {
    package var terms: HoldTerms
    package var rules: [String]
    package var message: String?
    /// The bytes that would be forwarded (P5): only a keyed digest of them leaves the session.
    package var bytes: ByteBuffer
    /// What the command is wherever it is sent, where the terms ask for that; nil when it means something in its place only.
    package var standalone: StandaloneCommand?
    /// When the client's patience ends the approval stays open for the same command sent again.
    package var mayDefer: Bool
    /// Why it may not wait, as the client says; nil when it does not.
    package var breakGlass: String?
    /// The masked text as recorded.
    package var text: [UInt8]
    /// As recorded: masked, a JSON array; empty when there are none.
    package var parameters: [UInt8]
    /// The masked texts of what the command runs by name.
    package var prepared: [[UInt8]]
    package var subject: CommandSubject
}

/// What someone outside is asked about a command.
package struct VerdictQuestion: Sendable {
    package var subject: CommandSubject
    /// The text as recorded: masked.
    package var text: [UInt8]
    /// It only prepares what will be asked about again when it takes effect.
    package var isPreparing: Bool
    /// The dialect's words for the leaf.
    package var verb: String
    package var objects: [String]
}

/// How an approval ended.
package enum ApprovalDecision: Sendable {
    case granted(by: [Principal], reasons: [String] = [], approval: RecordID? = nil, isBreakGlass: Bool = false)
    case denied(by: Principal, reason: String?)
    case expired
    /// Who asked took it back.
    case withdrawn
    /// The desk failed: as good as a refusal.
    case failed(String)
}

/// Why a session ends; the token goes into the entry.
package enum SessionEnd: String, Sendable {
    case clientLeft = "client"
    case targetLeft = "target"
    case refused = "refused"
    case protocolError = "protocol"
    case locked = "locked"
    case expired = "expired"
    case limit = "limit"
    case shutdown = "shutdown"
    case ledger = "ledger"
    case fault = "fault"
}

/// Answers that may be had without leaving the event loop. Both are pure look-ups.
package protocol CommandJudge: Sendable {
    /// The analysis of exactly this text, if known.
    func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis?
    /// The verdict, or nil when it takes longer (an estimate, an external decision).
    func verdict(on subject: CommandSubject) throws(GatewayError) -> Verdict?
    /// What the target shall be asked about the command before its verdict; nil when nothing is left to ask.
    func question(about subject: CommandSubject) -> TargetQuestion?
}

extension CommandJudge {
    package func question(about subject: CommandSubject) -> TargetQuestion? { nil }
}
