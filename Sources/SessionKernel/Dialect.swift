package import AccessPolicy
package import DataMasking
package import GatewayCore
package import NIOCore
package import SQLAnalysis

/// What a protocol implements: a value that turns bytes into events and decisions back into its own words.
///
/// A dialect does no I/O, keeps no clock and decides nothing. The kernel calls it from one event loop, in this order:
///
/// 1. `receive(fromClient:)` frames the client's bytes into events, whatever the split. Framing may run ahead of what
/// was decided.
/// 2. For each command, once it is at the head: `assess` says what a rule may depend on and what the record shall hold.
/// 3. Once its entry is durable: `submit` (the bytes go to the target, the expected answer is noted) or `refuse`.
/// Carries and input chunks pass through `submit` as well, in their place, so the dialect may drop what follows a
/// refusal.
/// 4. `receive(fromTarget:)` matches the target's bytes against what was submitted and emits masked chunks and
/// outcomes.
///
/// Every length is checked against `limits` before it is allocated, arithmetic is overflow-checked, and what cannot be
/// right throws a `DialectFault`, which ends this session only.
package protocol Dialect: SendableMetatype {
    /// How long a connection to the target is of use.
    var targetUse: TargetUse { get }

    /// Seconds that a client waits for an approval when neither it nor the rule says: nil for as long as there is time.
    var usualPatience: Int? { get }

    // MARK: The client's side

    /// Frames bytes from the client. Bytes of an unfinished message stay inside the dialect. A dialect whose target is
    /// used `perCommand` gets a call without bytes once the client is signed in, to go on with what it kept.
    mutating func receive(fromClient bytes: ByteBuffer, into events: inout [ClientEvent]) throws(DialectFault)

    /// The client's TLS handshake is done; only now may bytes be accepted again.
    mutating func clientTLSEstablished()

    /// The identity was verified and access granted. Called once, before `openTarget`.
    mutating func signedIn(_ terms: SessionTerms)

    /// The last words to a client that is not let in. Does not tell an unknown connection from a forbidden one.
    mutating func refuseSignIn(_ refusal: Refusal) -> ByteBuffer

    // MARK: The target's side

    /// The first bytes to a target that was just connected, e.g. a request for TLS. The credential is kept until
    /// authenticated.
    mutating func openTarget(_ credential: TargetCredential) throws(DialectFault) -> ByteBuffer

    /// The target's TLS handshake is done. `channelBinding` is the tls-server-end-point hash (RFC 5929 section 4) when
    /// known.
    mutating func targetTLSEstablished(channelBinding: [UInt8]?) throws(DialectFault) -> ByteBuffer

    /// Matches bytes from the target. After a `.lookup` event nothing more is consumed until `resume`.
    /// Of the chunks that one call emits only the last may end inside a message; `isAtBoundary` then says so.
    mutating func receive(fromTarget bytes: ByteBuffer, into events: inout [TargetEvent]) throws(DialectFault)

    /// The target closed its connection, which is used `perCommand`: what the end means for an answer under way. An
    /// exchange that still has no outcome afterwards is interrupted, and the session with it.
    mutating func targetEnded(into events: inout [TargetEvent]) throws(DialectFault)

    /// Answers the last `.lookup` event; goes on with the bytes kept meanwhile.
    mutating func resume(with answer: LookupAnswer, into events: inout [TargetEvent]) throws(DialectFault)

    // MARK: Decisions

    /// What the rules and the record need to know of a command. `analysis` answers `command.text`; nil when it has
    /// none.
    /// Called once per command and in order, right before the verdict.
    mutating func assess(_ command: Command, analysis: SQLAnalysis?) -> Assessment

    /// How the target can be asked about a command that was assessed and waits for its verdict. Called only when nothing
    /// decided is left to forward.
    mutating func ask(_ question: TargetQuestion, about command: Command) -> Asking

    /// What a command that was assessed is wherever and whenever it is sent: its texts, types and values, without names
    /// that stand for something in this session only. Nil when it cannot be told apart from the session.
    func standalone(_ command: Command) -> StandaloneCommand?

    /// The item goes to the target now. Returns its bytes, or nil when the protocol drops it here (what follows a
    /// refusal).
    mutating func submit(_ item: Submission) -> ByteBuffer?

    /// The command must not reach the target. Called at its place in the order, after its entry is durable.
    mutating func refuse(_ command: Command, _ refusal: Refusal) -> RefusalPlan

    /// The refusal's code as this protocol's clients see it: what the entry holds.
    func code(of refusal: Refusal) -> String

    /// A notice for a client that waits, or nil when one cannot be put in now (in the middle of a message, or not in
    /// this protocol).
    mutating func holdNotice(_ notice: HoldNotice) -> ByteBuffer?

    /// Whether work of the client is open at the target, so that an expired session may still finish it.
    var isInTransaction: Bool { get }

    /// Whether what runs goes on for as long as its client likes: nothing to wait for once the proof of identity ran out.
    var isOpenEnded: Bool { get }

    /// Whether the bytes passed on so far end at a message boundary, so that the dialect's own words can follow.
    var isAtBoundary: Bool { get }

    /// The bytes that, on a connection of their own, cancel what runs at the target; nil when the protocol has none.
    var cancelRequest: ByteBuffer? { get }

    /// The target's own number of this session, by which others there can ask about it; nil when it has none.
    var targetProcess: Int32? { get }

    /// Who is waited for now.
    var pace: Pace { get }

    /// The target has not begun to answer in time; its connection is closed, and `targetEnded` follows.
    mutating func targetIsLate()

    /// Last words to the client when the session is ended by the gateway; empty when a message is half sent.
    mutating func abort(_ refusal: Refusal) -> ByteBuffer

    /// Last words to the target.
    mutating func farewell() -> ByteBuffer

    /// The exchange has run longer than it may and is about to be cancelled at the target.
    ///
    /// - Returns: whether the dialect will put the refusal in place of the target's answer to that; else the session ends.
    mutating func overdue(_ id: ExchangeID, _ refusal: Refusal) -> Bool
}

extension Dialect {
    package var targetUse: TargetUse { .perSession }
    package var usualPatience: Int? { nil }
    package var isOpenEnded: Bool { false }
    package mutating func targetEnded(into events: inout [TargetEvent]) throws(DialectFault) {}
    package func standalone(_ command: Command) -> StandaloneCommand? { nil }
    package var targetProcess: Int32? { nil }
    package var pace: Pace { Pace() }
    package mutating func targetIsLate() {}
    package func code(of refusal: Refusal) -> String { refusal.code }

    package mutating func ask(_ question: TargetQuestion, about command: Command) -> Asking {
        .known(question.unknown("this protocol has no such question"))
    }
}

/// How long a connection to the target is of use.
package enum TargetUse: Sendable {
    /// Dialled at sign-in; its end is the session's. Commands follow each other without waiting for answers.
    case perSession
    /// Dialled when a command is to be forwarded and there is none; it may end between two commands. A command, or a
    /// refusal, waits until what came before it has its outcome.
    case perCommand
}

/// How the answer to a question is had.
package enum Asking {
    /// Send the bytes, a statement of the gateway's own whose answer the client does not see; `.answered` answers it.
    /// `text` is what the record shows of it.
    case send(ByteBuffer, text: [UInt8])
    case known(TargetAnswer)
    /// Not before the target has answered what it was given.
    case wait
}

/// What the bytes of a client mean.
package enum ClientEvent {
    /// To the client only, at once.
    case reply(ByteBuffer)
    /// Send `reply`, then speak TLS. Bytes that came behind the request are a fault, checked by the dialect.
    case startTLS(reply: ByteBuffer)
    /// The client asked for a connection and gave its proof.
    case signIn(SignInProof)
    /// The unit of decision.
    case command(Command)
    /// Bytes without a decision of their own that keep their place (a Sync, a Describe). `of` names the command they
    /// belong to.
    case carry(ByteBuffer, of: ExchangeID?)
    /// More bytes of a command: COPY data, a body. Recorded like answer chunks, forwarded in place.
    case inputChunk(ByteBuffer, of: ExchangeID)
    /// This connection only asks to cancel the command of another session.
    case cancel(key: [UInt8])
    /// The client says goodbye.
    case end
    /// What follows is wrong: the session ends with these words once what came before is passed on. No event follows.
    case fault(Refusal)
    /// From these bytes on it is another session: the shell begins one with them once this one's commands are through.
    /// No event follows; bytes that come later are added by the machine.
    case handOver(ByteBuffer)
}

/// What the bytes of a target mean.
package enum TargetEvent {
    /// A part of the sign-in at the target: goes back to the target only.
    case reply(ByteBuffer)
    /// Speak TLS with the target now.
    case startTLS
    /// Signed in at the target; `greeting` completes the client's own sign-in.
    case ready(greeting: ByteBuffer)
    /// Masked bytes of an answer: recorded under the exchange (nil: outside any) and passed to the client. `rows`
    /// counts rows begun in it.
    case chunk(ByteBuffer, of: ExchangeID?, rows: Int)
    /// Protocol words without data (ParseComplete, ReadyForQuery), passed to the client in their place.
    case pass(ByteBuffer)
    /// The end of an exchange: `bytes` are released only when its outcome is durable.
    case outcome(ByteBuffer, of: ExchangeID, Outcome)
    /// The last bytes of an answer and its end: recorded like a chunk, released only when the outcome is durable.
    case closing(ByteBuffer, of: ExchangeID, Outcome)
    /// This connection to the target is of no further use (`perCommand` only): the next command gets another.
    case dropTarget
    /// The client's connection ends once it has got what it is owed.
    case end
    /// The answer shows columns that are masked otherwise, because people agreed to it.
    case unmasked(ExchangeID, [Unmasking.Shown])
    /// Rows follow whose origins must be known first. Answered by `resume`.
    case lookup(LookupRequest)
    /// The answer to the last question that was sent.
    case answered(TargetAnswer)
    /// What runs shall be cancelled at the target: the client has got its answer's end already.
    case cancel
    /// The target did what the session may not go on with (a setting that rules depend on has changed).
    case fatal(Refusal)
}

extension Dialect {
    package mutating func overdue(_ id: ExchangeID, _ refusal: Refusal) -> Bool { false }
}

/// An item in the client's order, about to go to the target.
package enum Submission {
    case command(Command)
    case carry(ByteBuffer, of: ExchangeID?)
    case inputChunk(ByteBuffer, of: ExchangeID)
    /// A question of the gateway's own.
    case question(ByteBuffer)
}

/// How a protocol carries out a refusal.
package enum RefusalPlan {
    /// The client gets these bytes at once; the target hears nothing. Only when no answer is outstanding: else the
    /// dialect
    /// drops and passes the refusal on itself, behind the answers before it.
    case reply(ByteBuffer)
    /// The same, and the client's connection ends with it.
    case last(ByteBuffer)
    /// The target gets `bytes`, a statement of the gateway's own that fails, so that the target itself ends the
    /// transaction
    /// and keeps the order of answers; the dialect puts the refusal in place of the target's error. Recorded as its
    /// own.
    case substitute(ByteBuffer, text: String)
    /// Nothing is sent: an earlier refusal covers it.
    case drop
}

/// A fault in the bytes of one side: ends the session, with `refusal` as last words.
package struct DialectFault: Error, Sendable {
    package enum Side: Sendable {
        case client
        case target
    }

    package var side: Side
    package var refusal: Refusal

    package init(_ side: Side, _ code: String, _ message: String) {
        self.side = side
        self.refusal = Refusal(code: code, message: message)
    }

    package init(side: Side, refusal: Refusal) {
        self.side = side
        self.refusal = refusal
    }
}

/// A refusal in the gateway's words; the dialect turns it into the protocol's own.
package struct Refusal: Sendable, Hashable {
    /// SQLSTATE-like native code; other protocols map it.
    package var code: String
    package var message: String
    package var detail: String?
    package var hint: String?
    /// The rules that decided, for protocols that can tell them apart from the words.
    package var rules: [String] = []
    /// The approval that the same command, sent again, would run by.
    package var approval: RecordID?

    package init(code: String = "42501", message: String, detail: String? = nil, hint: String? = nil) {
        self.code = code
        self.message = message
        self.detail = detail
        self.hint = hint
    }
}
