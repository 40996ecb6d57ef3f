import AccessPolicy
import AuditLedger
import AuditStore
import DequeModule
import GatewayConfiguration
import GatewayCore
import Identity
import Logging
import NIOCore
import NIOSSL
import PostgresDialect
import SQLAnalysis
import SessionKernel

/// The thin shell around one session's machine: runs its actions on sockets, ledger, timers and services.
///
/// Both of a session's channels live on one event loop and the shell is confined to it (not Sendable). Inputs may
/// arrive
/// while actions run (a write that fails closes its channel at once); their actions queue up behind, so order is kept.
/// What one read brought is written with one flush and handed to the ledger in one go: see `settle`.
final class SessionShell: LedgerWaiter {
    let eventLoop: any EventLoop
    let services: GatewayServices
    let listener: ListenerTerms
    private let loopLedger: LoopLedger
    private(set) var machine: SessionMachine

    private var client: Outbox
    private var target = Outbox()

    private var pending: Deque<SessionAction> = []
    private var isRunning = false
    private var isReading = false
    private var timers: [SessionTimer: Scheduled<Void>] = [:]

    /// The session's place in the ledger, once it is signed in.
    private var recorder: SessionRecorder?
    private var positions: Deque<(number: RecordNumber, position: LogPosition)> = []
    /// The last so many of them are kept back by the recorder and have no place in the log yet.
    private var unplaced = 0
    private var durability = Durability.command
    private var ledgerIsBroken = false
    private var changesSchema = false
    private var waitsForSync = false
    /// This connection asked to cancel another's command; done when that session has heard of it.
    private var cancelDelivery: EventLoopFuture<Void>?
    var isListed = false

    private var admitted: AdmittedSession?
    private var history = SessionHistory()
    private var approvals: [ExchangeID: RecordID] = [:]
    /// Counts the questions: what comes of an earlier one, for the same exchange even, is not meant any more.
    private var question: UInt64 = 0
    private var isClosed = false
    private var lifeWatch: Scheduled<Void>?
    private var lastActivity = Timestamp.wall()
    /// Coarse on purpose: a session ends within this many seconds of its time.
    private static var lifeWatchSeconds: Int64 { 2 }
    /// How long what a catalogue told may be used, in nanoseconds.
    private static var schemaFreshness: UInt64 { 60_000_000_000 }
    /// The clock difference that a token's times are granted at sign-in counts for the session as well.
    private static var tokenLeeway: Int64 { 60 }

    init(
        dialect: any Dialect, client: any Channel, services: GatewayServices, listener: ListenerTerms,
        loopLedger: LoopLedger,
        limits: SessionLimits
    ) {
        self.eventLoop = client.eventLoop
        self.services = services
        self.listener = listener
        self.loopLedger = loopLedger
        self.client = Outbox(client)
        self.machine = SessionMachine(dialect: dialect, limits: limits)
    }

    var id: RecordID? { admitted?.context.session }

    // MARK: - Inputs

    /// Feeds one input to the machine and runs what it asks for.
    func input(_ body: (inout SessionMachine) -> [SessionAction]) {
        eventLoop.assertInEventLoop()
        machine.now = NIODeadline.now().uptimeNanoseconds
        pending.append(contentsOf: body(&machine))
        guard !isRunning else { return }
        isRunning = true
        while let action = pending.popFirst() { run(action) }
        isRunning = false
        if !isReading { settle() }
    }

    /// Between the first and the last read of one wake-up nothing is flushed.
    func readBegan() {
        isReading = true
    }

    func readEnded() {
        isReading = false
        settle()
    }

    /// Gives the ledger what was appended, passes on what became safe meanwhile, and flushes once.
    private func settle() {
        if waitsForSync {
            waitsForSync = false
            do throws(GatewayError) {
                if unplaced > 0, let position = try recorder?.flush() { place(position) }
            } catch {
                return ledgerBroke()
            }
            if isRelaxed { loopLedger.requestWrite() } else { loopLedger.requestSync() }
            // What is only counted (past `responses_max`) makes no record, so no sync will tell of it.
            let progress = services.store.progress
            if let first = positions.first, first.position <= progress.synced { return ledgerAdvanced(progress) }
        }
        flushTarget()
        flushClient()
    }

    private func flushTarget() {
        if let (channel, bytes) = target.takeFlush() { channel.writeAndFlush(bytes, promise: nil) }
    }

    private func flushClient() {
        if let (channel, bytes) = client.takeFlush() { channel.writeAndFlush(bytes, promise: nil) }
    }

    /// The ledger's marks have moved; called on the event loop, once per batch.
    func ledgerAdvanced(_ progress: LogProgress) {
        if progress.failure != nil { return ledgerBroke() }
        let mark = isRelaxed ? progress.written : progress.synced
        var safe: RecordNumber = 0
        while let first = positions.first, first.position <= mark {
            safe = first.number
            positions.removeFirst()
        }
        if safe > 0 {
            input { $0.durable(through: safe) }
        } else {
            settle()
        }
    }

    private var isRelaxed: Bool { durability == .relaxed }

    var waitsForLedger: Bool { !positions.isEmpty }

    private func ledgerBroke() {
        guard !ledgerIsBroken else { return }
        ledgerIsBroken = true
        positions.removeAll()
        unplaced = 0
        input { $0.ledgerFailed() }
    }

    // MARK: - Actions

    private func run(_ action: SessionAction) {
        switch action {
        case .sendToClient(let bytes): client.write(bytes)
        case .sendToTarget(let bytes): target.write(bytes)
        case .startClientTLS: startClientTLS()
        case .startTargetTLS: startTargetTLS()
        case .verify(let proof): verify(proof)
        case .dial: dial()
        case .record(let number, let draft): record(number, draft)
        case .recordChunk(let number, let id, let direction, let bytes, let isRetained):
            recordChunk(number, id, direction, bytes, isRetained)
        case .analyse(let id, let text):
            let (loop, shell) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop))
            services.analyzer.analyze(text) { analysis in
                loop.execute { shell.value.input { $0.analysed(id, analysis) } }
            }
        case .judge(let id, _):
            // Every verdict of this release is known at once; a judge that says otherwise has failed.
            input { $0.judged(id, nil) }
        case .requestApproval(let id, let question): requestApproval(id, question)
        case .withdrawApproval(let id):
            question &+= 1
            if let approval = approvals.removeValue(forKey: id) { services.approvals.leave(approval) }
        case .deferApproval(let id): deferApproval(id)
        case .lookUp(let request): lookUp(request)
        case .cancelTarget(let bytes): cancelTarget(bytes)
        case .cancelOther(let key): cancelDelivery = services.sessions.cancel(key)?.hop(to: eventLoop)
        case .readClient(let reads): setReading(client.channel, reads)
        case .readTarget(let reads): setReading(target.channel, reads)
        case .startTimer(let timer, let seconds): start(timer, seconds)
        case .stopTimer(let timer): timers.removeValue(forKey: timer)?.cancel()
        // Each channel is taken out before it is closed: closing may call back at once.
        case .closeTarget:
            flushTarget()
            close(target.take())
        case .closeClient:
            flushClient()
            closeClient()
            finish()
        case .poisoned(let text):
            services.logger.error(
                "a session met an impossible input",
                metadata: ["what": .string(text), "session": .string(id?.description ?? "-")])
            services.metrics.faults.add()
        }
    }

    /// A client takes the end of its cancel request for word that what was to be hit was hit, and sends its next command.
    private func closeClient() {
        let channel = client.take()
        guard let cancelDelivery else { return close(channel) }
        cancelDelivery.assumeIsolated().whenComplete { _ in self.close(channel) }
    }

    /// Closes once what was written is flushed.
    private func close(_ channel: (any Channel)?) {
        guard let open = channel else { return }
        // A peer that never reads must not keep the channel for ever.
        let overdue = eventLoop.scheduleTask(in: .seconds(5)) { open.close(promise: nil) }
        open.writeAndFlush(ByteBuffer()).whenComplete { _ in
            overdue.cancel()
            open.close(promise: nil)
        }
    }

    private func setReading(_ channel: (any Channel)?, _ reads: Bool) {
        try? channel?.syncOptions?.setOption(.autoRead, value: reads)
        if reads { channel?.read() }
    }

    private func start(_ timer: SessionTimer, _ seconds: Int) {
        timers.removeValue(forKey: timer)?.cancel()
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        timers[timer] = eventLoop.scheduleTask(in: .seconds(Int64(seconds))) {
            shell.value.timers[timer] = nil
            shell.value.input { $0.timerFired(timer) }
        }
    }

    // MARK: - Records

    private func record(_ number: RecordNumber, _ draft: EntryDraft) {
        if draft.type == .commandOutcome { services.metrics.exchanges.add() }
        services.metrics.count(draft)
        history.note(draft, at: Timestamp.wall())
        noteSchemaChange(draft)
        append(number) { recorder throws(GatewayError) in try recorder.append(draft) }
    }

    /// What catalogues know is void when a session changes the schema: at the command, and at every outcome until its
    /// transaction is over, since others may have looked meanwhile.
    private func noteSchemaChange(_ draft: EntryDraft) {
        if draft.classes.contains("ddl") || draft.classes.contains("unknown") || draft.classes.contains("procedure") {
            changesSchema = true
        }
        guard changesSchema, let admitted else { return }
        admitted.terms.schema.bump()
        if draft.type == .commandOutcome, !machine.dialect.isInTransaction { changesSchema = false }
    }

    private func recordChunk(
        _ number: RecordNumber, _ id: ExchangeID?, _ direction: SessionKernel.ChunkDirection, _ bytes: ByteBuffer,
        _ isRetained: Bool
    ) {
        append(number) { recorder throws(GatewayError) in
            let result = bytes.withUnsafeReadableBytes { raw in
                Result<LogPosition?, GatewayError> { () throws(GatewayError) in
                    try recorder.appendChunk(
                        exchange: id?.number ?? 0, direction: direction == .answer ? .answer : .input, raw,
                        retained: isRetained)
                }
            }
            return try result.get()
        }
    }

    private func append(_ number: RecordNumber, _ body: (SessionRecorder) throws(GatewayError) -> LogPosition?) {
        guard let recorder, !ledgerIsBroken else { return }
        do throws(GatewayError) {
            let position = try body(recorder)
            if let position { place(position) } else { unplaced += 1 }
            positions.append((number, position ?? .unknown))
            waitsForSync = true
            loopLedger.add(self)
        } catch {
            // Not inside the machine's turn: actions queue up behind.
            ledgerBroke()
        }
    }

    /// What the recorder kept back went into the log before `position`.
    private func place(_ position: LogPosition) {
        for index in positions.indices.suffix(unplaced) { positions[index].position = position }
        unplaced = 0
    }

    // MARK: - Sign-in

    private func verify(_ proof: SignInProof) {
        let address = client.channel?.remoteAddress.map(Self.text) ?? "unknown"
        let (loop, shell, services) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop), self.services)
        let kind = listener.kind
        Task {
            let result = await services.signIn.admit(proof, kind: kind, clientAddress: address)
            loop.execute { shell.value.verified(result) }
        }
    }

    private static func text(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "unknown" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private func verified(_ result: Result<AdmittedSession, SignInRefused>) {
        guard !isClosed else { return }
        switch result {
        case .failure(let refused):
            services.metrics.signInsRefused.add()
            input { $0.signInRefused(refused.refusal) }
        case .success(let session):
            do throws(GatewayError) {
                recorder = try services.store.makeRecorder(session.context)
            } catch {
                services.logger.error(
                    "a session could not be opened in the ledger", metadata: ["why": .string(error.message)])
                return input { $0.signInRefused(SignInRefused.notRecording.refusal) }
            }
            admitted = session
            durability = session.terms.durability
            services.sessions.add(SessionHandle(self), session)
            var opening = EntryDraft(.sessionOpen)
            opening.approval = session.access
            watchLife()
            input { $0.signInGranted(session.terms, judge: session.judge, opening: opening) }
        }
    }

    // MARK: - The target

    private func dial() {
        guard let admitted else { return }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        TargetDialer.connect(admitted.connection, on: eventLoop) { channel in
            channel.pipeline.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(TargetHandler(shell: shell.value))
            }
        }.whenComplete { result in
            shell.value.dialled(result)
        }
    }

    private func dialled(_ result: Result<any Channel, any Error>) {
        guard !isClosed, let admitted else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .failure(let error):
            services.logger.warning(
                "a target cannot be reached",
                metadata: ["connection": .string(admitted.connection.name), "why": .string(String(describing: error))])
            input {
                $0.targetUnreachable(
                    Refusal(
                        code: "08001", message: "The target of this connection cannot be reached.",
                        hint: "Try again, or ask its owners."))
            }
        case .success(let channel):
            target = Outbox(channel)
            do throws(GatewayError) {
                let credential = try admitted.credential()
                input { $0.targetConnected(credential) }
            } catch {
                services.logger.error(
                    "a credential cannot be resolved",
                    metadata: ["connection": .string(admitted.connection.name), "why": .string(error.message)])
                input {
                    $0.targetUnreachable(
                        Refusal(
                            code: "08001", message: "The gateway has no credential for this target.",
                            hint: "Its operator finds the reason in the gateway's log."))
                }
            }
        }
    }

    func targetClosed() {
        target = Outbox()
        input { $0.targetClosed() }
    }

    private func startClientTLS() {
        flushClient()
        guard let client = client.channel, let context = listener.tls else { return }
        do {
            try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context), position: .first)
            // The TLS handler keeps this read's end to itself when it brought nothing to decrypt.
            isReading = false
        } catch {
            input { $0.clientClosed() }
        }
    }

    private func startTargetTLS() {
        flushTarget()
        guard let target = target.channel, let admitted else { return }
        do {
            let handler = try TargetTLSContext.handler(for: admitted.connection)
            try target.pipeline.syncOperations.addHandler(handler, position: .first)
            isReading = false
        } catch {
            services.logger.error(
                "TLS to the target cannot be set up",
                metadata: ["connection": .string(admitted.connection.name), "why": .string(String(describing: error))])
            input {
                $0.targetUnreachable(Refusal(code: "08001", message: "TLS to the target of this connection failed."))
            }
        }
    }

    func targetTLSEstablished() {
        guard let target = target.channel else { return }
        let certificate = try? target.pipeline.syncOperations.nioSSL_peerCertificate()
        let binding = certificate.flatMap { TLSEndpointBinding.hash(of: $0) }
        input { $0.targetTLSEstablished(channelBinding: binding) }
    }

    private func cancelTarget(_ bytes: ByteBuffer) {
        guard let admitted else { return input { $0.cancelFinished() } }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        TargetDialer.cancel(bytes, admitted.connection, on: eventLoop).whenComplete { _ in
            shell.value.input { $0.cancelFinished() }
        }
    }

    private func lookUp(_ request: LookupRequest) {
        guard let admitted else { return input { $0.lookedUp(LookupAnswer(columns: nil)) } }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        services.catalogues.answer(request, for: admitted, on: eventLoop).whenComplete { result in
            let answer = (try? result.get()) ?? LookupAnswer(columns: nil)
            shell.value.input { $0.lookedUp(answer) }
        }
    }

    // MARK: - Approvals

    private func requestApproval(_ id: ExchangeID, _ question: ApprovalQuestion) {
        self.question &+= 1
        let asked = self.question
        guard case .same = question.terms.scope, question.standalone != nil, question.subject.isSameForOtherValues
        else { return openApproval(id, question, asked, fingerprint: nil) }
        let (loop, shell, analyzer) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop), services.analyzer)
        let bound = NIOLoopBound(question, eventLoop: eventLoop)
        analyzer.analyze(question.subject.text) { analysis in
            analyzer.fingerprint(analysis) { fingerprint in
                loop.execute {
                    guard shell.value.question == asked else { return }
                    shell.value.openApproval(id, bound.value, asked, fingerprint: fingerprint)
                }
            }
        }
    }

    /// - Parameter asked: the question's number, by which what comes late is known.
    private func openApproval(
        _ id: ExchangeID, _ question: ApprovalQuestion, _ asked: UInt64, fingerprint: String?
    ) {
        guard let admitted, !isClosed else { return input { $0.approvalDecided(id, .failed("there is no session")) } }
        let (loop, shell) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop))
        services.approvals.open(
            question, exchange: id, of: admitted, fingerprint: fingerprint, history: history.before(id)
        ) { take in
            loop.execute {
                guard shell.value.question == asked else { return }
                shell.value.approvals[id] = nil
                let decision = take()
                shell.value.input { $0.approvalDecided(id, decision) }
            }
        } opened: { approval in
            loop.execute {
                guard !shell.value.isClosed, shell.value.question == asked else {
                    return shell.value.services.approvals.leave(approval.id)
                }
                shell.value.approvals[id] = approval.id
                shell.value.input { $0.approvalOpened(id, approval.id, until: approval.expires) }
                shell.value.askForLocks(approval.id)
            }
        }
    }

    /// For who decides: what the session's transaction holds while it waits. Nothing waits for the answer.
    private func askForLocks(_ approval: RecordID) {
        guard let admitted, let process = machine.dialect.targetProcess else { return }
        let desk = services.approvals
        desk.note(.asking, of: approval)
        services.catalogues.locks(of: process, for: admitted, on: eventLoop).whenSuccess { desk.note($0, of: approval) }
    }

    /// The desk knows whether a decision came first; one that did is on its way here.
    private func deferApproval(_ id: ExchangeID) {
        let isDeferred = approvals[id].map { services.approvals.deferCommand($0) } ?? false
        if isDeferred {
            approvals[id] = nil
            question &+= 1
        }
        input { $0.approvalDeferred(id, isDeferred) }
    }

    // MARK: - Session life

    /// Looks at the clock: ends what is over, refuses what is new once the proof of identity ran out (DESIGN section
    /// 8).
    private func watchLife() {
        guard !isClosed, let admitted else { return }
        let now = Timestamp.wall()
        admitted.terms.schema.expire(at: NIODeadline.now().uptimeNanoseconds, every: Self.schemaFreshness)
        guard admitted.accessLasts?() ?? true else {
            let refusal = Refusal(
                code: "57P05", message: "The access to this connection that was agreed to has ended.",
                hint: "Connect again to ask for it.")
            return input { $0.abort(.expired, refusal) }
        }
        let isBusy = !machine.isIdle
        if isBusy { lastActivity = now }
        switch admitted.life.state(
            at: now, start: admitted.since, lastActivity: lastActivity, isBusy: isBusy,
            tokenExpires: admitted.identity.expires.advanced(bySeconds: Self.tokenLeeway))
        {
        case .open: break
        case .draining(_, let until):
            let refusal = Refusal(
                code: "28000",
                message: "The token of this session has expired; only open work may end, until \(until).",
                hint: "Connect again with a new token.")
            input { $0.refuseNewCommands(refusal) }
            if machine.isIdle { return input { $0.abort(.expired, refusal) } }
        case .ended(let reason):
            let words =
                switch reason {
                case .idle: "This session was idle for too long."
                case .max: "This session has reached its longest time."
                case .tokenExpired: "The token of this session has expired."
                }
            return input { $0.abort(.expired, Refusal(code: "57P05", message: words, hint: "Connect again.")) }
        }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        lifeWatch = eventLoop.scheduleTask(in: .seconds(Self.lifeWatchSeconds)) { shell.value.watchLife() }
    }

    // MARK: - The end

    private func finish() {
        guard !isClosed else { return }
        isClosed = true
        lifeWatch?.cancel()
        for timer in timers.values { timer.cancel() }
        timers.removeAll()
        for approval in approvals.values { services.approvals.leave(approval) }
        approvals.removeAll()
        if let admitted { services.sessions.remove(admitted.context.session) }
        if let recorder {
            _ = try? recorder.flush()
            services.store.requestSync()
            self.recorder = nil
        }
    }
}
