import AccessPolicy
package import AuditLedger
import DataMasking
import DequeModule
package import GatewayCore
package import NIOCore
package import SQLAnalysis

/// One session as a state machine: what may pass, when, and in which order.
///
/// `connecting → signingIn → dialling → open → draining → closed`; a ledger failure leads through `sealing` instead of
/// `draining`. Each input is a method; it returns the actions to run after it. The machine does no I/O and keeps no
/// clock
/// but `now`, which the shell sets before each input. It is confined to the session's event loop and not Sendable.
///
/// A command goes `received → judging → recording → (awaitingApproval →) forwarding → responding → settled`:
/// `incoming` holds what the client sent and nobody decided (only its head is ever judged), `decided` what waits for
/// its
/// record to be durable, `open` what the target was given and has not answered to the end.
package struct SessionMachine {
    package enum Phase: String, Sendable {
        case connecting
        case signingIn
        case dialling
        case open
        case draining
        case sealing
        case closed
    }

    /// Where the command at the head of `incoming` stands.
    private enum Head {
        case fresh
        case analysing
        /// The target is asked about it, or will be once it is idle.
        case asking(Assessment, TargetQuestion, isAsked: Bool)
        case judging(Assessment)
        /// Held: its entry is `record`; the approval is asked for once that is durable.
        case held(Assessment, Verdict, record: RecordNumber, Approval)
    }

    private enum Approval {
        case unasked
        /// `mayDefer`: when the client's patience ends the approval stays open for the same command sent again.
        case asked(mayDefer: Bool)
        case open(RecordID, until: Timestamp?, mayDefer: Bool)
        /// The client's patience is over; the desk is asked whether somebody decided at the same moment.
        case deferring(RecordID)

        var id: RecordID? {
            switch self {
            case .open(let id, _, _), .deferring(let id): id
            case .unasked, .asked: nil
            }
        }
    }

    private enum Decided {
        case command(Command, gate: RecordNumber)
        case refusal(Command, Refusal, gate: RecordNumber)
        case substitute(ByteBuffer, gate: RecordNumber)
        case question(ByteBuffer, gate: RecordNumber)
        case carry(ByteBuffer, of: ExchangeID?)
        case inputChunk(ByteBuffer, of: ExchangeID, gate: RecordNumber)
        case end
        case fault(Refusal)

        var gate: RecordNumber {
            switch self {
            case .command(_, let gate), .refusal(_, _, let gate), .substitute(_, let gate), .question(_, let gate),
                .inputChunk(_, _, let gate):
                gate
            case .carry, .end, .fault: 0
            }
        }

        /// A command or what stands for one.
        var isOfCommand: Bool {
            switch self {
            case .command, .refusal, .substitute: true
            case .question, .carry, .inputChunk, .end, .fault: false
            }
        }

        var isQuestion: Bool { if case .question = self { true } else { false } }

        var byteCount: Int {
            switch self {
            case .command(let command, _), .refusal(let command, _, _): command.bytes.readableBytes
            case .substitute(let bytes, _), .question(let bytes, _), .carry(let bytes, _),
                .inputChunk(let bytes, _, _):
                bytes.readableBytes
            case .end, .fault: 0
            }
        }
    }

    /// An exchange from its verdict to its outcome.
    private struct Exchange {
        var receivedAt: UInt64
        var forwardedAt: UInt64 = 0
        /// Its answer may not come before that of the command which waits behind it.
        var isPreparing = false
        var bytesIn = 0
        var bytesOut = 0
        var rows = 0
        /// Columns that its answer showed by approvals.
        var unmasked: [Unmasking.Shown] = []
    }

    private enum Cancel {
        case none
        /// One cancel is under way; nothing new is forwarded until it is through, lest it hit the next command.
        case inFlight
    }

    private enum Incoming {
        case command(Command, receivedAt: UInt64)
        case carry(ByteBuffer, of: ExchangeID?)
        case inputChunk(ByteBuffer, of: ExchangeID)
        case end
        case fault(Refusal)

        var byteCount: Int {
            switch self {
            case .command(let command, _): command.bytes.readableBytes
            case .carry(let bytes, _), .inputChunk(let bytes, _): bytes.readableBytes
            case .end, .fault: 0
            }
        }
    }

    package private(set) var phase: Phase = .connecting
    package private(set) var dialect: any Dialect
    /// Monotonic nanoseconds, set by the shell before each input; used for timings in entries only.
    package var now: UInt64 = 0

    private let limits: SessionLimits
    private var judge: (any CommandJudge)?
    private var durability = Durability.command
    private var keepsInput = false
    private var sessionLimits = SessionLimits()
    /// The exchange under way was cancelled because its time is over.
    private var isOverdue = false
    private var actions: [SessionAction] = []

    private var incoming: Deque<Incoming> = []
    private var incomingBytes = 0
    private var head = Head.fresh
    private var decided: Deque<Decided> = []
    private var decidedBytes = 0
    /// When commands came that are decided but not forwarded, for the timings of their outcome.
    private var received = ExchangeTable<UInt64>()
    private var open = ExchangeTable<Exchange>()
    private var toClient = ClientQueue()

    private var lastRecord: RecordNumber = 0
    private var durable: RecordNumber = 0
    private var unsynced: Deque<(record: RecordNumber, bytes: Int)> = []
    private var unsyncedBytes = 0

    /// What the target is asked about, until it has answered.
    private var askedAbout: ExchangeID?
    private var cancel = Cancel.none
    private var isLookingUp = false
    private var clientIsWritable = true
    private var targetIsWritable = true
    private var clientIsGone = false
    private var targetIsGone = true
    /// `perCommand`: a connection to the target is being made.
    private var isDialling = false
    /// The command that was refused last: what else comes of it goes nowhere.
    private var lastRefused: ExchangeID?
    /// The session has entries of its own for its beginning and its end.
    private var recordsSession = true
    /// Bytes that another session on the client's connection begins with.
    private var handedOver: ByteBuffer?
    private var clientSaidGoodbye = false
    private var targetWasBidFarewell = false
    /// Whether the next chunk of an answer begins a message; false in the middle of a streamed one.
    private var nextChunkStartsMessage = true
    private var lastExchange = ExchangeID(0)
    private var readsClient = true
    private var readsTarget = true
    /// Set when the proof of identity ran out: new commands are refused with it, open work may end.
    private var refusesNew: Refusal?
    private var end: SessionEnd?
    private var clientEvents: [ClientEvent] = []
    private var targetEvents: [TargetEvent] = []

    package init(dialect: any Dialect, limits: SessionLimits = SessionLimits()) {
        self.dialect = dialect
        self.limits = limits
        self.sessionLimits = limits
    }

    // MARK: - Inputs: the client's connection

    /// A connection was accepted: sign-in must follow in `signInSeconds`.
    package mutating func started(signInSeconds: Int) -> [SessionAction] {
        if phase == .connecting { actions.append(.startTimer(.signIn, seconds: signInSeconds)) }
        return finish()
    }

    package mutating func clientBytes(_ bytes: ByteBuffer) -> [SessionAction] {
        if handedOver != nil {
            handedOver?.writeImmutableBuffer(bytes)
            return []
        }
        guard phase != .draining, phase != .sealing, phase != .closed, !clientSaidGoodbye else { return [] }
        return readClientBytes(bytes)
    }

    private mutating func readClientBytes(_ bytes: ByteBuffer) -> [SessionAction] {
        do throws(DialectFault) {
            try dialect.receive(fromClient: bytes, into: &clientEvents)
        } catch {
            takeClientEvents()
            terminate(.protocolError, error.refusal)
            return finish()
        }
        takeClientEvents()
        return finish()
    }

    package mutating func clientTLSEstablished() -> [SessionAction] {
        guard phase == .connecting else { return finish() }
        dialect.clientTLSEstablished()
        return finish()
    }

    package mutating func clientWritable(_ isWritable: Bool) -> [SessionAction] {
        clientIsWritable = isWritable
        return finish()
    }

    /// The client is gone, with or without a goodbye: its approval is withdrawn, what runs for it is cancelled.
    package mutating func clientClosed() -> [SessionAction] {
        clientIsGone = true
        terminate(.clientLeft, nil)
        return finish()
    }

    // MARK: - Inputs: sign-in

    /// - Parameter opening: nil when others keep the entries of the session's beginning and end.
    package mutating func signInGranted(_ terms: SessionTerms, judge: any CommandJudge, opening: EntryDraft?)
        -> [SessionAction]
    {
        guard phase == .signingIn else { return finish() }
        dialect.signedIn(terms)
        self.judge = judge
        durability = terms.durability
        keepsInput = terms.masks.isEmpty
        sessionLimits = terms.limits
        recordsSession = opening != nil
        if let opening { _ = record(opening) }
        guard dialect.targetUse == .perSession else {
            phase = .open
            actions.append(.stopTimer(.signIn))
            return readClientBytes(ByteBuffer())
        }
        phase = .dialling
        actions.append(.dial)
        return finish()
    }

    /// Not let in. The shell has written the `signin.refused` entry; no session was opened.
    package mutating func signInRefused(_ refusal: Refusal) -> [SessionAction] {
        guard phase == .signingIn else { return finish() }
        toClient.append(dialect.refuseSignIn(refusal), gate: 0)
        close(.refused)
        return finish()
    }

    // MARK: - Inputs: the target's connection

    package mutating func targetConnected(_ credential: TargetCredential) -> [SessionAction] {
        guard phase == .dialling || phase == .open && isDialling else {
            actions.append(.closeTarget)
            return finish()
        }
        isDialling = false
        targetIsGone = false
        targetIsWritable = true
        readsTarget = true
        do throws(DialectFault) {
            sendToTarget(try dialect.openTarget(credential))
        } catch {
            terminate(.protocolError, error.refusal)
        }
        return finish()
    }

    /// The target could not be reached; `refusal` says so in words that name no credential.
    package mutating func targetUnreachable(_ refusal: Refusal) -> [SessionAction] {
        targetIsGone = true
        if phase == .open, isDialling {
            isDialling = false
            if case .command(let command, let gate) = decided.first {
                let outcome = Outcome(kind: .error, code: dialect.code(of: refusal), errorText: refusal.message)
                let receivedAt = received[command.id] ?? now
                let number = settle(command.id, outcome, Exchange(receivedAt: receivedAt, forwardedAt: now))
                decided[0] = .refusal(command, refusal, gate: max(gate, number))
                lastRefused = command.id
            }
            return finish()
        }
        terminate(.targetLeft, refusal)
        return finish()
    }

    package mutating func targetTLSEstablished(channelBinding: [UInt8]?) -> [SessionAction] {
        guard phase == .dialling else { return finish() }
        do throws(DialectFault) {
            sendToTarget(try dialect.targetTLSEstablished(channelBinding: channelBinding))
        } catch {
            terminate(.protocolError, error.refusal)
        }
        return finish()
    }

    package mutating func targetBytes(_ bytes: ByteBuffer) -> [SessionAction] {
        guard phase == .dialling || phase == .open else { return [] }
        nextChunkStartsMessage = dialect.isAtBoundary
        do throws(DialectFault) {
            try dialect.receive(fromTarget: bytes, into: &targetEvents)
        } catch {
            takeTargetEvents()
            terminate(.protocolError, error.refusal)
            return finish()
        }
        takeTargetEvents()
        return finish()
    }

    package mutating func targetWritable(_ isWritable: Bool) -> [SessionAction] {
        targetIsWritable = isWritable
        return finish()
    }

    package mutating func targetClosed() -> [SessionAction] {
        let wasGone = targetIsGone
        targetIsGone = true
        if dialect.targetUse == .perCommand, phase == .open {
            guard !wasGone else { return finish() }
            nextChunkStartsMessage = dialect.isAtBoundary
            do throws(DialectFault) {
                try dialect.targetEnded(into: &targetEvents)
            } catch {
                takeTargetEvents()
                terminate(.targetLeft, error.refusal)
                return finish()
            }
            takeTargetEvents()
            guard !open.isEmpty else { return finish() }
        }
        if targetWasBidFarewell { terminate(.clientLeft, nil) }
        terminate(
            .targetLeft, Refusal(code: "08006", message: "The target closed the connection.", hint: "Connect again."))
        return finish()
    }

    /// The target has not begun to answer in time: its connection is given up, as if it had closed it.
    package mutating func targetIsLate() -> [SessionAction] {
        guard phase == .open, dialect.targetUse == .perCommand, dialect.pace.target, !targetIsGone else {
            return finish()
        }
        dialect.targetIsLate()
        actions.append(.closeTarget)
        return targetClosed()
    }

    package mutating func lookedUp(_ answer: LookupAnswer) -> [SessionAction] {
        guard isLookingUp, phase == .open else { return finish() }
        isLookingUp = false
        nextChunkStartsMessage = dialect.isAtBoundary
        do throws(DialectFault) {
            try dialect.resume(with: answer, into: &targetEvents)
        } catch {
            takeTargetEvents()
            terminate(.protocolError, error.refusal)
            return finish()
        }
        takeTargetEvents()
        return finish()
    }

    // MARK: - Inputs: decisions

    package mutating func analysed(_ id: ExchangeID, _ analysis: SQLAnalysis) -> [SessionAction] {
        guard phase == .open, case .analysing = head, let (command, receivedAt) = headCommand(id) else {
            return finish()
        }
        assess(command, receivedAt, analysis)
        return finish()
    }

    /// A late verdict, or nil when the judge failed: that is a refusal (P3).
    package mutating func judged(_ id: ExchangeID, _ verdict: Verdict?) -> [SessionAction] {
        guard phase == .open, case .judging(let assessment) = head, let (command, receivedAt) = headCommand(id) else {
            return finish()
        }
        decide(command, receivedAt, assessment, verdict ?? Self.judgeFailed("The policy could not be evaluated."))
        return finish()
    }

    /// - Parameter until: when its time is over, for the client.
    package mutating func approvalOpened(
        _ id: ExchangeID, _ approval: RecordID, until: Timestamp? = nil
    ) -> [SessionAction] {
        guard phase == .open, case .held(let assessment, let verdict, let record, let state) = head,
            headCommand(id) != nil
        else {
            // Nobody waits any more; a withdrawal that came before this could not name the approval yet.
            actions.append(.withdrawApproval(id))
            return finish()
        }
        guard case .asked(let mayDefer) = state else { return finish() }
        head = .held(assessment, verdict, record: record, .open(approval, until: until, mayDefer: mayDefer))
        if mayDefer, assessment.patience == 0, let (command, _) = headCommand(id) {
            askToDefer(command, approval)
        } else {
            notifyHeldClient()
        }
        return finish()
    }

    package mutating func approvalDecided(_ id: ExchangeID, _ decision: ApprovalDecision) -> [SessionAction] {
        guard phase == .open, case .held(let assessment, let verdict, _, let approval) = head,
            let (command, receivedAt) = headCommand(id)
        else { return finish() }
        if case .unasked = approval { return finish() }
        stopHolding()
        switch decision {
        case .granted(let approvers, let reasons, let granted, let isBreakGlass):
            var draft = entry(.commandGranted, command, assessment, verdict)
            draft.approval = granted ?? approval.id
            if isBreakGlass { draft.details["break_glass"] = "true" }
            draft.approver = approvers.first
            draft.content += reasons.map { ContentItem(.reason, $0) }
            draft.details["approvers"] = String(approvers.count)
            allow(command, receivedAt, gate: record(draft))
        case .denied(let approver, let reason):
            var draft = entry(.commandDenied, command, assessment, verdict)
            draft.approval = approval.id
            draft.approver = approver
            if let reason { draft.content.append(ContentItem(.reason, reason)) }
            refuse(command, Refusals.denied(by: approver.name ?? approver.subject, reason: reason), draft)
        case .expired:
            var draft = entry(.commandExpired, command, assessment, verdict)
            draft.approval = approval.id
            refuse(command, Refusals.expired(verdict), draft)
        case .withdrawn:
            var draft = entry(.commandDenied, command, assessment, verdict)
            draft.approval = approval.id
            draft.reasonCode = "withdrawn"
            refuse(command, Refusals.withdrawn, draft)
        case .failed(let why):
            refuse(command, Refusals.deskFailed(why), entry(.commandDenied, command, assessment, verdict))
        }
        return finish()
    }

    /// What the desk says to `deferApproval`: the approval stays open for its command to come again, or it was decided a
    /// moment before, and that decision is on its way to this session.
    package mutating func approvalDeferred(_ id: ExchangeID, _ isDeferred: Bool) -> [SessionAction] {
        guard phase == .open, case .held(let assessment, let verdict, let record, .deferring(let approval)) = head,
            let (command, _) = headCommand(id)
        else { return finish() }
        guard isDeferred else {
            head = .held(assessment, verdict, record: record, .open(approval, until: nil, mayDefer: false))
            actions.append(.startTimer(.approval, seconds: Self.decisionSeconds))
            return finish()
        }
        stopHolding()
        var draft = entry(.commandDeferred, command, assessment, verdict)
        draft.approval = approval
        refuse(command, Refusals.deferred(approval, verdict), draft)
        return finish()
    }

    /// The policy is another one now: what waits for an approval is judged again. What is blocked now is refused; what is
    /// allowed now passes, as it would if it were sent again; a hold on the same terms goes on waiting, one on others is
    /// asked for anew.
    package mutating func policyChanged() -> [SessionAction] {
        guard phase == .open, case .held(var assessment, let old, _, _) = head,
            case .command(let command, let receivedAt) = incoming.first, let judge
        else { return finish() }
        if let question = judge.question(about: assessment.subject) {
            stopHolding(withdraw: true)
            head = .asking(assessment, question, isAsked: false)
            return finish()
        }
        var verdict: Verdict?
        do throws(GatewayError) {
            verdict = try judge.verdict(on: assessment.subject)
            if let verdict, verdict.kind == .hold, verdict.hold == old.hold { return finish() }
        } catch {
            verdict = Self.judgeFailed(error.message)
        }
        stopHolding(withdraw: true)
        guard let verdict else {
            askJudge(command, assessment)
            return finish()
        }
        // The entry of the hold has its content already; only another question shows it again.
        if verdict.kind != .hold { assessment.content = [] }
        decide(command, receivedAt, assessment, verdict)
        return finish()
    }

    /// The client cancels, over whatever way its protocol has. Hits at most the command that is running or waiting now.
    package mutating func cancelRequested() -> [SessionAction] {
        guard phase == .open else { return finish() }
        // What only prepares may wait for its answer until the client's last word behind a held command: that is what is
        // cancelled then.
        if open.all.contains(where: { !$0.1.isPreparing }) {
            cancelTarget()
        } else if let index = decided.firstIndex(where: \.isOfCommand) {
            // Anything but a command is a refusal on its way: that ends what the client waits for, and what follows is
            // not meant.
            if case .command(let command, let gate) = decided[index] {
                decided[index] = .refusal(command, Refusals.cancelled, gate: max(gate, recordCancelled(command)))
            }
        } else if case .command(let command, _) = incoming.first, let number = cancelHead() {
            popHead()
            enqueue(.refusal(command, Refusals.cancelled, gate: number))
        } else if !open.isEmpty {
            cancelTarget()
        }
        return finish()
    }

    /// Stops whatever the head waits for and records that it was cancelled; nil when there is nothing to cancel.
    private mutating func cancelHead() -> RecordNumber? {
        guard case .command(let command, _) = incoming.first else { return nil }
        switch head {
        case .fresh:
            return nil
        case .analysing:
            actions.append(.stopTimer(.verdict))
            return recordCancelled(command, dialect.assess(command, analysis: nil))
        case .asking(let assessment, _, _):
            dropQuestion()
            return recordCancelled(command, assessment)
        case .judging(let assessment):
            actions.append(.stopTimer(.verdict))
            return recordCancelled(command, assessment)
        case .held:
            stopHolding(withdraw: true)
            return recordCancelled(command)
        }
    }

    /// The cancel's own connection was closed by the target: what was to be hit was hit.
    package mutating func cancelFinished() -> [SessionAction] {
        cancel = .none
        return finish()
    }

    // MARK: - Inputs: the ledger

    /// Every record up to `number` is as safe as the session's durability asks.
    package mutating func durable(through number: RecordNumber) -> [SessionAction] {
        guard number > durable, phase != .closed else { return [] }
        guard number <= lastRecord else {
            poison("durable(\(number)) but only \(lastRecord) records were made")
            return finish()
        }
        durable = number
        while let first = unsynced.first, first.record <= number {
            unsyncedBytes -= first.bytes
            unsynced.removeFirst()
        }
        if phase == .open, case .held(let assessment, let verdict, let record, .unasked) = head, record <= durable,
            case .command(let command, _) = incoming.first
        {
            askForApproval(command, assessment, verdict, record)
        }
        return finish()
    }

    /// Nothing can be recorded any more: nothing passes any more (P3).
    package mutating func ledgerFailed() -> [SessionAction] {
        guard phase != .closed, phase != .sealing else { return finish() }
        handedOver = nil
        let failedIn = phase
        // Words may follow only where the bytes that the client has got so far end a message.
        let mayFollow = toClient.isEmpty || toClient.startsMessage
        end = end ?? .ledger
        stopHolding(withdraw: true)
        let isBusy = !open.isEmpty || questionRuns
        phase = .sealing
        toClient.discard()
        decided.removeAll()
        decidedBytes = 0
        dropIncoming()
        if isBusy { cancelTarget() }
        open.removeAll()
        switch failedIn {
        case .connecting, .signingIn: toClient.append(dialect.refuseSignIn(Refusals.ledgerFailed), gate: 0)
        case .dialling, .open: if mayFollow { toClient.append(dialect.abort(Refusals.ledgerFailed), gate: 0) }
        case .draining, .sealing, .closed: break
        }
        actions.append(.startTimer(.drain, seconds: Self.drainSeconds))
        return finish()
    }

    // MARK: - Inputs: the gateway's own will

    /// A lock, a revocation, a session limit or a shutdown: what runs is cancelled at the target, then the session
    /// ends.
    package mutating func abort(_ reason: SessionEnd, _ refusal: Refusal) -> [SessionAction] {
        terminate(reason, refusal)
        return finish()
    }

    /// The proof of identity ran out: running and held work and an open transaction may end, new work is refused.
    package mutating func refuseNewCommands(_ refusal: Refusal) -> [SessionAction] {
        refusesNew = refusal
        return finish()
    }

    /// Nothing runs, waits or is open at the target.
    package var isIdle: Bool {
        incoming.isEmpty && decided.isEmpty && open.isEmpty && toClient.isEmpty && !dialect.isInTransaction
    }

    package mutating func timerFired(_ timer: SessionTimer) -> [SessionAction] {
        switch timer {
        case .signIn:
            if phase == .connecting || phase == .signingIn || phase == .dialling {
                terminate(.refused, Refusal(code: "08006", message: "Signing in took too long."))
            }
        case .verdict:
            guard phase == .open, case .command(let command, let receivedAt) = incoming.first else { break }
            switch head {
            case .analysing:
                let assessment = dialect.assess(command, analysis: nil)
                decide(
                    command, receivedAt, assessment, Self.judgeFailed("The statement could not be analysed in time."))
            case .asking(let assessment, let question, _):
                dropQuestion()
                learn(command, receivedAt, assessment, question.unknown("the target did not answer in time"))
            case .judging(let assessment):
                decide(command, receivedAt, assessment, Self.judgeFailed("The policy did not answer in time."))
            case .fresh, .held: break
            }
        case .approval:
            if case .command(let command, _) = incoming.first, case .held(_, _, _, let state) = head {
                switch state {
                case .unasked, .deferring: break
                case .open(let approval, _, mayDefer: true): askToDefer(command, approval)
                case .asked, .open:
                    actions.append(.withdrawApproval(command.id))
                    return approvalDecided(command.id, .expired)
                }
            }
        case .notice:
            notifyHeldClient()
        case .exchange:
            if !open.isEmpty {
                let refusal = Refusals.tooLong(seconds: sessionLimits.seconds)
                if !isOverdue, let first = open.all.first?.id, dialect.cancelRequest != nil, !targetIsGone,
                    dialect.overdue(first, refusal)
                {
                    isOverdue = true
                    cancelTarget()
                    actions.append(.startTimer(.exchange, seconds: Self.overdueSeconds))
                } else {
                    terminate(.limit, refusal)
                }
            }
        case .drain:
            if phase == .draining || phase == .sealing {
                toClient.discard()
                cancel = .none
                handedOver = nil
                shut()
            }
        }
        return finish()
    }

    // MARK: - Client events

    private mutating func takeClientEvents() {
        guard !clientEvents.isEmpty else { return }
        for event in clientEvents { take(event) }
        clientEvents.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ event: ClientEvent) {
        guard phase != .draining, phase != .sealing, phase != .closed, !clientSaidGoodbye, handedOver == nil else {
            return
        }
        switch event {
        case .reply(let bytes):
            toClient.append(bytes, gate: 0)
        case .startTLS(let reply):
            guard phase == .connecting else { return poison("TLS asked for in \(phase)") }
            sendToClient(reply)
            actions.append(.startClientTLS)
        case .signIn(let proof):
            guard phase == .connecting else { return poison("sign-in in \(phase)") }
            phase = .signingIn
            actions.append(.verify(proof))
        case .cancel(let key):
            guard phase == .connecting else { return poison("cancel request in \(phase)") }
            actions.append(.cancelOther(key: key))
            close(.clientLeft)
        case .command(let command):
            guard command.id > lastExchange else { return poison("exchange \(command.id.number) out of order") }
            lastExchange = command.id
            push(.command(command, receivedAt: now))
        case .carry(let bytes, let id):
            push(.carry(bytes, of: id))
        case .inputChunk(let bytes, let id):
            push(.inputChunk(bytes, of: id))
        case .end:
            clientSaidGoodbye = true
            guard phase == .open else { return terminate(.clientLeft, nil) }
            if case .held = head { abandonHeld() } else { push(.end) }
        case .fault(let refusal):
            guard phase == .open, case .fresh = head else { return terminate(.protocolError, refusal) }
            clientSaidGoodbye = true
            push(.fault(refusal))
        case .handOver(let bytes):
            guard phase == .open else { return poison("handed over in \(phase)") }
            handedOver = bytes
            push(.end)
        }
    }

    private mutating func push(_ item: Incoming) {
        incomingBytes += item.byteCount
        incoming.append(item)
    }

    private mutating func popHead() {
        if let item = incoming.popFirst() { incomingBytes -= item.byteCount }
        head = .fresh
    }

    private mutating func dropIncoming() {
        incoming.removeAll()
        incomingBytes = 0
        head = .fresh
    }

    private mutating func enqueue(_ item: Decided) {
        decidedBytes += item.byteCount
        decided.append(item)
    }

    private mutating func dequeue() {
        if let item = decided.popFirst() { decidedBytes -= item.byteCount }
    }

    private func headCommand(_ id: ExchangeID) -> (Command, UInt64)? {
        guard case .command(let command, let receivedAt) = incoming.first, command.id == id else { return nil }
        return (command, receivedAt)
    }

    // MARK: - Judging

    /// Works on the head of `incoming` until it must wait. Only the head is judged: order is kept, and what a verdict
    /// may
    /// depend on (names, settings) is settled by what went before.
    private mutating func judgeHead() {
        while phase == .open, let item = incoming.first {
            switch item {
            case .carry(let bytes, let id):
                popHead()
                enqueue(.carry(bytes, of: id))
            case .inputChunk(let bytes, let id):
                popHead()
                guard id != lastRefused else { continue }
                let number = recordChunk(bytes, of: id, .input)
                enqueue(.inputChunk(bytes, of: id, gate: durability == .strict ? number : 0))
            case .end:
                popHead()
                enqueue(.end)
            case .fault(let refusal):
                popHead()
                enqueue(.fault(refusal))
            case .command(let command, let receivedAt):
                guard case .fresh = head else { return }
                if let text = command.text {
                    if let analysis = judge?.cachedAnalysis(of: text) {
                        assess(command, receivedAt, analysis)
                    } else {
                        head = .analysing
                        actions.append(.analyse(command.id, text: text))
                        actions.append(.startTimer(.verdict, seconds: Self.verdictSeconds))
                    }
                } else {
                    assess(command, receivedAt, nil)
                }
            }
        }
    }

    private mutating func assess(_ command: Command, _ receivedAt: UInt64, _ analysis: SQLAnalysis?) {
        if case .analysing = head { actions.append(.stopTimer(.verdict)) }
        let assessment = dialect.assess(command, analysis: analysis)
        if let refusal = assessment.refusal {
            let verdict = Verdict(kind: .block, rules: ["protocol"], message: refusal.message)
            return refuse(command, refusal, entry(.commandBlocked, command, assessment, verdict))
        }
        if let refusal = refusesNew, !dialect.isInTransaction {
            let verdict = Verdict(kind: .block, rules: ["session"], message: refusal.message)
            return refuse(command, refusal, entry(.commandBlocked, command, assessment, verdict))
        }
        if assessment.isDecided {
            return decide(command, receivedAt, assessment, .allow)
        }
        proceed(command, receivedAt, assessment)
    }

    private mutating func proceed(_ command: Command, _ receivedAt: UInt64, _ assessment: Assessment) {
        if let question = judge?.question(about: assessment.subject) {
            head = .asking(assessment, question, isAsked: false)
        } else {
            consider(command, receivedAt, assessment)
        }
    }

    private mutating func consider(_ command: Command, _ receivedAt: UInt64, _ assessment: Assessment) {
        do throws(GatewayError) {
            guard let judge else {
                return decide(command, receivedAt, assessment, Self.judgeFailed("There is no policy."))
            }
            if let verdict = try judge.verdict(on: assessment.subject) {
                decide(command, receivedAt, assessment, verdict)
            } else {
                askJudge(command, assessment)
            }
        } catch {
            decide(command, receivedAt, assessment, Self.judgeFailed(error.message))
        }
    }

    private mutating func askJudge(_ command: Command, _ assessment: Assessment) {
        head = .judging(assessment)
        let question = VerdictQuestion(
            subject: assessment.subject, text: assessment.content.first { $0.kind == .text }?.bytes ?? [],
            isPreparing: command.weight == .preparing, verb: assessment.verb, objects: assessment.objects)
        actions.append(.judge(command.id, question))
        actions.append(.startTimer(.verdict, seconds: Self.verdictSeconds))
    }

    // MARK: - Questions to the target

    /// Asks the target about the head, once it has answered all that it was given: the question finds the session as the
    /// command itself would.
    ///
    /// - Returns: whether the head moved on without a question.
    private mutating func askTarget() -> Bool {
        guard phase == .open, decided.isEmpty, askedAbout == nil, case .none = cancel,
            case .asking(let assessment, let question, isAsked: false) = head,
            case .command(let command, let receivedAt) = incoming.first
        else { return false }
        switch dialect.ask(question, about: command) {
        case .wait:
            return false
        case .known(let answer):
            learn(command, receivedAt, assessment, answer)
            return true
        case .send(let bytes, let text):
            head = .asking(assessment, question, isAsked: true)
            var draft = EntryDraft(.commandSubstituted, exchange: command.id.number)
            draft.reasonCode = question.name
            draft.content = [ContentItem(.text, text)]
            askedAbout = command.id
            enqueue(.question(bytes, gate: record(draft)))
            actions.append(.startTimer(.verdict, seconds: Self.verdictSeconds))
            return false
        }
    }

    private mutating func learn(
        _ command: Command, _ receivedAt: UInt64, _ assessment: Assessment, _ answer: TargetAnswer
    ) {
        actions.append(.stopTimer(.verdict))
        var assessment = assessment
        assessment.subject.learn(answer)
        proceed(command, receivedAt, assessment)
    }

    /// The question was sent, and is not answered.
    private var questionRuns: Bool { askedAbout != nil && !decided.contains(where: \.isQuestion) }

    /// Nobody waits for the answer any more: a question that is not sent yet never is, one that runs is cancelled, and
    /// what it answers is nobody's.
    private mutating func dropQuestion() {
        guard case .asking(_, _, isAsked: true) = head else { return }
        actions.append(.stopTimer(.verdict))
        if questionRuns { return cancelTarget() }
        // Nothing is decided behind it, since the head is not.
        dequeue()
        askedAbout = nil
    }

    private mutating func decide(_ command: Command, _ receivedAt: UInt64, _ assessment: Assessment, _ verdict: Verdict)
    {
        if case .judging = head { actions.append(.stopTimer(.verdict)) }
        if case .analysing = head { actions.append(.stopTimer(.verdict)) }
        switch verdict.kind {
        case .hold where command.weight == .effective:
            let number = record(entry(.commandHeld, command, assessment, verdict))
            head = .held(assessment, verdict, record: number, .unasked)
            if number <= durable { askForApproval(command, assessment, verdict, number) }
        case .allow, .hold:
            allow(command, receivedAt, gate: record(entry(.commandAllowed, command, assessment, verdict)))
        case .block:
            refuse(command, Refusals.blocked(verdict), entry(.commandBlocked, command, assessment, verdict))
        }
    }

    private mutating func allow(_ command: Command, _ receivedAt: UInt64, gate: RecordNumber) {
        popHead()
        received[command.id] = receivedAt
        enqueue(.command(command, gate: gate))
    }

    private mutating func refuse(_ command: Command, _ refusal: Refusal, _ draft: EntryDraft) {
        var draft = draft
        draft.outcome = Outcome(kind: .blocked, code: dialect.code(of: refusal))
        popHead()
        lastRefused = command.id
        enqueue(.refusal(command, refusal, gate: record(draft)))
    }

    private static func judgeFailed(_ message: String) -> Verdict {
        Verdict(kind: .block, rules: ["judge"], message: message)
    }

    // MARK: - Holding

    private mutating func askForApproval(
        _ command: Command, _ assessment: Assessment, _ verdict: Verdict, _ record: RecordNumber
    ) {
        guard !clientSaidGoodbye else { return abandonHeld() }
        let terms = verdict.hold ?? HoldTerms(groups: [])
        // What is decided and not sent yet may still change what a name means. What is durable goes first.
        forward()
        guard phase == .open, case .held = head else { return }
        let wait = assessment.patience.map { min($0, terms.wait ?? $0) } ?? terms.wait ?? dialect.usualPatience
        let isWanted = (wait != nil || terms.scope != .once) && decided.isEmpty
        let standalone = isWanted ? dialect.standalone(command) : nil
        let patience = standalone == nil ? nil : wait.flatMap { $0 < terms.within ? $0 : nil }
        head = .held(assessment, verdict, record: record, .asked(mayDefer: patience != nil))
        actions.append(
            .requestApproval(
                command.id,
                ApprovalQuestion(
                    terms: terms, rules: verdict.rules, message: verdict.message, bytes: command.bytes,
                    standalone: standalone, mayDefer: patience != nil, breakGlass: assessment.breakGlass,
                    text: assessment.content.first { $0.kind == .text }?.bytes ?? [],
                    parameters: assessment.content.first { $0.kind == .parameters }?.bytes ?? [],
                    prepared: assessment.prepared, subject: assessment.subject)))
        // Who does not wait at all still hears which approval it is.
        actions.append(.startTimer(.approval, seconds: max(patience ?? terms.within, 1)))
        actions.append(.startTimer(.notice, seconds: Self.noticeSeconds))
    }

    /// The client's patience is over: the command is refused here and its approval waits for it to come again, unless
    /// somebody decided at the same moment, which only the desk can tell.
    private mutating func askToDefer(_ command: Command, _ approval: RecordID) {
        guard case .held(let assessment, let verdict, let record, _) = head else { return }
        head = .held(assessment, verdict, record: record, .deferring(approval))
        actions.append(.deferApproval(command.id))
    }

    /// The client said goodbye to a held command: it and what follows never run; what runs already may end.
    private mutating func abandonHeld() {
        _ = cancelHead()
        dropIncoming()
        enqueue(.end)
    }

    private mutating func notifyHeldClient() {
        guard phase == .open, case .held(_, let verdict, _, .open(let approval, let until, _)) = head else { return }
        let words = Refusals.holdNotice(approval, until: until, verdict)
        if dialect.isAtBoundary, let notice = dialect.holdNotice(words) {
            toClient.append(notice, gate: 0)
        }
        actions.append(.startTimer(.notice, seconds: Self.noticeSeconds))
    }

    private mutating func stopHolding(withdraw: Bool = false) {
        guard case .held(_, _, _, let approval) = head else { return }
        switch approval {
        case .unasked: return
        case .asked, .open, .deferring:
            actions.append(.stopTimer(.approval))
            actions.append(.stopTimer(.notice))
            if withdraw, case .command(let command, _) = incoming.first {
                actions.append(.withdrawApproval(command.id))
            }
        }
    }

    // MARK: - Forwarding

    /// Passes on what is decided and durable, in order. P1: nothing of a command leaves before its record is safe.
    private mutating func forward() {
        while phase == .open, let item = decided.first, item.gate <= durable {
            guard targetIsWritable else { return }
            switch item {
            case .command(let command, _):
                if case .inFlight = cancel { return }
                guard targetMayTake() else { return }
                dequeue()
                let receivedAt = received.removeValue(forKey: command.id) ?? now
                guard let bytes = dialect.submit(.command(command)) else {
                    settle(command.id, Outcome(kind: .skipped), Exchange(receivedAt: receivedAt))
                    continue
                }
                open[command.id] = Exchange(receivedAt: receivedAt, forwardedAt: now, bytesIn: bytes.readableBytes)
                open[command.id]?.isPreparing = command.weight == .preparing
                if sessionLimits.seconds > 0, open.count == 1 {
                    actions.append(.startTimer(.exchange, seconds: sessionLimits.seconds))
                }
                sendToTarget(bytes)
            case .refusal(let command, let refusal, _):
                if case .inFlight = cancel { return }
                if dialect.targetUse == .perCommand, !open.isEmpty { return }
                dequeue()
                received[command.id] = nil
                switch dialect.refuse(command, refusal) {
                case .reply(let bytes): toClient.append(bytes, gate: 0)
                case .last(let bytes):
                    toClient.append(bytes, gate: 0)
                    return terminate(.clientLeft, nil)
                case .drop: break
                case .substitute(let bytes, let text):
                    var draft = EntryDraft(.commandSubstituted, exchange: command.id.number)
                    draft.content = [ContentItem(.text, text)]
                    decided.prepend(.substitute(bytes, gate: record(draft)))
                    decidedBytes += bytes.readableBytes
                }
            case .substitute(let bytes, _):
                if case .inFlight = cancel { return }
                dequeue()
                sendToTarget(bytes)
            case .question(let bytes, _):
                if case .inFlight = cancel { return }
                dequeue()
                if let bytes = dialect.submit(.question(bytes)) { sendToTarget(bytes) }
            case .carry(let bytes, let id):
                dequeue()
                guard let bytes = dialect.submit(.carry(bytes, of: id)) else { continue }
                if let id { open[id]?.bytesIn += bytes.readableBytes }
                sendToTarget(bytes)
            case .inputChunk(let bytes, let id, _):
                dequeue()
                guard let bytes = dialect.submit(.inputChunk(bytes, of: id)) else { continue }
                open[id]?.bytesIn += bytes.readableBytes
                sendToTarget(bytes)
            case .end:
                // What came before it runs to its end, as without a gateway; the target ends by itself should no answer
                // come.
                guard open.isEmpty else {
                    if dialect.targetUse == .perSession { sayFarewell() }
                    return
                }
                dequeue()
                let next = handedOver
                terminate(.clientLeft, nil)
                handedOver = next
            case .fault(let refusal):
                return terminate(.protocolError, refusal)
            }
        }
    }

    /// Whether the target can be given a command now; dials where there is no connection to it.
    private mutating func targetMayTake() -> Bool {
        guard dialect.targetUse == .perCommand else { return true }
        guard open.isEmpty else { return false }
        guard targetIsGone else { return true }
        if !isDialling {
            isDialling = true
            actions.append(.dial)
        }
        return false
    }

    private mutating func sayFarewell() {
        guard !targetWasBidFarewell else { return }
        targetWasBidFarewell = true
        sendToTarget(dialect.farewell())
    }

    private mutating func cancelTarget() {
        guard case .none = cancel, !targetIsGone, let bytes = dialect.cancelRequest else { return }
        cancel = .inFlight
        actions.append(.cancelTarget(bytes))
    }

    // MARK: - Answers

    private mutating func takeTargetEvents() {
        guard !targetEvents.isEmpty else { return }
        for event in targetEvents { take(event) }
        targetEvents.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ event: TargetEvent) {
        guard phase == .dialling || phase == .open else { return }
        switch event {
        case .reply(let bytes):
            sendToTarget(bytes)
        case .startTLS:
            actions.append(.startTargetTLS)
        case .ready(let greeting):
            guard phase == .dialling else { return poison("the target signed in twice") }
            phase = .open
            actions.append(.stopTimer(.signIn))
            toClient.append(greeting, gate: lastRecord)
        case .chunk(let bytes, let id, let rows):
            let startsMessage = nextChunkStartsMessage
            guard let number = takeChunk(bytes, of: id, rows: rows) else { return }
            toClient.append(
                bytes, gate: durability == .strict ? number : 0, mayWait: id != nil, startsMessage: startsMessage)
        case .pass(let bytes):
            toClient.append(bytes, gate: 0)
        case .outcome(let bytes, let id, let outcome):
            if let number = takeOutcome(outcome, of: id) { toClient.append(bytes, gate: number) }
        case .closing(let bytes, let id, let outcome):
            let startsMessage = nextChunkStartsMessage
            if bytes.readableBytes > 0, takeChunk(bytes, of: id, rows: 0) == nil { return }
            guard let number = takeOutcome(outcome, of: id) else { return }
            toClient.append(bytes, gate: number, startsMessage: startsMessage)
        case .dropTarget:
            targetIsGone = true
            actions.append(.closeTarget)
        case .end:
            terminate(.clientLeft, nil)
        case .unmasked(let id, let shown):
            guard let known = open[id]?.unmasked else { return }
            open[id]?.unmasked += shown.filter { !known.contains($0) }
        case .lookup(let request):
            isLookingUp = true
            actions.append(.lookUp(request))
        case .answered(let answer):
            guard let id = askedAbout else { return poison("an answer that nobody asked for") }
            askedAbout = nil
            if case .asking(let assessment, _, isAsked: true) = head, let (command, receivedAt) = headCommand(id) {
                learn(command, receivedAt, assessment, answer)
            }
        case .cancel:
            cancelTarget()
        case .fatal(let refusal):
            terminate(.protocolError, refusal)
        }
    }

    /// Records a part of an answer; nil when the session ends instead.
    private mutating func takeChunk(_ bytes: ByteBuffer, of id: ExchangeID?, rows: Int) -> RecordNumber? {
        let startsMessage = nextChunkStartsMessage
        nextChunkStartsMessage = true
        if let id, open[id] == nil {
            poison("an answer for exchange \(id.number), which is not open")
            return nil
        }
        let number = recordChunk(bytes, of: id, .answer)
        guard let id else { return number }
        open[id]?.bytesOut += bytes.readableBytes
        open[id]?.rows += rows
        if sessionLimits.rows > 0, let total = open[id]?.rows, total > sessionLimits.rows {
            terminate(.limit, Refusals.tooManyRows(sessionLimits.rows), inWords: startsMessage)
            return nil
        }
        return number
    }

    /// Records the end of an exchange; nil when the session ends instead.
    private mutating func takeOutcome(_ outcome: Outcome, of id: ExchangeID) -> RecordNumber? {
        guard let exchange = open.removeValue(forKey: id) else {
            poison("an outcome for exchange \(id.number), which is not open")
            return nil
        }
        let number = settle(id, outcome, exchange)
        isOverdue = false
        if sessionLimits.seconds > 0 {
            actions.append(
                open.isEmpty ? .stopTimer(.exchange) : .startTimer(.exchange, seconds: sessionLimits.seconds))
        }
        return number
    }

    /// Writes the entry that ends an exchange; its number gates the closing bytes (P2).
    @discardableResult
    private mutating func settle(_ id: ExchangeID, _ outcome: Outcome, _ exchange: Exchange) -> RecordNumber {
        var draft = EntryDraft(.commandOutcome, exchange: id.number)
        draft.outcome = outcome
        draft.bytesIn = exchange.bytesIn
        draft.bytesOut = exchange.bytesOut
        draft.rows = outcome.rows ?? exchange.rows
        if !exchange.unmasked.isEmpty {
            let (columns, approvals) = (exchange.unmasked.map(\.column), exchange.unmasked.map(\.approval))
            draft.details["unmasked"] = Self.list(columns)
            draft.details["unmasked_by"] = Self.list(approvals)
        }
        draft.durationMicros = Self.microseconds(from: exchange.receivedAt, to: now)
        draft.measures = [Measure("wait_us", Self.microseconds(from: exchange.receivedAt, to: exchange.forwardedAt))]
        return record(draft)
    }

    /// Each once, in order.
    private static func list<Item: Hashable & Comparable & CustomStringConvertible>(_ items: [Item]) -> String {
        Set(items).sorted().map(\.description).joined(separator: ",")
    }

    private static func microseconds(from start: UInt64, to end: UInt64) -> Int {
        end > start ? Int(clamping: (end - start) / 1000) : 0
    }

    /// `assessment` is set when no entry holds the command yet.
    private mutating func recordCancelled(_ command: Command, _ assessment: Assessment? = nil) -> RecordNumber {
        var draft = EntryDraft(.commandOutcome, exchange: command.id.number)
        if let assessment {
            draft.classes = assessment.classes
            draft.verb = assessment.verb
            draft.objects = assessment.objects
            draft.content = assessment.content
        }
        draft.outcome = Outcome(kind: .cancelled, code: Refusals.cancelled.code)
        return record(draft)
    }

    // MARK: - Records

    private mutating func record(_ draft: EntryDraft) -> RecordNumber {
        lastRecord += 1
        actions.append(.record(lastRecord, draft))
        return lastRecord
    }

    private mutating func recordChunk(_ bytes: ByteBuffer, of id: ExchangeID?, _ direction: ChunkDirection)
        -> RecordNumber
    {
        let exchange = id.flatMap { open[$0] }
        let retained =
            switch direction {
            case .answer: exchange.map { $0.bytesOut < sessionLimits.responseBytes } ?? true
            // Input is not masked, so where masks exist the record keeps its digest and count only (P4).
            case .input: keepsInput && (exchange.map { $0.bytesIn < sessionLimits.responseBytes } ?? true)
            }
        lastRecord += 1
        actions.append(.recordChunk(lastRecord, of: id, direction, bytes, isRetained: retained))
        unsynced.append((lastRecord, bytes.readableBytes))
        unsyncedBytes += bytes.readableBytes
        return lastRecord
    }

    private func entry(_ type: EntryType, _ command: Command, _ assessment: Assessment, _ verdict: Verdict)
        -> EntryDraft
    {
        var draft = EntryDraft(type, exchange: command.id.number)
        if let continued = command.continues { draft.details["continues"] = String(continued.number) }
        draft.classes = assessment.classes
        draft.verb = assessment.verb
        draft.objects = assessment.objects
        draft.verdict = verdict.kind
        draft.rules = verdict.rules
        draft.decidedBy = verdict.decidedBy
        draft.observed = verdict.observed
        draft.would = verdict.would
        draft.policy = verdict.policy
        if let rows = assessment.subject.estimate?.rows { draft.measures.append(Measure("rows_estimate", rows)) }
        switch type {
        case .commandGranted, .commandDenied, .commandExpired, .commandDeferred: break
        default: draft.content = assessment.content
        }
        return draft
    }

    // MARK: - Ending

    private static var drainSeconds: Int { 5 }
    /// How long a target may take to end what was cancelled for its time.
    private static var overdueSeconds: Int { 5 }
    private static var verdictSeconds: Int { 10 }
    private static var noticeSeconds: Int { 30 }
    /// How long a decision that was made may take from the desk to its session.
    private static var decisionSeconds: Int { 5 }

    /// Ends the session for good: withdraws what waits, cancels what runs, records how everything ended.
    /// `inWords` is false where the client has got half a message.
    private mutating func terminate(_ reason: SessionEnd, _ refusal: Refusal?, inWords: Bool = true) {
        handedOver = nil
        switch phase {
        case .draining, .sealing, .closed: return
        case .connecting, .signingIn:
            if let refusal { toClient.append(dialect.refuseSignIn(refusal), gate: 0) }
            return close(reason)
        case .dialling, .open: break
        }
        if !open.isEmpty || questionRuns { cancelTarget() }
        for (id, exchange) in open.all {
            settle(id, Outcome(kind: .interrupted, code: refusal?.code), exchange)
        }
        open.removeAll()
        for case .command(let command, _) in decided { _ = recordCancelled(command) }
        _ = cancelHead()
        if let refusal, inWords { toClient.append(dialect.abort(refusal), gate: 0) }
        if case .none = cancel { sayFarewell() }
        if recordsSession {
            var draft = EntryDraft(.sessionClose)
            draft.reasonCode = reason.rawValue
            _ = record(draft)
        }
        close(reason)
    }

    private mutating func close(_ reason: SessionEnd) {
        guard phase != .closed else { return }
        end = end ?? reason
        decided.removeAll()
        decidedBytes = 0
        received.removeAll()
        dropIncoming()
        phase = .draining
        actions.append(.startTimer(.drain, seconds: Self.drainSeconds))
    }

    private mutating func shut() {
        phase = .closed
        for timer in [SessionTimer.signIn, .verdict, .approval, .notice, .exchange, .drain] {
            actions.append(.stopTimer(timer))
        }
        actions.append(.closeTarget)
        if let handedOver, !clientIsGone {
            actions.append(.handOver(handedOver))
        } else {
            actions.append(.closeClient)
        }
    }

    private mutating func poison(_ text: String) {
        actions.append(.poisoned(text))
        terminate(.fault, Refusal(code: "XX000", message: "The gateway met an internal fault and ended this session."))
    }

    // MARK: - After every input

    private mutating func finish() -> [SessionAction] {
        repeat {
            judgeHead()
            forward()
        } while askTarget()
        if clientIsGone { toClient.discard() }
        releaseToClient()
        if phase == .draining || phase == .sealing, toClient.isEmpty {
            if case .none = cancel { shut() }
        }
        updateReading()
        defer { actions = [] }
        return actions
    }

    private mutating func releaseToClient() {
        toClient.release(through: durable) { actions.append(.sendToClient($0)) }
    }

    private mutating func sendToClient(_ bytes: ByteBuffer) {
        releaseToClient()
        actions.append(.sendToClient(bytes))
    }

    private mutating func sendToTarget(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, !targetIsGone else { return }
        actions.append(.sendToTarget(bytes))
    }

    /// A slow disk or a slow client stops reading the target; a slow target, a waiting head or a full pipeline the
    /// client.
    private mutating func updateReading() {
        let clientMayTalk: Bool =
            switch phase {
            case .connecting: true
            case .open:
                incomingBytes + decidedBytes < limits.pipelineBytes && incoming.count < limits.pipelineItems
                    && targetIsWritable
                    && unsyncedBytes < sessionLimits.unsyncedBytes && decided.count < limits.pipelineItems
            case .signingIn, .dialling, .draining, .sealing, .closed: false
            }
        let targetMayTalk: Bool =
            switch phase {
            case .dialling: true
            case .open:
                clientIsWritable && !isLookingUp && unsyncedBytes < sessionLimits.unsyncedBytes
                    && toClient.byteCount < Self.clientQueueBytes
            case .connecting, .signingIn, .draining, .sealing, .closed: false
            }
        if clientMayTalk != readsClient {
            readsClient = clientMayTalk
            actions.append(.readClient(clientMayTalk))
        }
        if targetMayTalk != readsTarget {
            readsTarget = targetMayTalk
            actions.append(.readTarget(targetMayTalk))
        }
    }

    private static var clientQueueBytes: Int { 1 << 20 }
}
