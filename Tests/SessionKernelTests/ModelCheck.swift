import AccessPolicy
import GatewayCore
import SessionKernel

/// A splitmix64 generator: the same seed gives the same run everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// One random run: a client's script, terms, and steps drawn before it starts, so that a failing run can be shrunk by
/// leaving steps out. A step that is impossible when its turn comes does nothing.
struct ModelRun {
    enum Step: Int, CaseIterable {
        case clientBytes, durableAll, durableSome, ledgerFails, analysed, judged, judgedFails, approvalOpened, granted,
            denied, expired,
            deskFails, cancel, cancelMisses, cancelFinished, clientLeaves, targetLeaves, targetBytes, targetTrickle,
            lookedUp,
            clientWritable, targetWritable, lock, verdictTimer, approvalTimer, noticeTimer, exchangeTimer, drainTimer,
            signInTimer,
            refuseNew, stale, signInGranted, signInRefused, connect, unreachable, targetGarbage, deferralAnswered

        /// How often, against the others.
        var weight: Int {
            switch self {
            case .clientBytes, .durableSome, .targetBytes, .targetTrickle: 60
            case .durableAll: 30
            case .signInGranted, .connect: 40
            case .analysed, .judged, .granted, .approvalOpened, .cancelFinished, .lookedUp, .deferralAnswered: 20
            case .judgedFails, .denied, .expired, .deskFails, .cancel, .cancelMisses, .clientWritable, .targetWritable,
                .stale:
                8
            case .verdictTimer, .noticeTimer, .drainTimer: 6
            case .approvalTimer: 3
            case .ledgerFails, .clientLeaves, .targetLeaves, .lock, .exchangeTimer, .refuseNew, .signInTimer,
                .targetGarbage:
                1
            case .signInRefused, .unreachable: 1
            }
        }
    }

    struct Drawn: CustomStringConvertible {
        var step: Step
        var parameter: UInt64

        var description: String { "\(step)(\(parameter))" }
    }

    let seed: UInt64
    var steps: [Drawn]
    private let script: [UInt8]
    private let terms: Harness.Terms

    private static let wheel: [Step] = Step.allCases.flatMap { Array(repeating: $0, count: $0.weight) }

    init(seed: UInt64) {
        var random = SeededGenerator(seed)
        self.seed = seed
        terms = Self.terms(using: &random)
        script = Array(Self.script(using: &random).utf8)
        steps = (0..<Int.random(in: 20...160, using: &random)).map { _ in
            Drawn(step: Self.wheel.randomElement(using: &random) ?? .durableAll, parameter: random.next() % 1000)
        }
    }

    private static func terms(using random: inout SeededGenerator) -> Harness.Terms {
        var limits = SessionLimits()
        limits.unsyncedBytes = [40, 400, 1 << 18].randomElement(using: &random) ?? 40
        limits.pipelineBytes = [40, 400, 1 << 18].randomElement(using: &random) ?? 40
        limits.pipelineItems = [2, 1024].randomElement(using: &random) ?? 2
        limits.rows = [0, 0, 0, 3].randomElement(using: &random) ?? 0
        limits.seconds = [0, 0, 5].randomElement(using: &random) ?? 0
        limits.responseBytes = [20, 1 << 20].randomElement(using: &random) ?? 20
        return Harness.Terms(
            durability: [.command, .command, .strict, .relaxed].randomElement(using: &random) ?? .command,
            limits: limits)
    }

    private static func script(using random: inout SeededGenerator) -> String {
        var text = "U orders token\n"
        let verbs = ["r0", "r1", "r2", "r5", "err", "run", "look", "note", "copy", "begin", "commit", "big"]
        for number in 0..<Int.random(in: 0...12, using: &random) {
            let token = "t" + String(UnicodeScalar(UInt8(ascii: "a") + UInt8(number)))
            let verdict = "aaaaaahhhwwbbdf".randomElement(using: &random) ?? "a"
            let when = "iiiiillneqq".randomElement(using: &random) ?? "i"
            let analysis = "cccuun".randomElement(using: &random) ?? "c"
            let verb = verbs.randomElement(using: &random) ?? "r0"
            let kind = "CCCEEP".randomElement(using: &random) ?? "C"
            text += "\(kind) \(verdict)\(when)\(analysis) \(verb) \(token)\n"
            if verb == "copy" {
                for chunk in 0..<Int.random(in: 0...3, using: &random) { text += "I \(chunk)\(token)\n" }
                text += "I .\(token)\n"
            }
            if kind != "C", Int.random(in: 0..<3, using: &random) > 0 { text += "S\n" }
            if Int.random(in: 0..<20, using: &random) == 0 { text += "V\n" }
        }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: text += "S\n?garbage\n"
        case 1, 2: text += "S\nX\n"
        case 3: text += "X\n"
        default: text += "S\n"
        }
        return text
    }

    /// Runs to the end; returns what was violated, and how many inputs the machine got.
    func run() -> (violations: [String], inputs: Int, phases: Set<String>) {
        var world = Harness(terms)
        var rest = script[...]
        var phases: Set<String> = []
        world.input("start") { $0.started(signInSeconds: 10) }
        for drawn in steps {
            perform(drawn, &world, &rest)
            phases.insert(world.machine.phase.rawValue)
            if !world.violations.isEmpty { return (world.violations, world.log.count, phases) }
        }
        let violations = world.violations + finish(&world, &rest)
        phases.insert(world.machine.phase.rawValue)
        return (violations, world.log.count, phases)
    }

    private func perform(_ drawn: Drawn, _ world: inout Harness, _ rest: inout ArraySlice<UInt8>) {
        let parameter = Int(drawn.parameter)
        switch drawn.step {
        case .clientBytes:
            guard world.readsClient, !world.clientHasLeft, !world.clientIsClosed, !rest.isEmpty else { return }
            let bytes = Array(rest.prefix(1 + parameter % 60))
            rest = rest.dropFirst(bytes.count)
            world.client(bytes)
        case .durableAll: if !world.ledger.hasFailed { world.durable() }
        case .durableSome:
            let (durable, last) = (world.ledger.durable, world.ledger.last)
            if !world.ledger.hasFailed, durable < last {
                world.durable(durable + 1 + UInt64(parameter) % (last - durable))
            }
        case .ledgerFails: if !world.ledger.hasFailed, parameter % 2 == 0 { world.failLedger() }
        case .analysed: if let id = world.analyses.first { world.analysed(id) }
        case .judged:
            if let judgement = world.judgements.first(where: { ToyText($0.subject.text)?.when != .never }) {
                world.judged(judgement.id)
            }
        case .judgedFails: if let judgement = world.judgements.first { world.judged(judgement.id, fails: true) }
        case .approvalOpened:
            if let id = world.unopened.first { world.approvalOpened(id) }
        case .granted: if let id = world.undecided.first { world.approvalDecided(id, .granted(by: [.approver])) }
        case .deferralAnswered: if let id = world.deferrals.min() { world.answerDeferral(id, parameter % 2 == 0) }
        case .denied:
            if let id = world.undecided.first { world.approvalDecided(id, .denied(by: .approver, reason: nil)) }
        case .expired: if let id = world.undecided.first { world.approvalDecided(id, .expired) }
        case .deskFails: if let id = world.undecided.first { world.approvalDecided(id, .failed("down")) }
        case .cancel, .cancelMisses: world.cancel()
        case .cancelFinished: world.finishCancel(hits: parameter % 3 > 0)
        case .clientLeaves: if !world.clientHasLeft, parameter % 3 == 0 { world.clientLeaves() }
        case .targetLeaves: if !world.targetHasLeft, parameter % 3 == 0 { world.targetLeaves() }
        case .targetBytes: if world.readsTarget, !world.targetHasLeft { world.deliverTarget() }
        case .targetTrickle: if world.readsTarget, !world.targetHasLeft { world.deliverTarget(1 + parameter % 12) }
        case .targetGarbage:
            if world.readsTarget, !world.targetHasLeft, parameter % 3 == 0 {
                world.target.say(["?", "B", "G x", "Z", "O t"][parameter % 5])
            }
        case .lookedUp: if world.lookUps > 0 { world.lookedUp() }
        case .clientWritable: world.clientWritable(!world.isClientWritable)
        case .targetWritable: world.targetWritable(parameter % 2 == 0)
        case .lock: if parameter % 2 == 0 { world.abort() }
        case .verdictTimer: fire(.verdict, &world)
        case .approvalTimer: fire(.approval, &world)
        case .noticeTimer: fire(.notice, &world)
        case .exchangeTimer: fire(.exchange, &world)
        case .drainTimer: fire(.drain, &world)
        case .signInTimer: if parameter % 4 == 0 { fire(.signIn, &world) }
        case .refuseNew: if world.machine.phase == .open { world.refuseNew() }
        case .stale: stale(parameter, &world)
        case .signInGranted:
            if world.verifies > 0, world.dials == 0, world.machine.phase == .signingIn { world.grantSignIn() }
        case .signInRefused:
            if world.verifies > 0, world.dials == 0, parameter % 4 == 0 {
                world.input("signInRefused") { $0.signInRefused(Refusal(code: "28000", message: "no")) }
            }
        case .connect: if world.dials > 0, world.targetHasLeft, !world.wasConnected { world.connectTarget() }
        case .unreachable:
            if world.dials > 0, !world.wasConnected, parameter % 4 == 0 {
                world.input("targetUnreachable") { $0.targetUnreachable(Refusal(code: "08001", message: "no")) }
            }
        }
    }

    private func fire(_ timer: SessionTimer, _ world: inout Harness) {
        if world.timers[timer] != nil { world.fire(timer) }
    }

    /// Inputs that come late, twice or for nobody.
    private func stale(_ parameter: Int, _ world: inout Harness) {
        let id = ExchangeID(UInt64(parameter % 14))
        switch parameter % 7 {
        case 0:
            if world.judgements.first?.id != id { world.input("stale judged \(id.number)") { $0.judged(id, .allow) } }
        case 1:
            if world.analyses.first != id {
                world.input("stale analysed \(id.number)") { $0.analysed(id, ToyJudge.analysis) }
            }
        case 2:
            if world.desk[id] == nil || world.desk[id] == .decided || world.desk[id] == .withdrawn {
                world.approvalDecided(id, .granted(by: [.approver]))
            }
        case 3: if world.lookUps == 0 { world.input("stale lookedUp") { $0.lookedUp(LookupAnswer(columns: nil)) } }
        case 4: if world.cancelsInFlight == 0 { world.input("stale cancelFinished") { $0.cancelFinished() } }
        case 5:
            let number = UInt64(parameter) % (world.ledger.durable + 1)
            world.input("stale durable") { $0.durable(through: number) }
        default:
            let timer = SessionTimer.notice
            if world.timers[timer] == nil { world.input("stale timer") { $0.timerFired(timer) } }
        }
    }

    /// Everybody does their part: a session that still lives must come to rest with every command answered, then close.
    private func finish(_ world: inout Harness, _ rest: inout ArraySlice<UInt8>) -> [String] {
        world.clientWritable(true)
        world.targetWritable(true)
        for _ in 0..<4000 where world.machine.phase != .closed && world.violations.isEmpty {
            let before = (world.log.count, rest.count, world.target.output.count)
            if world.verifies > 0, world.dials == 0, world.machine.phase == .signingIn { world.grantSignIn() }
            if world.dials > 0, world.targetHasLeft, !world.wasConnected, world.machine.phase == .dialling {
                world.connectTarget()
            }
            if !world.ledger.hasFailed { world.settleLedger() }
            perform(Drawn(step: .clientBytes, parameter: 59), &world, &rest)
            if world.lookUps > 0 { world.lookedUp() }
            if let id = world.deferrals.min() { world.answerDeferral(id, true) }
            if let id = world.analyses.first { world.analysed(id) }
            if let judgement = world.judgements.first { world.judged(judgement.id) }
            if let id = world.undecided.first { world.approvalDecided(id, .granted(by: [.approver])) }
            world.finishCancel()
            if world.readsTarget, !world.targetHasLeft { world.deliverTarget() }
            if world.target.hasEnded, world.target.output.isEmpty, !world.targetHasLeft { world.targetLeaves() }
            guard before == (world.log.count, rest.count, world.target.output.count) else { continue }
            // Nothing moves: either a command runs until it is cancelled, or all is done.
            if world.target.isRunning { world.cancel() } else { break }
        }
        var found = world.violations
        guard found.isEmpty else { return found }
        if world.machine.phase == .open, !world.isAtRest || !rest.isEmpty {
            found.append(
                "the session does not come to rest: \(world.machine.phase), open \(world.targetLines.suffix(3))")
        }
        if world.machine.phase != .closed { world.clientLeaves() }
        world.finishCancel()
        if let id = world.unopened.first { world.approvalOpened(id) }
        if world.machine.phase != .closed { found.append("the session does not close: \(world.machine.phase)") }
        return found + world.violations
    }

    /// The shortest failing run that leaving out steps one by one leads to.
    func shrunk() -> ModelRun {
        var best = self
        var changed = true
        while changed {
            changed = false
            for index in best.steps.indices.reversed() where index < best.steps.count {
                var candidate = best
                candidate.steps.remove(at: index)
                if !candidate.run().violations.isEmpty {
                    best = candidate
                    changed = true
                }
            }
        }
        return best
    }

    /// What to read when a run fails.
    var report: String {
        var world = Harness(terms)
        var rest = script[...]
        world.input("start") { $0.started(signInSeconds: 10) }
        for drawn in steps { perform(drawn, &world, &rest) }
        if world.violations.isEmpty { _ = finish(&world, &rest) }
        return """
            seed \(seed), terms \(terms)
            script \(String(decoding: script, as: UTF8.self).debugDescription)
            steps \(steps)
            inputs \(world.log.suffix(60).joined(separator: "\\n       "))
            """
    }
}

extension Harness {
    /// Approvals that the desk still has to decide.
    var undecided: [ExchangeID] {
        desk.filter { $0.value != .decided && $0.value != .withdrawn && $0.value != .deferred }.map(\.key).sorted()
    }

    /// Approvals asked for whose number the desk has not told.
    var unopened: [ExchangeID] { desk.keys.filter { !opened.contains($0) }.sorted() }

    /// Every line of the client was taken up and every command has its end, released to the client.
    var isAtRest: Bool {
        let taken = ledger.exchangeOfText.values.max() ?? 0
        return (0..<taken).allSatisfy { ledger.terminal[$0 + 1] != nil }
            && (machine.isIdle || machine.dialect.isInTransaction)
    }
}
