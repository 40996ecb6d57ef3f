import ArgumentParser
import AuditConsole
import AuditStore
import GatewayConfiguration
import GatewayCore

struct Search: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Find commands by their text, who sent them, what they touched and what became of them; newest first.",
        discussion:
            "TEXT is words that the command's text holds, all of them, in any case, also as parts of longer words; a phrase goes in double quotes. Each search is itself recorded."
    )

    @OptionGroup var source: SourceOptions
    @Argument(help: ArgumentHelp("What the command's text holds.", valueName: "text")) var text: [String] = []
    @Option(help: "Subject or name of the principal.") var principal: String?
    @Option(help: "Name of the agent.") var agent: String?
    @Option(name: .customLong("run"), help: "The agent run.") var agentRun: String?
    @Option(help: "Name of the connection.") var connection: String?
    @Option(help: "Only this session.") var session: String?
    @Option(help: "How the command ended: success, error, blocked, cancelled...") var outcome: String?
    @Option(help: "What was decided: allow, hold or block.") var verdict: String?
    @Option(help: "Name of a rule that matched.") var rule: String?
    @Option(help: "A table or other object, or the last part of its name.") var object: String?
    @Option(help: "The approval that the command waited for.") var approval: String?
    @Option(help: "From this time on (2026-11-21 or 2026-11-21T05:00:00Z).") var since: String?
    @Option(help: "Up to this time.") var until: String?
    @Option(help: "At most so many.") var limit = 50

    func run() async throws {
        guard limit > 0 else { throw CommandFailure.usage("--limit must be 1 or more.") }
        let query = try query()
        let found = try await Source.read(source) { source in
            switch source {
            case .api(let client):
                return try await pages { try await client.get("/api/v1/search", parameters($0), as: SearchView.self) }
            case .folder(let configuration):
                try await FolderView.record(SearchEntry.draft(query, of: "commands"), in: configuration)
                let trail = try LocalTrail.open(configuration)
                do {
                    return try await pages { try await trail.search(query, cursor: $0) }
                } catch let error as GatewayError {
                    throw CommandFailure(error)
                }
            }
        }
        if let bytes = found.behindBytes {
            Output.note("note: the newest \(bytes) bytes of the log could not be searched yet; try again in a moment.")
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(found.items), as: UTF8.self)) }
        if found.items.isEmpty { return Output.note("No command recorded that matches.") }
        for hit in found.items { Self.print(hit) }
        if found.next != nil { Output.note("There may be more: --limit shows them, --until goes on from the last.") }
    }

    /// Pages until there are `limit` hits.
    private func pages(_ fetch: (String?) async throws -> SearchView) async throws -> SearchView {
        var all = SearchView(items: [])
        repeat {
            let page = try await fetch(all.next)
            all.items += page.items
            all.next = page.next
            all.behindBytes = all.behindBytes ?? page.behindBytes
        } while all.next != nil && all.items.count < limit
        if all.items.count > limit { all.items.removeLast(all.items.count - limit) }
        return all
    }

    private func parameters(_ cursor: String?) -> [(String, String?)] {
        [
            ("q", text.isEmpty ? nil : text.joined(separator: " ")), ("principal", principal), ("agent", agent),
            ("run", agentRun), ("connection", connection), ("session", session), ("outcome", outcome),
            ("verdict", verdict), ("rule", rule), ("object", object), ("approval", approval), ("since", since),
            ("until", until), ("limit", String(min(limit, SearchQuery.mostHits))), ("cursor", cursor),
        ]
    }

    private func query() throws -> SearchQuery {
        var query = SearchQuery(limit: min(limit, SearchQuery.mostHits))
        do throws(GatewayError) {
            if !text.isEmpty { query.terms = try SearchTerms(text.joined(separator: " ")) }
        } catch {
            throw CommandFailure(error, code: 2)
        }
        query.principal = principal
        query.agent = agent
        query.run = agentRun
        query.connection = connection
        query.rule = rule
        query.object = object
        func read<Value>(_ text: String?, _ make: (String) -> Value?, _ what: String) throws -> Value? {
            guard let text else { return nil }
            guard let value = make(text) else { throw CommandFailure.usage("\(Output.safe(text)) is no \(what)") }
            return value
        }
        query.session = try read(session, { RecordID($0) }, "session id; see: sallyport sessions")
        query.approval = try read(approval, { RecordID($0) }, "approval id; see: sallyport approvals")
        query.outcome = try read(
            outcome, OutcomeKind.init, "outcome: success, error, blocked, cancelled, interrupted, suspended or skipped."
        )
        query.verdict = try read(verdict, VerdictKind.init, "verdict: allow, hold or block.")
        query.since = try read(since, { Timestamp(rfc3339: $0) }, "time; write 2026-11-21 or 2026-11-21T05:00:00Z.")
        query.until = try read(until, { Timestamp(rfc3339: $0) }, "time; write 2026-11-21 or 2026-11-21T05:00:00Z.")
        return query
    }

    /// Two lines: who and what became of it, then the text with what was found in it.
    private static func print(_ hit: SearchHitView) {
        var head = [String(hit.time.prefix(19)) + "Z", hit.principal?.label ?? "-"]
        if let agent = hit.agent?.name { head.append("(\(agent))") }
        head.append("on \(hit.connection)")
        if let verdict = hit.verdict, verdict != "allow" {
            head.append("\(verdict) by \(hit.rules.joined(separator: ", "))")
        }
        head.append((hit.outcome?.kind ?? "running") + (hit.outcome?.code.map { " " + $0 } ?? ""))
        let isBad = hit.verdict == "block" || hit.outcome?.kind == "error" || hit.outcome?.kind == "blocked"
        Output.line(
            Output.styled(Output.safe(head.joined(separator: "  ")), isBad ? .red : .bold)
                + Output.styled("  \(hit.session) #\(hit.exchange)", .faint))
        if let text = hit.text {
            Output.line(
                "    " + Output.safe(text.before) + Output.styled(Output.safe(text.match), .yellow)
                    + Output.safe(text.after) + (text.isCut ? " ..." : ""))
        }
    }
}
