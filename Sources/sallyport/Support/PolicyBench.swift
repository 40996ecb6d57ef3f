import AccessPolicy
import DataMasking
import GatewayConfiguration
import GatewayCore
import Identity
import PostgresDialect
import SQLAnalysis
import SessionKernel

/// A connection's policy without a session: what `policy test` asks.
struct PolicyBench {
    let connection: ConnectionConfiguration
    let policy: PolicySnapshot
    private let analyzer: SQLAnalyzer

    init(_ connection: ConnectionConfiguration, limits: AnalysisLimits) throws(CommandFailure) {
        self.connection = connection
        var analysis = SQLAnalyzer.Configuration()
        analysis.limits = limits
        analysis.threads = 1
        do throws(PolicyProblems) {
            policy = try PolicySnapshot(
                guards: connection.guards, readOnly: connection.isReadOnly, notUnderstood: connection.notUnderstood,
                hasMasks: !connection.masks.isEmpty, external: connection.opa)
        } catch {
            throw CommandFailure.usage("The policy of \(connection.name) does not compile; see: sallyport config check")
        }
        analyzer = SQLAnalyzer(analysis)
    }

    func close() { analyzer.shutdown() }

    /// Who sends a command, when, and in what session.
    struct Sender {
        var principal: Principal?
        var agent: AgentContext?
        var time = Timestamp.wall()
        var searchPath: String?
        /// What the target would say; nil: not known here.
        var rowsEstimate: Int?
    }

    func analysis(of text: String) async -> SQLAnalysis {
        await withCheckedContinuation { continuation in
            analyzer.analyze(Array(text.utf8)) { continuation.resume(returning: $0) }
        }
    }

    /// The verdict of the policy; what the gateway refuses whatever the policy says is not in it.
    func verdict(on subject: CommandSubject, by sender: Sender) -> Verdict {
        policy.evaluate(filled(subject, by: sender))
    }

    func filled(_ subject: CommandSubject, by sender: Sender) -> CommandSubject {
        var subject = subject
        subject.principal = sender.principal
        subject.agent = sender.agent
        subject.time = sender.time
        subject.connection = connection.name
        subject.database = connection.target.database
        subject.estimate = sender.rowsEstimate.map { .rows($0) }
        if let path = sender.searchPath { subject.searchPath = SearchPath(path, user: connection.credential.username) }
        return subject
    }

    /// What the masks' `oracle` says by the names in the text, and what it cannot say without the server; nil without such
    /// masks.
    private func oracle(_ analysis: SQLAnalysis) -> (use: OracleUse?, step: JudgedCommand.Step)? {
        let masks = MaskSet(rules: connection.masks, key: MaskKey(bytes: []))
        guard masks.hasOracles else { return nil }
        var found = MaskOracles(masks)
        var hidden: [String] = []
        for facts in analysis.statements where !facts.probes.isEmpty {
            found.add(facts.probes, of: facts.reads + facts.writes)
            hidden += MaskOracles.sources(of: facts).map(\.description)
        }
        var reasons = [
            found.use.map { "chooses, joins, orders or sums up by " + $0.columns.joined(separator: ", ") }
                ?? "no masked column is named in a condition, an order or an aggregate"
        ]
        if found.use?.then != .block, !hidden.isEmpty {
            reasons.append(
                "not known here: whether \(Set(hidden).sorted().joined(separator: ", ")) is a view of a masked table; "
                    + "the gateway asks the server before its verdict")
        }
        let step = JudgedCommand.Step(
            rule: "oracle", then: (found.use?.then ?? .block).rawValue, isMet: found.use != nil, reasons: reasons)
        return (found.use, step)
    }

    func judge(_ text: String, by sender: Sender, access: Bool?) async -> JudgedCommand {
        let analysis = await analysis(of: text)
        var subject = filled(CommandSubject(analysis: analysis), by: sender)
        let oracle = oracle(analysis)
        subject.oracle = oracle?.use
        var verdict = policy.evaluate(subject)
        var steps = policy.explain(subject).map { JudgedCommand.Step($0) }
        if let oracle { steps.append(oracle.step) }
        if let refusal = PostgresDialect.settingRefusal(analysis.statements) {
            // The gateway's own rule about settings stands before any policy.
            steps.insert(
                JudgedCommand.Step(rule: "settings", then: "block", isMet: true, reasons: [refusal.message]), at: 0)
            verdict.kind = .block
            verdict.decidedBy = ["settings"]
            verdict.would = nil
            verdict.rules.insert("settings", at: 0)
            verdict.message = refusal.message
            verdict.hold = nil
        }
        return JudgedCommand(text, access, analysis.statements, subject, verdict, steps)
    }
}

/// A command with its verdict and how it came about, for people and as JSON.
struct JudgedCommand: Encodable {
    struct Statement: Encodable {
        var verb: String
        var classes: [String]
        var reads: [String]
        var writes: [String]
        var functions: [String]
        var unknownCalls: [String]
        var settings: [String]
        var isWithoutWhere: Bool

        init(_ facts: StatementFacts) {
            verb = facts.verb
            classes = facts.classes.map(\.rawValue).sorted()
            reads = facts.reads.map(\.description)
            writes = facts.writes.map(\.description)
            functions = facts.functions
            unknownCalls = facts.unknownCalls
            settings = facts.settings.map { $0.name ?? ($0.kind == .resetAll ? "all" : "?") }
            isWithoutWhere = facts.hasWriteWithoutWhere
        }
    }

    /// Everything together, as the rules see it.
    struct Whole: Encodable {
        var classes: [String]
        var verbs: [String]
        var reads: [String]
        var writes: [String]
        var functions: [String]
        var unknownCalls: [String]
        var isWithoutWhere: Bool

        init(_ subject: CommandSubject) {
            classes = subject.classes.map(\.rawValue).sorted()
            verbs = subject.verbs
            reads = subject.reads.map(\.description)
            writes = subject.writes.map(\.description)
            functions = subject.functions
            unknownCalls = subject.unknownCalls
            isWithoutWhere = subject.writesWithoutWhere
        }
    }

    struct Request: Encodable {
        var method: String
        /// The path as the entry names it.
        var object: String
        var classes: [String]
    }

    struct Step: Encodable {
        var rule: String
        var then: String
        var isObserved: Bool?
        var isMet: Bool
        var reasons: [String]
    }

    var command: String
    /// Whether the subject may use the connection; nil when nobody was named.
    var isAdmitted: Bool?
    var verdict: String
    var rules: [String]
    var decidedBy: [String]
    var observed: [String]
    /// The verdict if rules that only observe counted; nil when that is no other.
    var would: String?
    var message: String?
    var approverGroups: [String]?
    /// What in it could change something, by its classification alone, whatever the policy; nil when it only reads.
    var mayChange: String?
    var notUnderstood: String?
    var statements: [Statement]
    /// Of a connection of kind http, in place of statements.
    var request: Request?
    var subject: Whole
    var steps: [Step]
}

extension JudgedCommand {
    init(
        _ text: String, _ access: Bool?, _ statements: [StatementFacts], _ subject: CommandSubject, _ verdict: Verdict,
        _ steps: [Step]
    ) {
        self.init(
            command: text, isAdmitted: access, verdict: verdict.kind.rawValue, rules: verdict.rules,
            decidedBy: verdict.decidedBy, observed: verdict.observed, would: verdict.would?.rawValue,
            message: verdict.message, approverGroups: verdict.hold?.groups,
            mayChange: PolicySnapshot.possibleChange(of: subject), notUnderstood: subject.notUnderstood?.message,
            statements: statements.map { Statement($0) }, subject: Whole(subject), steps: steps)
    }
}

extension JudgedCommand.Step {
    init(_ step: PolicyStep) {
        self.init(
            rule: step.rule, then: step.then.rawValue, isObserved: step.isObserved ? true : nil, isMet: step.isMet,
            reasons: step.reasons)
    }
}
