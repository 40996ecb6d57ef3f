import AccessPolicy
import AuditConsole
import AuditStore
import GatewayConfiguration
import GatewayCore
import GatewayServer
import SQLAnalysis

/// Judges what sessions sent by the policies of a file, and counts what would be judged otherwise.
struct PolicyReplayer {
    private let benches: [String: PolicyBench]
    private let range: ClosedRange<Timestamp>
    private let groups: [String]
    private let searchPath: String?
    private let limit: Int
    /// Verdicts that no guard gave, so none would change.
    private static let notOfPolicy: Set<String> = ["protocol", "session", "judge"]

    init(
        _ policy: Configuration, range: ClosedRange<Timestamp>, groups: [String], searchPath: String?, limit: Int
    ) throws(CommandFailure) {
        var benches: [String: PolicyBench] = [:]
        for connection in policy.connections {
            benches[connection.name] = try PolicyBench(connection, limits: policy.analysisLimits)
        }
        self.benches = benches
        self.range = range
        self.groups = groups
        self.searchPath = searchPath
        self.limit = limit
    }

    func close() { for bench in benches.values { bench.close() } }

    func knows(_ connection: String) -> Bool { benches[connection] != nil }

    func run(_ source: Source, _ filter: SessionFilter) async throws -> PolicyReplayReport {
        var report = PolicyReplayReport()
        switch source {
        case .api(let client):
            let query = [
                ("connection", filter.connection), ("since", filter.since?.description),
                ("until", filter.until?.description), ("limit", "500"),
            ]
            for session in try await client.all("/api/v1/sessions", query, of: SessionView.self) {
                guard benches[session.connection] != nil, let id = RecordID(session.id) else { continue }
                try await judge(try await Recordings.read(id, client), &report)
            }
        case .folder(let configuration):
            let trail = try LocalTrail.open(configuration)
            var cursor: RecordID?
            repeat {
                let page = try await trail.sessions(filter, before: cursor, limit: 500)
                for session in page {
                    guard benches[session.connection] != nil, let id = RecordID(session.id) else { continue }
                    try await judge(try await Recordings.read(id, configuration), &report)
                }
                cursor = page.count == 500 ? page.last.flatMap { RecordID($0.id) } : nil
            } while cursor != nil
        }
        return report
    }

    private func judge(_ recording: RecordingView, _ report: inout PolicyReplayReport) async throws {
        guard let bench = benches[recording.session.connection] else { return }
        var sender = sender(recording.session)
        var names = NamedStatements()
        var isCounted = false
        for exchange in recording.exchanges {
            guard let text = exchange.text, let then = exchange.verdict.flatMap(VerdictKind.init(rawValue:)),
                let time = Timestamp(rfc3339: exchange.time)
            else { continue }
            let subject: CommandSubject
            if bench.isHTTP {
                guard let request = bench.subject(ofRecorded: text) else { continue }
                subject = request
            } else {
                subject = CommandSubject(analysis: await bench.analysis(of: text), names: &names)
            }
            guard range.contains(time), !Self.notOfPolicy.contains(exchange.rules?.first ?? "") else { continue }
            isCounted = true
            report.judged += 1
            sender.time = time
            let verdict = bench.verdict(on: subject, by: sender)
            if subject.notUnderstood != nil { report.notUnderstood += 1 }
            guard verdict.kind != then else { continue }
            report.add(
                .init(
                    session: recording.session.id, exchange: exchange.exchange, time: exchange.time,
                    connection: recording.session.connection, principal: recording.session.principal?.subject,
                    text: String(text.prefix(500)), from: then.rawValue, to: verdict.kind.rawValue,
                    rules: verdict.kind == .allow ? exchange.rules ?? [] : verdict.decidedBy), limit: limit)
        }
        if isCounted { report.sessions += 1 }
    }

    private func sender(_ session: SessionView) -> PolicyBench.Sender {
        var sender = PolicyBench.Sender()
        sender.principal = session.principal.map {
            Principal(issuer: $0.issuer, subject: $0.subject, name: $0.name, groups: groups, isPersonIssuer: false)
        }
        if let agent = session.agent {
            let isVerified = agent.trust == AgentContext.Trust.verified.rawValue
            sender.agent = AgentContext(
                agent: agent.name, purpose: agent.purpose, trust: isVerified ? .verified : .claimed)
            if isVerified { sender.agent?.verifiedAgent = agent.name }
        }
        sender.searchPath = searchPath
        return sender
    }
}

/// What a new policy would have made of recorded commands.
struct PolicyReplayReport: Encodable {
    struct Change: Encodable {
        var session: String
        var exchange: UInt64
        var time: String
        var connection: String
        var principal: String?
        var text: String
        /// `allow`, `hold` or `block`: as recorded, and by the new policy.
        var from: String
        var to: String
        /// Those that would decide; for an allow those that decided then.
        var rules: [String]
    }

    var sessions = 0
    var judged = 0
    var changed = 0
    /// Judged without being understood, so as the policy says about that.
    var notUnderstood = 0
    /// How many change, by `from` and `to`: `allow to block`.
    var totals: [String: Int] = [:]
    /// How many a rule would decide, or with `allow` does not decide any more.
    var rules: [String: Int] = [:]
    var changes: [Change] = []

    mutating func add(_ change: Change, limit: Int) {
        changed += 1
        totals["\(change.from) to \(change.to)", default: 0] += 1
        for rule in change.rules { rules[rule, default: 0] += 1 }
        if changes.count < limit { changes.append(change) }
    }

    func print() {
        Output.line("\(judged) commands of \(sessions) sessions judged, \(changed) would be judged otherwise.")
        for (what, count) in totals.sorted(by: { $0.key < $1.key }) { Output.line("  \(what): \(count)") }
        for (rule, count) in rules.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            Output.line("  by \(Output.safe(rule)): \(count)")
        }
        if notUnderstood > 0 { Output.line("  \(notUnderstood) were judged without being understood") }
        guard !changes.isEmpty else { return }
        Output.table(
            ["TIME", "WHO", "CONNECTION", "WAS", "WOULD BE", "BY", "COMMAND", "SESSION"],
            changes.map {
                [
                    String($0.time.prefix(19)) + "Z", $0.principal ?? "-", $0.connection, $0.from, $0.to,
                    $0.rules.joined(separator: ", "), String(Output.safe($0.text).prefix(60)),
                    "\($0.session) #\($0.exchange)",
                ]
            })
        if changes.count < changed { Output.line("... and \(changed - changes.count) more (--limit)") }
    }
}
