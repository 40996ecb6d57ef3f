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
    var seat: LedgerSeat?
    private var shared: SharedSession?
    /// Called with the bytes that the next session on the client's channel begins with; false when there is none.
    var onHandOver: ((ByteBuffer) -> Bool)?
    /// Counts connections to the target: what comes of an earlier one is not meant any more.
    private var targetNumber: UInt64 = 0
    /// The target is connected, and its TLS handshake is under way.
    private(set) var handshake: Scheduled<Void>?
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

    var admitted: AdmittedSession?
    var history = SessionHistory()
    var approvals: [ExchangeID: RecordID] = [:]
    /// Counts the verdicts asked for outside: an answer to an earlier question is not meant any more.
    var judgement: UInt64 = 0
    /// Counts the questions: what comes of an earlier one, for the same exchange even, is not meant any more.
    var question: UInt64 = 0
    var isClosed = false
    var pace = PaceWatch()
    var clientChannel: (any Channel)? { client.channel }
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
                if unplaced > 0, let position = try seat?.flush() { place(position) }
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
        case .judge(let id, let question): judgeLate(id, question)
        case .requestApproval(let id, let question): requestApproval(id, question)
        case .withdrawApproval(let id):
            question &+= 1
            if let approval = approvals.removeValue(forKey: id) { services.approvals.leave(approval) }
        case .deferApproval(let id): deferApproval(id)
        case .lookUp(let request): lookUp(request)
        case .cancelTarget(let bytes): cancelTarget(bytes)
        case .cancelOther(let key): cancelDelivery = services.sessions.cancel(key)?.hop(to: eventLoop)
        case .readClient(let reads):
            pace.isReading = reads
            setReading(client.channel, reads)
        case .readTarget(let reads): setReading(target.channel, reads)
        case .startTimer(let timer, let seconds): start(timer, seconds)
        case .stopTimer(let timer): timers.removeValue(forKey: timer)?.cancel()
        // Each channel is taken out before it is closed: closing may call back at once.
        case .closeTarget:
            flushTarget()
            targetNumber &+= 1
            close(target.take())
        case .handOver(let bytes):
            flushClient()
            finish()
            let channel = client.take()
            // The next session takes it for granted that its client is read.
            setReading(channel, true)
            if !(onHandOver?(bytes) ?? false) { close(channel) }
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

    /// Closes at once, whatever was written and not taken.
    func dropClient() {
        client.take()?.close(promise: nil)
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
        append(number) { seat throws(GatewayError) in try seat.append(draft) }
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
        append(number) { seat throws(GatewayError) in
            let result = bytes.withUnsafeReadableBytes { raw in
                Result<LogPosition?, GatewayError> { () throws(GatewayError) in
                    try seat.appendChunk(
                        exchange: id?.number ?? 0, direction: direction == .answer ? .answer : .input, raw,
                        retained: isRetained)
                }
            }
            return try result.get()
        }
    }

    private func append(_ number: RecordNumber, _ body: (LedgerSeat) throws(GatewayError) -> LogPosition?) {
        guard let seat, !ledgerIsBroken else { return }
        do throws(GatewayError) {
            let position = try body(seat)
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
        let address = client.channel?.remoteAddress.map(ClientAddress.text) ?? "unknown"
        let (loop, shell, services) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop), self.services)
        let kind = listener.kind
        if let known = listener.sharing?.known(proof, host: ClientAddress.host(of: address)) {
            return verified(.success(known), proof, address)
        }
        Task {
            let result = await services.signIn.admit(proof, kind: kind, clientAddress: address)
            loop.execute { shell.value.verified(result, proof, address) }
        }
    }

    private func verified(_ result: Result<AdmittedSession, SignInRefused>, _ proof: SignInProof, _ address: String) {
        guard !isClosed else { return }
        switch result {
        case .failure(let refused):
            services.metrics.signInsRefused.add()
            input { $0.signInRefused(refused.refusal) }
        case .success(var session):
            do throws(GatewayError) {
                if let book = listener.sharing {
                    let joined = try book.join(self, session, proof, host: ClientAddress.host(of: address))
                    shared = joined
                    seat = LedgerSeat(joined)
                    session.context = joined.admitted.context
                    session.terms.context = joined.admitted.context
                    session.since = joined.admitted.since
                } else {
                    seat = LedgerSeat(try services.store.makeRecorder(session.context))
                }
            } catch {
                services.logger.error(
                    "a session could not be opened in the ledger", metadata: ["why": .string(error.message)])
                return input { $0.signInRefused(SignInRefused.notRecording.refusal) }
            }
            admitted = session
            durability = session.terms.durability
            watchLife()
            guard shared == nil else {
                return input { $0.signInGranted(session.terms, judge: session.judge, opening: nil) }
            }
            services.sessions.add(SessionHandle(self), session)
            var opening = EntryDraft(.sessionOpen)
            opening.approval = session.access
            input { $0.signInGranted(session.terms, judge: session.judge, opening: opening) }
        }
    }

    // MARK: - The target

    private func dial() {
        guard let admitted else { return }
        let shell = NIOLoopBound(self, eventLoop: eventLoop)
        targetNumber &+= 1
        let (connection, number) = (admitted.connection, targetNumber)
        let addHandler: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(TargetHandler(shell: shell.value, number: number))
            }
        }
        let dialled =
            if connection.target.speaksHTTP2, let shared {
                shared.target.stream(to: connection, initialize: addHandler)
            } else {
                TargetDialer.connect(connection, on: eventLoop) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard connection.beginsWithTLS else { return }
                        try channel.pipeline.syncOperations.addHandler(try TargetTLSContext.handler(for: connection))
                    }.flatMap { addHandler(channel) }
                }
            }
        dialled.whenComplete { result in shell.value.dialled(result, number) }
    }

    func isTarget(_ number: UInt64) -> Bool { number == targetNumber }

    private func dialled(_ result: Result<any Channel, any Error>, _ number: UInt64) {
        guard !isClosed, isTarget(number), let admitted else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .failure(let error):
            if let problem = TargetTLSContext.problem(of: admitted.connection) { return noCredential(problem) }
            services.logger.warning(
                "a target cannot be reached",
                metadata: ["connection": .string(admitted.connection.name), "why": .string(String(describing: error))])
            input {
                $0.targetUnreachable(TargetRefusals.unreachable)
            }
        case .success(let channel):
            target = Outbox(channel)
            // A stream of HTTP/2 is there only after its connection's handshake.
            if admitted.connection.beginsWithTLS, !admitted.connection.target.speaksHTTP2 {
                awaitHandshake(channel)
            } else {
                targetIsThere()
            }
        }
    }

    /// Nothing is sent before the target has proved who it is.
    private func awaitHandshake(_ channel: any Channel) {
        handshake = eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
    }

    private func targetIsThere() {
        guard let admitted else { return }
        do throws(GatewayError) {
            let credential = try admitted.credential()
            input { $0.targetConnected(credential) }
        } catch {
            noCredential(error)
        }
    }

    private func noCredential(_ error: GatewayError) {
        services.logger.error(
            "a credential cannot be resolved",
            metadata: ["connection": .string(admitted?.connection.name ?? "-"), "why": .string(error.message)])
        close(target.take())
        input {
            $0.targetUnreachable(TargetRefusals.noCredential)
        }
    }

    func targetClosed() {
        target = Outbox()
        if handshake != nil {
            endHandshake()
            targetFailed("the target closed the connection")
            return input {
                $0.targetUnreachable(TargetRefusals.noTLS)
            }
        }
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
        } catch let error as GatewayError {
            noCredential(error)
        } catch {
            services.logger.error(
                "TLS to the target cannot be set up",
                metadata: ["connection": .string(admitted.connection.name), "why": .string(String(describing: error))])
            input {
                $0.targetUnreachable(TargetRefusals.noTLS)
            }
        }
    }

    private func endHandshake() {
        handshake?.cancel()
        handshake = nil
    }

    func targetTLSEstablished() {
        if handshake != nil {
            endHandshake()
            return targetIsThere()
        }
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
        guard watchPace() else { return }
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
            if machine.isIdle || machine.dialect.isOpenEnded { return input { $0.abort(.expired, refusal) } }
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
        endHandshake()
        if shared == nil, let admitted { services.sessions.remove(admitted.context.session) }
        if let seat {
            _ = try? seat.flush()
            services.store.requestSync()
            self.seat = nil
        }
        shared?.leave(self)
        shared = nil
    }
}
