import ArgumentParser
import AuditConsole
import GatewayCore

struct Sessions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List recorded sessions, newest first.")

    @OptionGroup var source: SourceOptions
    @Option(help: "Subject or name of the principal.") var principal: String?
    @Option(help: "Name of the agent.") var agent: String?
    @Option(name: .customLong("run"), help: "The agent run.") var agentRun: String?
    @Option(help: "Name of the connection.") var connection: String?
    @Option(help: "Sessions with a command that ended so: success, error, blocked, cancelled...") var outcome: String?
    @Option(name: .customShort("q"), help: "Words that a command's text holds.") var query: String?
    @Option(help: "From this time on (2026-11-21 or 2026-11-21T05:00:00Z).") var since: String?
    @Option(help: "Up to this time.") var until: String?
    @Option(help: "At most so many.") var limit = 50

    func run() async throws {
        guard limit > 0 else { throw CommandFailure.usage("--limit must be 1 or more.") }
        let sessions = try await Source.read(source) { source in
            switch source {
            case .api(let client):
                try await client.all(
                    "/api/v1/sessions",
                    [
                        ("principal", principal), ("agent", agent), ("run", agentRun), ("connection", connection),
                        ("outcome", outcome),
                        ("q", query), ("since", since), ("until", until), ("limit", String(min(limit, 500))),
                    ], most: limit, of: SessionView.self)
            case .folder(let configuration):
                try await LocalTrail.open(configuration).sessions(try filter(), before: nil, limit: limit)
            }
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(sessions), as: UTF8.self)) }
        if sessions.isEmpty { return Output.note("No sessions recorded that match.") }
        Output.table(
            ["SESSION", "OPENED", "WHO", "AGENT", "CONNECTION", "COMMANDS", "BLOCKED", "HELD", "STATE"],
            sessions.map { session in
                [
                    session.id, String(session.opened.prefix(19)) + "Z", session.principal?.label ?? "-",
                    session.agent?.name ?? "-",
                    session.connection, String(session.commands), String(session.blocked), String(session.held),
                    session.state + (session.reason.map { " (" + $0 + ")" } ?? ""),
                ]
            })
    }

    private func filter() throws -> SessionFilter {
        var filter = SessionFilter()
        filter.principal = principal
        filter.agent = agent
        filter.run = agentRun
        filter.connection = connection
        filter.outcome = outcome
        filter.query = query
        filter.since = try since.map(time)
        filter.until = try until.map(time)
        return filter
    }

    private func time(_ text: String) throws -> Timestamp {
        guard let time = Timestamp(rfc3339: text) else {
            throw CommandFailure.usage("\(text) is no time; write 2026-11-21 or 2026-11-21T05:00:00Z.")
        }
        return time
    }
}
