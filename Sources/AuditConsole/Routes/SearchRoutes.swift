import AuditStore
import GatewayCore
import Hummingbird

/// The search over all commands. Auditors and administrators see all, others the commands of their own sessions.
struct SearchRoutes {
    private static let filters: Set<String> = [
        "q", "principal", "agent", "run", "connection", "session", "outcome", "verdict", "rule", "object", "approval",
        "since", "until", "limit", "cursor",
    ]

    let services: ConsoleServices
    let log: SearchLog

    func add(to group: RouterGroup<ConsoleContext>) {
        let (services, log) = (self.services, self.log)
        group.get("search") { request, context in
            let caller = try context.requireCaller()
            let query = try Self.query(of: request, for: caller)
            let cursor = try request.parameter("cursor")
            try await log.record(query, of: "commands", by: caller, context, services)
            return ConsoleJSON.response(try await services.trail.search(query, cursor: cursor))
        }
    }

    private static func query(of request: Request, for caller: Caller) throws -> SearchQuery {
        try request.allowOnly(filters)
        var query = SearchQuery(limit: try request.limit(default: 50, most: SearchQuery.mostHits))
        query.viewer = caller.seesAll ? nil : caller.principal
        query.terms = try request.parameter("q").map { try SearchTerms($0) }
        query.principal = try request.parameter("principal")
        query.agent = try request.parameter("agent")
        query.run = try request.parameter("run")
        query.connection = try request.parameter("connection")
        query.session = try request.identifier("session")
        query.outcome = try request.word(
            "outcome", OutcomeKind.init, "success, error, blocked, cancelled, interrupted, suspended or skipped")
        query.verdict = try request.word("verdict", VerdictKind.init, "allow, hold or block")
        query.rule = try request.parameter("rule")
        query.object = try request.parameter("object")
        query.approval = try request.identifier("approval")
        query.since = try request.time("since")
        query.until = try request.time("until")
        return query
    }
}

extension Request {
    fileprivate func word<Value>(_ name: String, _ make: (String) -> Value?, _ choices: String) throws(Problem)
        -> Value?
    {
        guard let text = try parameter(name) else { return nil }
        guard let value = make(text) else { throw .badRequest("\(name) must be \(choices).") }
        return value
    }

    fileprivate func identifier(_ name: String) throws(Problem) -> RecordID? {
        guard let text = try parameter(name) else { return nil }
        guard let id = RecordID(text) else {
            throw .badRequest("\(name) must be an id like 01a1fd4f-279f-7b52-b0e0-ded6603e05f6.")
        }
        return id
    }
}
