import AccessPolicy
import DataMasking
import DequeModule
import GatewayCore
package import NIOCore
package import SessionKernel

/// PostgreSQL's frontend/backend protocol, version 3.0, as the gateway speaks it with both sides.
///
/// The client's side is framed ahead of decisions (`ClientFraming`), judged by meaning (`Assessor`), and forwarded
/// (`submit`, `refuse`) while a queue notes what the target will answer; the target's bytes are matched against that
/// queue.
package struct PostgresDialect: Dialect {
    /// What the listener allows.
    struct Settings: Sendable {
        var offersTLS: Bool
        var acceptsClearText: Bool
    }

    let settings: Settings
    var limits = SessionLimits()
    var terms: SessionTerms?

    // The client's side.
    var client = FrontendDecoder()
    var clientSignIn = ClientSignIn()
    var framing = ClientFraming()

    // Judging.
    var names = NameTable()
    var notes: Deque<CommandNote> = []
    var executions = ExecutionCache()

    // The target's side.
    var target = InputBuffer()
    var targetSignIn = TargetSignIn()
    var queue = ExpectationQueue()
    var copyIn = CopyInTracker()
    /// Bytes of a message of the target that are still to be passed on as they come.
    var stream = AnswerStream.none
    var lookup: PendingLookup?
    /// The question of the gateway's own that the server was, or is to be, asked.
    var asked: AskedQuestion?
    var origins = OriginCache()
    var status = TransactionStatus.idle
    /// The same once all that was sent has run, if it succeeds; nil: cannot be told.
    var expectedStatus: TransactionStatus? = .idle
    /// Extended messages were sent and no Sync yet.
    var isUnsynced = false
    /// An extended command was refused: everything up to the next Sync is dropped.
    var dropsUntilSync = false
    var refusalCount = 0
    var searchPath: String? { didSet { namesPath = searchPath.map { SearchPath($0, user: terms?.targetUser ?? "") } } }
    /// The same for the rules; not known once a command of the session may have changed it.
    private(set) var namesPath: SearchPath?
    var pathIsLost = false
    /// By what may be in a transaction, whose end may bring the earlier one back.
    var pathWasChanged = false
    var relations = RelationCache()
    /// Which relation a name without a schema stands for is not known: the search path was changed unseen, or a
    /// temporary relation may stand before others.
    var namesAreUnsure = false
    var hasTemporaries = false
    /// The search path may let others stand before the server's own functions.
    var builtInsAreHidden = false
    /// Something that the session did may change what a text means in it: its search path, temporary relations.
    var leansOnSession = false
    /// What is known of columns was learned at this version of the schema, or later.
    var schemaSeen: UInt64 = 0
    /// Counts how often it was forgotten.
    var schemaEpoch: UInt64 = 0
    /// The last command that may have changed views in a transaction which is not over: the catalogue connection does not
    /// see yet what this session sees.
    var viewsChangedBy: UInt64?

    /// - Parameters:
    ///   - offersTLS: whether a request for TLS is answered `S`.
    ///   - acceptsClearText: whether a token may come without TLS: on loopback only.
    ///   - limits: until sign-in gives the connection's own.
    package init(offersTLS: Bool, acceptsClearText: Bool, limits: SessionLimits = SessionLimits()) {
        settings = Settings(offersTLS: offersTLS, acceptsClearText: acceptsClearText)
        self.limits = limits
    }

    var masks: MaskSet? { terms?.masks }
    var hasMasks: Bool { !(terms?.masks.isEmpty ?? true) }

    // MARK: - The client's side

    package mutating func receive(fromClient bytes: ByteBuffer, into events: inout [ClientEvent]) throws(DialectFault) {
        guard bytes.readableBytes > 0 else { return }
        if clientSignIn.isInHandshake { throw ClientSignIn.fault("bytes came before TLS was established") }
        client.append(bytes)
        defer { client.settle() }
        while let frame = try nextFrame() {
            switch frame {
            case .startup(let packet):
                guard let event = try clientSignIn.take(packet: packet, isAlone: !client.hasBytes, settings: settings)
                else { continue }
                if clientSignIn.expectsPassword { client.phase = .password }
                events.append(event)
                if clientSignIn.isDone || clientSignIn.isInHandshake { return }
            case .message(FrontendType.password, let message) where clientSignIn.expectsPassword:
                events.append(.signIn(try clientSignIn.take(password: message)))
                client.phase = .messages
            case .message(let type, let message):
                guard let event = try framing.event(type, message, limit: limits.names) else { continue }
                events.append(event)
                if case .end = event { return }
            case .oversized(let type, let length):
                events.append(framing.oversized(type, length: length))
            case .copyData(let bytes):
                if let event = framing.copyData(bytes) { events.append(event) }
            }
        }
    }

    private mutating func nextFrame() throws(DialectFault) -> FrontendFrame? {
        do throws(MalformedMessage) {
            return try client.next(commandLimit: limits.command)
        } catch {
            throw ClientSignIn.fault(error.message)
        }
    }

    package mutating func clientTLSEstablished() { clientSignIn.tlsEstablished() }

    package mutating func signedIn(_ terms: SessionTerms) {
        self.terms = terms
        limits = terms.limits
        searchPath = clientSignIn.parameters.last { $0.name.lowercased() == "search_path" }?.value
        // Options are the server's to read: of a path among them no more is known than that it is there.
        namesAreUnsure = clientSignIn.parameters.contains {
            $0.name.lowercased() == "options"
                && ["search_path", "search-path"].contains(where: $0.value.lowercased().contains)
        }
        pathIsLost = namesAreUnsure
        builtInsAreHidden = StartupPolicy.hidesBuiltIns(clientSignIn.parameters)
    }

    package mutating func refuseSignIn(_ refusal: Refusal) -> ByteBuffer {
        clientSignIn.isInHandshake ? ByteBuffer() : ErrorFields.error(refusal, severity: "FATAL")
    }

    // MARK: - The target's side

    package mutating func openTarget(_ credential: TargetCredential) throws(DialectFault) -> ByteBuffer {
        guard let terms else { throw DialectFault(.target, "XX000", "The target was opened before sign-in.") }
        return targetSignIn.open(credential, terms: terms, parameters: clientSignIn.parameters)
    }

    package mutating func targetTLSEstablished(channelBinding: [UInt8]?) throws(DialectFault) -> ByteBuffer {
        try targetSignIn.tlsEstablished(channelBinding: channelBinding)
    }

    package mutating func receive(fromTarget bytes: ByteBuffer, into events: inout [TargetEvent]) throws(DialectFault) {
        target.append(bytes)
        defer { target.settle() }
        if !targetSignIn.isDone { try signIn(into: &events) }
        if targetSignIn.isDone, lookup == nil { try walk(into: &events) }
    }

    private mutating func signIn(into events: inout [TargetEvent]) throws(DialectFault) {
        if let answer = try targetSignIn.takeTLSAnswer(&target.bytes) {
            switch answer {
            case .wait: break
            case .startTLS: events.append(.startTLS)
            case .reply(let bytes): events.append(.reply(bytes))
            }
            return
        }
        while !targetSignIn.isDone, let header = try Self.header(target.bytes) {
            guard header.total <= Self.signInMessageLimit else {
                throw DialectFault(
                    .target, "08P01", "The target sent an oversized message while the gateway signed in.")
            }
            guard let message = target.bytes.readSlice(length: header.total) else { return }
            switch try targetSignIn.take(header.type, message) {
            case .none: break
            case .reply(let bytes): events.append(.reply(bytes))
            case .ready: events.append(.ready(greeting: greeting()))
            }
        }
    }

    private static var signInMessageLimit: Int { 64 << 10 }

    /// Completes the client's sign-in: the target's settings, and a cancel key of the gateway's own.
    private mutating func greeting() -> ByteBuffer {
        var greeting = ByteBuffer()
        AuthenticationRequest.ok.write(into: &greeting)
        for status in targetSignIn.statuses {
            status.write(into: &greeting)
            guard status.name == "search_path" else { continue }
            searchPath = status.value
            pathIsLost = false
        }
        if let key = terms?.cancelKey {
            BackendKeyData(processID: key.processID, secret: key.secret).write(into: &greeting)
        }
        TransactionStatus.idle.write(into: &greeting)
        return greeting
    }

    // MARK: - State

    package var isInTransaction: Bool { status != .idle || isUnsynced }

    package var isAtBoundary: Bool { stream.isNone && targetSignIn.isDone }

    package mutating func holdNotice(_ notice: HoldNotice) -> ByteBuffer? {
        guard isAtBoundary else { return nil }
        var buffer = ByteBuffer()
        ErrorFields(severity: "NOTICE", Refusal(code: "00000", message: notice.message, hint: notice.hint))
            .write(as: BackendType.notice, into: &buffer)
        return buffer
    }

    package var cancelRequest: ByteBuffer? {
        targetSignIn.targetKey.map { key in
            var bytes = ByteBuffer(integer: key.processID)
            bytes.writeBytes(key.secret)
            return StartupMessage.request(code: StartupPacket.cancelCode, key: Array(bytes.readableBytesView))
        }
    }

    package var targetProcess: Int32? { targetSignIn.targetKey?.processID }

    package mutating func abort(_ refusal: Refusal) -> ByteBuffer {
        guard stream.isNone, !clientSignIn.isInHandshake else { return ByteBuffer() }
        return ErrorFields.error(refusal, severity: "FATAL")
    }

    package mutating func farewell() -> ByteBuffer {
        guard targetSignIn.isDone, !copyIn.isInMessage else { return ByteBuffer() }
        var buffer = ByteBuffer()
        buffer.writeEmptyMessage(FrontendType.terminate)
        return buffer
    }
}
