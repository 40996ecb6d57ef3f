import AuditConsole
import AuditLedger
import AuditStore
import GatewayCore
import Identity

/// A record in memory with the semantics that `Trail` asks for.
struct FixtureTrail: Trail {
    struct Recorded: Sendable {
        var view: SessionView
        var entries: [TrailEntry]
        var answers: [UInt64: [UInt8]] = [:]
    }

    /// Newest first.
    var sessions: [Recorded]

    func sessions(_ filter: SessionFilter, before cursor: RecordID?, limit: Int) async throws -> [SessionView] {
        let views = sessions.map(\.view).filter { view in
            (filter.owner.map { $0.subject == view.principal?.subject && $0.issuer == view.principal?.issuer } ?? true)
                && (filter.issuer.map { $0 == view.principal?.issuer } ?? true)
                && (filter.subject.map { $0 == view.principal?.subject } ?? true)
                && (filter.principal.map { $0 == view.principal?.subject || $0 == view.principal?.name } ?? true)
                && (filter.connection.map { $0 == view.connection } ?? true)
                && (cursor.map { view.id < $0.description } ?? true)
        }
        return Array(views.prefix(limit))
    }

    func session(_ id: RecordID) async throws -> SessionView? {
        sessions.first { $0.view.id == id.description }?.view
    }

    /// Finds commands by viewer and text only; the cursor is the number of hits to pass over.
    func search(_ query: SearchQuery, cursor: String?) async throws -> SearchView {
        let own = sessions.filter { recorded in
            query.viewer.map { $0.subject == recorded.view.principal?.subject } ?? true
        }
        let hits = own.flatMap { recorded in
            recorded.answers.keys.sorted(by: >).compactMap { exchange -> SearchHitView? in
                let text = Array(recorded.answers[exchange] ?? [])
                guard query.terms.map({ terms in text.withUnsafeBytes { terms.match($0) } }) ?? true else { return nil }
                return SearchHitView(
                    session: recorded.view.id, exchange: exchange, text: String(decoding: text, as: UTF8.self))
            }
        }
        let from = cursor.flatMap { Int($0) } ?? 0
        let page = hits.dropFirst(from).prefix(query.limit)
        return SearchView(
            items: Array(page), next: from + page.count < hits.count ? String(from + page.count) : nil,
            behindBytes: cursor == nil ? 7 : nil)
    }

    func entries(of session: RecordID, from sequence: UInt64, limit: Int) async throws -> [TrailEntry] {
        let all = sessions.first { $0.view.id == session.description }?.entries ?? []
        return Array(all.dropFirst(Int(clamping: sequence)).prefix(limit))
    }

    func chunks(
        of session: RecordID, exchange: UInt64, _ direction: TrailDirection, limit: Int
    ) async throws -> (bytes: [UInt8], isWhole: Bool) {
        let bytes =
            direction == .answer ? sessions.first { $0.view.id == session.description }?.answers[exchange] ?? [] : []
        return (Array(bytes.prefix(limit)), bytes.count <= limit)
    }

    func decode(kind: String, columns: [UInt8], answer: [UInt8]) -> AnswerView? {
        AnswerView(results: [.init(columns: ["text"], rows: [[String(decoding: answer, as: UTF8.self)]])])
    }
}

extension FixtureTrail.Recorded {
    /// A session of `owner` in which each of `texts` was allowed and answered with its own text.
    static func session(_ id: RecordID, of owner: Principal, texts: [String]) -> FixtureTrail.Recorded {
        var view = SessionView(
            id: id.description, state: "closed", connection: "orders", kind: "postgres",
            opened: "2026-11-21T05:00:00.000000Z")
        view.principal = PrincipalView(owner)
        view.commands = texts.count
        let context = SessionContext(
            session: id, principal: owner, connection: "orders", kind: "postgres", clientAddress: "127.0.0.1:5")
        let encoder = LeafEncoder(context)
        var entries: [TrailEntry] = []
        var answers: [UInt64: [UInt8]] = [:]
        func add(_ draft: EntryDraft) {
            var writer = CanonicalWriter()
            let time = Timestamp(microseconds: 1_800_000_000_000_000 + Int64(entries.count))
            encoder.encode(
                draft, sequence: UInt64(entries.count), id: RecordID(at: time), time: time, commitments: [],
                into: &writer)
            entries.append(TrailEntry(leaf: writer.bytes, content: draft.content))
        }
        add(EntryDraft(.sessionOpen))
        for (index, text) in texts.enumerated() {
            let exchange = UInt64(index + 1)
            var draft = EntryDraft(.commandAllowed, exchange: exchange)
            draft.verdict = .allow
            draft.rules = ["reads"]
            draft.content = [ContentItem(.text, text), ContentItem(.parameters, "[\"a\",null,{\"hex\":\"00ff\"}]")]
            add(draft)
            var outcome = EntryDraft(.commandOutcome, exchange: exchange)
            outcome.outcome = Outcome(kind: .success, rows: 1, tag: "SELECT 1")
            outcome.durationMicros = 1500
            add(outcome)
            answers[exchange] = Array(text.utf8)
        }
        add(EntryDraft(.sessionClose))
        return FixtureTrail.Recorded(view: view, entries: entries, answers: answers)
    }
}
