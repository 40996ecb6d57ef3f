import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// What stands around one machine: channels, ledger, judge, desk and timers as plain values that move when the test
/// says so.
/// Every action is checked against the promises when it is run; what breaks one is kept in `violations`.
struct Harness {
    struct Terms {
        var durability = Durability.command
        var limits = SessionLimits()
    }

    enum Desk: Equatable {
        case requested
        case opened(RecordID)
        case decided
        case withdrawn
        case deferred
    }

    var machine: SessionMachine
    var terms: Terms
    let policy = ToyPolicy()
    var ledger = LedgerModel()
    var target = ToyTarget()
    private(set) var violations: [String] = []
    private(set) var log: [String] = []
    private(set) var actionCount = 0

    // What the machine waits for.
    private(set) var verifies = 0
    private(set) var dials = 0
    private(set) var analyses: [ExchangeID] = []
    private(set) var judgements: [(id: ExchangeID, subject: CommandSubject)] = []
    private(set) var desk: [ExchangeID: Desk] = [:]
    private(set) var opened: Set<ExchangeID> = []
    /// Those whose client's patience is over; the desk has not said yet whether it was decided before.
    private(set) var deferrals: Set<ExchangeID> = []
    private(set) var wasConnected = false
    private(set) var questions: [ExchangeID: ApprovalQuestion] = [:]
    private(set) var lookUps = 0
    private(set) var cancelsInFlight = 0
    private(set) var cancelsSent = 0
    private(set) var cancelledOthers: [[UInt8]] = []
    private(set) var timers: [SessionTimer: Int] = [:]

    // The channels.
    private(set) var toClient: [UInt8] = []
    private(set) var writesToClient = 0
    private(set) var targetLines: [String] = []
    /// What came before sign-in was done, and farewells.
    private(set) var targetOther: [String] = []
    private(set) var readsClient = true
    private(set) var readsTarget = true
    private(set) var clientIsClosed = false
    private(set) var targetIsClosed = false
    private(set) var clientTLSStarts = 0
    private(set) var targetTLSStarts = 0
    private(set) var poisons: [String] = []
    private(set) var isClientWritable = true
    private(set) var clientHasLeft = false
    private(set) var targetHasLeft = true

    /// Every command line the client's bytes have held so far, in order.
    private var sent: [String: Int] = [:]
    private var clientText: [UInt8] = []
    private var lastForwarded = 0
    private var partialLine: [UInt8] = []
    private var dataToClient = 0
    private var lastAnswered = 0
    private var wasEnding = false

    init(_ terms: Terms = Terms(), machineLimits: SessionLimits? = nil) {
        self.terms = terms
        self.machine = SessionMachine(dialect: ToyDialect(), limits: machineLimits ?? terms.limits)
    }

    // MARK: - Inputs

    mutating func input(_ name: String, _ body: (inout SessionMachine) -> [SessionAction]) {
        log.append(name)
        let wasClosed = machine.phase == .closed
        wasEnding = Self.isEnding(machine.phase)
        machine.now += 1000
        for action in body(&machine) {
            actionCount += 1
            run(action, wasClosed: wasClosed)
        }
        checkState()
    }

    private static func isEnding(_ phase: SessionMachine.Phase) -> Bool {
        phase == .draining || phase == .sealing || phase == .closed
    }

    private mutating func violate(_ text: String) {
        violations.append("\(text) (input \(log.count): \(log.last ?? "-"))")
    }

    // MARK: - Actions

    private mutating func run(_ action: SessionAction, wasClosed: Bool) {
        if wasClosed {
            switch action {
            case .closeTarget, .withdrawApproval: break
            default: violate("an action after the session was closed: \(action)")
            }
        }
        var found: [String] = []
        switch action {
        case .sendToClient(let bytes):
            writesToClient += 1
            if clientIsClosed { violate("bytes to a client that was closed") }
            checkToClient(Array(bytes.readableBytesView))
        case .sendToTarget(let bytes):
            if targetIsClosed { violate("bytes to a target that was closed") }
            checkToTarget(String(buffer: bytes))
        case .startClientTLS: clientTLSStarts += 1
        case .startTargetTLS: targetTLSStarts += 1
        case .verify: verifies += 1
        case .dial: dials += 1
        case .record(let number, let draft): ledger.append(number, draft) { found.append($0) }
        case .recordChunk(let number, let id, let direction, let bytes, _):
            ledger.append(number, chunk: bytes, of: id, direction) { found.append($0) }
        case .analyse(let id, _): analyses.append(id)
        case .judge(let id, let question): judgements.append((id, question.subject))
        case .requestApproval(let id, let question):
            if !ledger.isDurable(ledger.held[id.number]) {
                violate("approval of \(id.number) asked for before its entry was durable")
            }
            // Another policy asks anew, once the first question was taken back.
            if let before = desk[id], before != .withdrawn { violate("approval of \(id.number) asked for twice") }
            desk[id] = .requested
            questions[id] = question
        case .withdrawApproval(let id):
            switch desk[id] {
            case .requested?, .opened?: desk[id] = .withdrawn
            case .withdrawn?, .decided?, .deferred?: violate("approval of \(id.number) withdrawn after its end")
            case nil:
                if log.last != "impossible", log.last != "early" {
                    violate("approval of \(id.number) withdrawn, never asked for")
                }
            }
        case .deferApproval(let id):
            if case .opened? = desk[id] {
                deferrals.insert(id)
            } else {
                violate("approval of \(id.number) deferred, which is not open")
            }
        case .lookUp: lookUps += 1
        case .cancelTarget:
            cancelsInFlight += 1
            cancelsSent += 1
            if cancelsInFlight > 1 { violate("two cancels at once") }
        case .cancelOther(let key): cancelledOthers.append(key)
        case .readClient(let reads): readsClient = reads
        case .readTarget(let reads): readsTarget = reads
        case .startTimer(let timer, let seconds): timers[timer] = seconds
        case .stopTimer(let timer): timers[timer] = nil
        case .closeTarget: targetIsClosed = true
        case .closeClient: clientIsClosed = true
        case .handOver: violate("handed over")
        case .poisoned(let text): poisons.append(text)
        }
        for text in found { violate(text) }
    }

    /// P1, P5: whole lines only, each of them as the client sent it, permitted by a durable entry, in order.
    private mutating func checkToTarget(_ line: String) {
        guard line.hasSuffix("\n"), line.firstIndex(of: "\n") == line.index(before: line.endIndex) else {
            return violate("not one whole line to the target: \(line)")
        }
        let bare = String(line.dropLast())
        let text = String(bare.dropFirst(2))
        guard let kind = bare.first, "CEPISQ".contains(kind) else {
            targetOther.append(bare)
            if !targetHasLeft { target.receive(bare) }
            return
        }
        targetLines.append(bare)
        if ledger.hasFailed { violate("\(bare) to the target after the ledger failed") }
        if wasEnding { violate("\(bare) to the target of a session that ends") }
        if kind == "Q" {
            if !ledger.isDurable(ledger.substitutes[text]) {
                violate("a question before its entry was durable: \(bare)")
            }
            if cancelsInFlight > 0 { violate("a question while a cancel is under way") }
            let token = text.split(separator: " ").dropFirst().first.map(String.init) ?? ""
            if let exchange = exchange(of: token),
                ledger.terminal[exchange] != nil || ledger.permission[exchange] != nil
            {
                violate("a question about what is decided: \(bare)")
            }
        } else if text.hasPrefix("!fail") {
            if !ledger.isDurable(ledger.substitutes[text]) {
                violate("a substitute before its entry was durable: \(bare)")
            }
            if cancelsInFlight > 0 { violate("a substitute while a cancel is under way") }
        } else if kind == "S" {
            // A carry needs no record of its own.
        } else if let place = sent[bare] {
            if place <= lastForwarded { violate("\(bare) out of order or twice") }
            lastForwarded = place
            if kind == "I" {
                let record = ledger.inputRecord(line)
                if record == nil { violate("an input chunk that was not recorded: \(bare)") }
                if terms.durability == .strict, !ledger.isDurable(record) {
                    violate("strict: an input chunk before it was durable")
                }
            } else {
                guard let exchange = ledger.exchangeOfText[text], let permission = ledger.permission[exchange] else {
                    return violate("P1: \(bare) reached the target without a record that permits it")
                }
                if permission > ledger.durable {
                    violate("P1: \(bare) reached the target before its record was durable")
                }
                if let held = ledger.held[exchange],
                    ledger.entries.first(where: { $0.number == permission })?.draft.type != .commandGranted
                {
                    violate("held in record \(held) and forwarded without a grant: \(bare)")
                }
                if let end = ledger.terminal[exchange] { violate("\(bare) reached the target after \(end)") }
                if cancelsInFlight > 0 { violate("\(bare) reached the target while a cancel was under way") }
            }
        } else {
            violate("P5: \(bare) reached the target, the client never sent it")
        }
        if !targetHasLeft { target.receive(bare) }
    }

    /// P2, P4: recorded bytes only, in order, and the end of an answer only when its outcome is durable.
    private mutating func checkToClient(_ bytes: [UInt8]) {
        toClient.append(contentsOf: bytes)
        for byte in bytes {
            partialLine.append(byte)
            let kind = partialLine[0]
            if kind == UInt8(ascii: "D") || kind == UInt8(ascii: "N") {
                if dataToClient >= ledger.answers.count || ledger.answers[dataToClient] != byte {
                    violate("P4: the client got answer bytes that are not in the record")
                }
                if byte == UInt8(ascii: "4") { violate("P4: a secret reached the client") }
                dataToClient += 1
            }
            if byte == UInt8(ascii: "\n") {
                checkClientLine(String(decoding: partialLine.dropLast(), as: UTF8.self))
                partialLine.removeAll(keepingCapacity: true)
            }
        }
        if terms.durability == .strict, dataToClient > ledger.durableAnswerCount {
            violate("strict: a chunk reached the client before it was durable")
        }
    }

    private mutating func checkClientLine(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        guard let kind = words.first else { return }
        if ledger.hasFailed, kind != "A" { violate("\(line) reached the client after the ledger failed") }
        switch kind {
        case "O", "F":
            if !ledger.isDurable(ledger.outcomeOfToken[words[1]]) {
                violate("P2: \(line) reached the client before its outcome was durable")
            }
            checkAnswerOrder(words[1])
        case "R":
            if let exchange = exchange(of: words[1]), ledger.terminal[exchange] == nil {
                violate("\(line) without an entry")
            }
            if let exchange = exchange(of: words[1]), !ledger.isDurable(terminalNumber(exchange)) {
                violate("\(line) reached the client before its entry was durable")
            }
            checkAnswerOrder(words[1])
        case "A", "D", "G", "H", "N", "T", "V", "Z": break
        default: violate("a broken line to the client: \(line)")
        }
    }

    private mutating func checkAnswerOrder(_ token: String) {
        guard let exchange = exchange(of: token) else { return violate("an answer for \(token), which nobody sent") }
        if Int(exchange) <= lastAnswered {
            violate("the answer for exchange \(exchange) came after that for \(lastAnswered)")
        }
        lastAnswered = Int(exchange)
    }

    func exchange(of token: String) -> UInt64? {
        ledger.exchangeOfText.first { $0.key.hasSuffix(" " + token) }?.value
    }

    private func terminalNumber(_ exchange: UInt64) -> RecordNumber? {
        ledger.entries.first { $0.draft.exchange == exchange && $0.draft.type == ledger.terminal[exchange] }?.number
    }

    // MARK: - After every input

    private mutating func checkState() {
        if machine.phase == .open {
            if ledger.unsyncedBytes >= terms.limits.unsyncedBytes, readsTarget {
                violate("the target is read past the unsynced budget")
            }
            if !isClientWritable, readsTarget { violate("the target is read while the client is slow") }
            if lookUps > 0, readsTarget { violate("the target is read during a lookup") }
            if ledger.hasFailed { violate("the session is open after the ledger failed") }
        }
        guard machine.phase == .closed else { return }
        if !clientIsClosed || !targetIsClosed { violate("closed, but a channel was not told") }
        if !timers.isEmpty { violate("closed with timers running: \(timers.keys)") }
        for (id, state) in desk where state != .decided && state != .withdrawn && state != .deferred {
            violate("closed with approval \(id.number) \(state)")
        }
        guard !ledger.hasFailed else { return }
        for entry in ledger.entries {
            if let exchange = entry.draft.exchange, ledger.terminal[exchange] == nil {
                violate("exchange \(exchange) never ended")
            }
        }
        if dials > 0, !ledger.isSessionClosed { violate("closed without a closing entry") }
    }
}

// MARK: - What a test does

extension Harness {
    /// Everything up to an open session: sign-in granted, target greeted, greeting released.
    static func open(_ terms: Terms = Terms()) -> Harness {
        var harness = Harness(terms)
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U orders token\n")
        harness.grantSignIn()
        harness.connectTarget()
        harness.deliverTarget()
        harness.durable()
        harness.toClient.removeAll()
        harness.writesToClient = 0
        return harness
    }

    mutating func grantSignIn() {
        let context = SessionContext(
            session: RecordID(high: 1, low: 1), principal: nil, connection: "orders", kind: "toy",
            clientAddress: "127.0.0.1:1")
        let sessionTerms = SessionTerms(
            context: context, database: "orders", targetUser: "app",
            masks: MaskSet(rules: [], key: MaskKey(bytes: [1])),
            cancelKey: (1, [1]), durability: terms.durability, limits: terms.limits, targetTLS: .disable)
        let judge = ToyJudge(policy: policy)
        input("signInGranted") { $0.signInGranted(sessionTerms, judge: judge, opening: EntryDraft(.sessionOpen)) }
    }

    mutating func connectTarget() {
        targetHasLeft = false
        wasConnected = true
        input("targetConnected") { $0.targetConnected(TargetCredential(username: "app", password: [1])) }
    }

    mutating func client(_ text: String) { client(Array(text.utf8)) }

    mutating func client(_ bytes: [UInt8]) {
        clientText.append(contentsOf: bytes)
        while let end = clientText.firstIndex(of: UInt8(ascii: "\n")) {
            sent[String(decoding: clientText[..<end], as: UTF8.self)] = sent.count + 1
            clientText.removeFirst(end + 1)
        }
        input("client \(String(decoding: bytes, as: UTF8.self).debugDescription)") {
            $0.clientBytes(ByteBuffer(bytes: bytes))
        }
    }

    mutating func durable(_ number: RecordNumber? = nil) {
        let number = number ?? ledger.last
        ledger.advance(to: number)
        input("durable \(number)") { $0.durable(through: number) }
    }

    /// Records become durable until nothing new comes of it.
    mutating func settleLedger() {
        while ledger.durable < ledger.last { durable() }
    }

    mutating func failLedger() {
        ledger.fail()
        input("ledgerFailed") { $0.ledgerFailed() }
    }

    /// Gives the machine what the target has answered: at most `count` bytes.
    mutating func deliverTarget(_ count: Int = .max) {
        let bytes = target.takeOutput(count)
        guard !bytes.isEmpty else { return }
        input("target \(String(decoding: bytes, as: UTF8.self).prefix(60).debugDescription)") {
            $0.targetBytes(ByteBuffer(bytes: bytes))
        }
    }

    mutating func targetSays(_ line: String) {
        target.say(line)
        deliverTarget()
    }

    /// Everybody answers until nothing moves: what the client sees is `text`.
    mutating func settle() {
        for _ in 0..<1000 {
            let before = log.count
            settleLedger()
            if lookUps > 0 { lookedUp() }
            if let id = analyses.first { analysed(id) }
            if let judgement = judgements.first { judged(judgement.id) }
            if cancelsInFlight > 0 { finishCancel() }
            if readsTarget { deliverTarget() }
            if target.hasEnded, target.output.isEmpty, !targetHasLeft { targetLeaves() }
            if log.count == before, target.output.isEmpty || !readsTarget { return }
        }
        violations.append("the session does not settle")
    }

    mutating func analysed(_ id: ExchangeID) {
        analyses.removeAll { $0 == id }
        input("analysed \(id.number)") { $0.analysed(id, ToyJudge.analysis) }
    }

    mutating func judged(_ id: ExchangeID, fails: Bool = false) {
        let subject = judgements.first { $0.id == id }?.subject
        judgements.removeAll { $0.id == id }
        let verdict = fails ? nil : subject.flatMap { ToyText($0.text) }.map(ToyJudge.verdict(of:))
        input("judged \(id.number) \(fails ? "failed" : "")") { $0.judged(id, verdict) }
    }

    /// What texts call `from` is judged as `to` from now on.
    mutating func changePolicy(_ from: Character, to: Character) {
        policy.change(from, to: to)
        ledger.policyHasChanged = true
        input("policyChanged") { $0.policyChanged() }
    }

    mutating func approvalOpened(_ id: ExchangeID) {
        let approval = RecordID(high: 7, low: id.number)
        desk[id] = .opened(approval)
        opened.insert(id)
        input("approvalOpened \(id.number)") { $0.approvalOpened(id, approval) }
    }

    mutating func approvalDecided(_ id: ExchangeID, _ decision: ApprovalDecision) {
        switch desk[id] {
        case .requested?, .opened?: desk[id] = .decided
        case .withdrawn?, .decided?, .deferred?, nil: break
        }
        input("approvalDecided \(id.number) \(decision)") { $0.approvalDecided(id, decision) }
    }

    /// The desk defers the approval, or says that a decision is on its way.
    mutating func answerDeferral(_ id: ExchangeID, _ isDeferred: Bool) {
        deferrals.remove(id)
        if isDeferred, case .opened? = desk[id] { desk[id] = .deferred }
        input("approvalDeferred \(id.number) \(isDeferred)") { $0.approvalDeferred(id, isDeferred) }
    }

    /// The cancel reaches the target and its connection is closed.
    mutating func finishCancel(hits: Bool = true) {
        guard cancelsInFlight > 0 else { return }
        cancelsInFlight -= 1
        if hits { target.cancel() }
        input("cancelFinished") { $0.cancelFinished() }
    }

    mutating func lookedUp() {
        lookUps = max(0, lookUps - 1)
        input("lookedUp") { $0.lookedUp(LookupAnswer(columns: nil)) }
    }

    mutating func clientWritable(_ isWritable: Bool) {
        isClientWritable = isWritable
        input("clientWritable \(isWritable)") { $0.clientWritable(isWritable) }
    }

    mutating func targetWritable(_ isWritable: Bool) {
        input("targetWritable \(isWritable)") { $0.targetWritable(isWritable) }
    }

    mutating func clientLeaves() {
        clientHasLeft = true
        input("clientClosed") { $0.clientClosed() }
    }

    mutating func targetLeaves() {
        targetHasLeft = true
        input("targetClosed") { $0.targetClosed() }
    }

    mutating func fire(_ timer: SessionTimer) {
        timers[timer] = nil
        if timer == .drain { cancelsInFlight = 0 }
        input("timer \(timer)") { $0.timerFired(timer) }
    }

    mutating func cancel() { input("cancelRequested") { $0.cancelRequested() } }

    mutating func abort(_ reason: SessionEnd = .locked) {
        input("abort \(reason)") { $0.abort(reason, Refusal(code: "57P01", message: "locked")) }
    }

    mutating func refuseNew() {
        input("refuseNewCommands") { $0.refuseNewCommands(Refusal(code: "28000", message: "expired")) }
    }

    /// What the client has got since the last call.
    mutating func takeClientText() -> String {
        defer { toClient.removeAll() }
        return String(decoding: toClient, as: UTF8.self)
    }

    /// Types of an exchange's entries, in order.
    func entries(_ exchange: UInt64) -> [String] {
        ledger.entries.filter { $0.draft.exchange == exchange }.map { entry in
            let type = String(entry.draft.type.rawValue.dropFirst("command.".count))
            return entry.draft.type == .commandOutcome ? "\(type):\(entry.draft.outcome?.kind.rawValue ?? "")" : type
        }
    }
}
