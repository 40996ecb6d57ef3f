import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel
import Synchronization
import Testing

/// Texts that were analysed, shared by all tests.
enum Analyses {
    private static let analyzer = SQLAnalyzer()

    static func of(_ text: [UInt8]) async -> SQLAnalysis {
        await withCheckedContinuation { continuation in
            analyzer.analyze(text) { continuation.resume(returning: $0) }
        }
    }
}

/// A dialect with a client and a scripted target around it: plays the kernel's part, deciding each command by a word in
/// its text.
struct Bench {
    var dialect: PostgresDialect
    /// Commands whose text holds it are refused.
    var blockedWord = "blocked"
    /// Everything that reached the client, the target, and what was recorded, as short words.
    private(set) var log: [String] = []
    private(set) var toClient = ByteBuffer()
    private(set) var toTarget = ByteBuffer()
    private(set) var assessments: [Assessment] = []
    /// What the last command is wherever it is sent.
    private(set) var standalone: StandaloneCommand?
    private(set) var outcomes: [UInt64: Outcome] = [:]
    private(set) var open: Set<UInt64> = []
    private(set) var lookups: [LookupRequest] = []
    private(set) var answers: [TargetAnswer] = []
    private(set) var eventCount = 0
    /// Of the target; bumped by a test that plays another session.
    let schema: SchemaVersion

    init(dialect: PostgresDialect, schema: SchemaVersion = SchemaVersion()) {
        self.dialect = dialect
        self.schema = schema
    }

    static func signedIn(
        masks: [MaskRule] = [], limits: SessionLimits = SessionLimits(),
        parameters: [(name: String, value: String)] = [], continuesAfterRefusal: Bool = false,
        version: String = "15.4"
    ) throws -> Bench {
        var bench = Bench(dialect: PostgresDialect(offersTLS: false, acceptsClearText: true, limits: limits))
        var events: [ClientEvent] = []
        try bench.dialect.receive(fromClient: FakeClient.startup([("user", "orders")] + parameters), into: &events)
        try bench.dialect.receive(fromClient: FakeClient.password("token"), into: &events)
        var terms = terms(masks: masks, limits: limits)
        terms.schema = bench.schema
        terms.continuesAfterRefusal = continuesAfterRefusal
        bench.dialect.signedIn(terms)
        _ = try bench.dialect.openTarget(TargetCredential(username: "app", password: nil))
        var answers: [TargetEvent] = []
        try bench.dialect.receive(fromTarget: FakeTarget.signedIn(version), into: &answers)
        guard case .ready = answers.last else { throw BenchFailure(message: "not signed in") }
        return bench
    }

    static func terms(masks: [MaskRule] = [], limits: SessionLimits = SessionLimits(), tls: TargetTLS = .disable)
        -> SessionTerms
    {
        SessionTerms(
            context: SessionContext(
                session: RecordID(high: 1, low: 1), principal: nil, connection: "orders", kind: "postgres",
                clientAddress: "127.0.0.1:1"),
            database: "shop", targetUser: "app",
            masks: MaskSet(rules: masks, key: MaskKey(bytes: Array(repeating: 7, count: 32))),
            cancelKey: (4242, [9, 9, 9, 9]), durability: .command, limits: limits, targetTLS: tls)
    }

    struct BenchFailure: Error { var message: String }

    /// The client sends; everything is decided and forwarded at once.
    mutating func client(_ messages: ByteBuffer...) async throws {
        for message in messages { try await client(message) }
    }

    private mutating func client(_ bytes: ByteBuffer) async throws {
        var events: [ClientEvent] = []
        try dialect.receive(fromClient: bytes, into: &events)
        for event in events { await take(event) }
    }

    mutating func take(_ event: ClientEvent) async {
        switch event {
        case .command(let command):
            var analysis: SQLAnalysis?
            if let text = command.text { analysis = await Analyses.of(text) }
            let assessment = dialect.assess(command, analysis: analysis)
            assessments.append(assessment)
            standalone = dialect.standalone(command)
            var refusal = assessment.refusal
            if !assessment.isDecided,
                String(decoding: assessment.subject.text, as: UTF8.self).contains(blockedWord)
                    || assessment.subject.notUnderstood != nil
            {
                refusal = refusal ?? Refusal(message: "not here", hint: "ask")
            }
            if let refusal {
                switch dialect.refuse(command, refusal) {
                case .reply(let bytes), .last(let bytes):
                    log.append("reply \(bytes.types)")
                    toClient.writeImmutableBuffer(bytes)
                case .substitute(let bytes, _):
                    log.append("substitute \(bytes.types)")
                    toTarget.writeImmutableBuffer(bytes)
                case .drop: log.append("drop \(command.id.number)")
                }
            } else if let bytes = dialect.submit(.command(command)) {
                open.insert(command.id.number)
                toTarget.writeImmutableBuffer(bytes)
            } else {
                log.append("skip \(command.id.number)")
            }
        case .carry(let bytes, let id):
            if let bytes = dialect.submit(.carry(bytes, of: id)) { toTarget.writeImmutableBuffer(bytes) }
        case .inputChunk(let bytes, let id):
            if let bytes = dialect.submit(.inputChunk(bytes, of: id)) { toTarget.writeImmutableBuffer(bytes) }
        case .end: log.append("end")
        case .handOver: Issue.record("a hand-over")
        case .fault: Issue.record("a fault in its place")
        case .reply, .startTLS, .signIn, .cancel: Issue.record("a sign-in event in an open session")
        }
    }

    /// The target sends.
    mutating func target(_ messages: ByteBuffer...) throws {
        for message in messages {
            var events: [TargetEvent] = []
            try dialect.receive(fromTarget: message, into: &events)
            take(events)
        }
    }

    mutating func answer(_ columns: [LookupAnswer.Column]?) throws {
        var events: [TargetEvent] = []
        try dialect.resume(with: LookupAnswer(columns: columns), into: &events)
        take(events)
    }

    mutating func take(_ events: [TargetEvent]) {
        eventCount += events.count
        for event in events {
            switch event {
            case .chunk(let bytes, let id, let rows):
                if let id, !open.contains(id.number) { Issue.record("a chunk of \(id.number), which is not open") }
                log.append("chunk \(id.map { "\($0.number)" } ?? "-") \(bytes.types) \(rows)")
                toClient.writeImmutableBuffer(bytes)
            case .pass(let bytes):
                log.append("pass \(bytes.types)")
                toClient.writeImmutableBuffer(bytes)
            case .outcome(let bytes, let id, let outcome), .closing(let bytes, let id, let outcome):
                if open.remove(id.number) == nil { Issue.record("an outcome of \(id.number), which is not open") }
                log.append("outcome \(id.number) \(outcome.kind.rawValue) \(bytes.types)")
                outcomes[id.number] = outcome
                toClient.writeImmutableBuffer(bytes)
            case .lookup(let request):
                lookups.append(request)
                log.append("lookup")
            case .cancel: log.append("cancel")
            case .end, .dropTarget: Issue.record("the end of a target used per command")
            case .answered(let answer):
                answers.append(answer)
                log.append("answered")
            case .unmasked(let id, let shown):
                log.append("unmasked \(id.number) " + shown.map(\.column.description).joined(separator: " "))
            case .fatal(let refusal): log.append("fatal \(refusal.code)")
            case .reply, .startTLS, .ready: Issue.record("a sign-in event in an open session")
            }
        }
    }

    mutating func clear() {
        log = []
        toClient.clear()
        toTarget.clear()
        eventCount = 0
    }
}
