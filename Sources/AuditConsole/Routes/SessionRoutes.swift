import AuditLedger
import AuditStore
import GatewayCore
import Hummingbird

/// Sessions, their entries and recordings. Auditors and administrators see all, others their own.
struct SessionRoutes {
    private static let filters: Set<String> = [
        "principal", "agent", "run", "connection", "outcome", "q", "since", "until", "limit", "cursor",
    ]

    let services: ConsoleServices
    let searches: SearchLog

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        let searches = self.searches
        group.get("sessions") { request, context in
            let caller = try context.requireCaller()
            let limit = try request.limit(default: 50, most: 500)
            let filter = try Self.filter(of: request, for: caller)
            let cursor = try Self.cursor(of: request)
            if let text = filter.query {
                var query = SearchQuery()
                query.terms = try SearchTerms(text)
                query.principal = filter.principal
                query.agent = filter.agent
                query.run = filter.run
                query.connection = filter.connection
                query.outcome = filter.outcome.flatMap(OutcomeKind.init(rawValue:))
                query.since = filter.since
                query.until = filter.until
                try await searches.record(query, of: "sessions", by: caller, context, services)
            }
            var items = try await services.trail.sessions(filter, before: cursor, limit: limit + 1)
            let hasMore = items.count > limit
            if hasMore { items.removeLast(items.count - limit) }
            return ConsoleJSON.response(Page(items: items, next: hasMore ? items.last?.id : nil))
        }
        group.get("sessions/{id}") { _, context in
            ConsoleJSON.response(try await Self.visibleSession(context, services))
        }
        group.get("sessions/{id}/events") { request, context in
            try request.allowOnly(["limit", "cursor"])
            let limit = try request.limit(default: 200, most: 1000)
            let from = try request.number("cursor") ?? 0
            let session = try await Self.visibleSession(context, services)
            try await Self.recordView(of: session, what: "events", context, services)
            let id = try context.recordID()
            var entries = try await services.trail.entries(of: id, from: from, limit: limit + 1)
            let hasMore = entries.count > limit
            if hasMore { entries.removeLast(entries.count - limit) }
            return ConsoleJSON.response(
                bytes: Self.page(entries, next: hasMore ? entries.last.flatMap { Timeline.sequence(of: $0.leaf) } : nil)
            )
        }
        group.get("sessions/{id}/recording") { request, context in
            try request.allowOnly(["limit", "cursor"])
            let limit = try request.limit(default: 100, most: 1000)
            let cursor = try request.parameter("cursor")
            guard let from = cursor.map(Timeline.Cursor.init) ?? .start else {
                throw Problem.badRequest("cursor must be the \"next\" of an earlier page.")
            }
            let session = try await Self.visibleSession(context, services)
            try await Self.recordView(of: session, what: "recording", context, services)
            let id = try context.recordID()
            let page = try await Timeline.read(
                services.trail, session: id, kind: session.kind, from: from, limit: limit)
            return ConsoleJSON.response(
                RecordingView(session: session, exchanges: page.exchanges, next: page.next?.description))
        }
        group.get("sessions/{id}/har") { request, context in
            try request.allowOnly([])
            let session = try await Self.visibleSession(context, services)
            guard session.kind == "http" else {
                throw Problem.badRequest("The session is of kind \(session.kind); archives are of kind http.")
            }
            try await Self.recordView(of: session, what: "har", context, services)
            let id = try context.recordID()
            return try PushedBody.response(type: "application/json") { write in
                try withoutActuallyEscaping(write) { try services.writeHAR(session, id, $0) }
            }
        }
        for (path, method) in [("sessions/{id}/end", HTTPRequest.Method.post), ("sessions/{id}", .delete)] {
            group.on(RouterPath(path), method: method) { request, context in
                let caller = try context.requireCaller()
                try caller.requireAdmin()
                let members = try await request.members()
                try members.allowOnly(["reason"])
                let reason = try members.text("reason") ?? "ended by an administrator"
                let id = try context.recordID()
                var draft = EntryDraft(.admin("session_end"))
                draft.principal = caller.principal
                draft.clientAddress = context.address
                draft.aboutSession = id
                draft.content = [ContentItem(.reason, reason)]
                try await services.append(draft)
                guard services.endSession(id, reason) else {
                    throw Problem(.notFound, "not_open", "No session of that id is open.")
                }
                return Response(status: .noContent)
            }
        }
    }

    private static func filter(of request: Request, for caller: Caller) throws(Problem) -> SessionFilter {
        try request.allowOnly(filters)
        var filter = SessionFilter()
        filter.owner = caller.seesAll ? nil : caller.principal
        filter.principal = try request.parameter("principal")
        filter.agent = try request.parameter("agent")
        filter.run = try request.parameter("run")
        filter.connection = try request.parameter("connection")
        filter.outcome = try request.parameter("outcome")
        if let outcome = filter.outcome, OutcomeKind(rawValue: outcome) == nil {
            throw .badRequest("outcome must be success, error, blocked, cancelled, interrupted, suspended or skipped.")
        }
        filter.query = try request.parameter("q")
        filter.since = try request.time("since")
        filter.until = try request.time("until")
        return filter
    }

    private static func cursor(of request: Request) throws(Problem) -> RecordID? {
        guard let text = try request.parameter("cursor") else { return nil }
        guard let id = RecordID(text) else { throw .badRequest("cursor must be the \"next\" of an earlier page.") }
        return id
    }

    private static func visibleSession(_ context: ConsoleContext, _ services: ConsoleServices) async throws
        -> SessionView
    {
        let caller = try context.requireCaller()
        guard let session = try await services.trail.session(try context.recordID()) else { throw Problem.noSession }
        let isOwn =
            session.principal?.issuer == caller.principal.issuer
            && session.principal?.subject == caller.principal.subject
        guard caller.seesAll || isOwn else { throw Problem.noSession }
        return session
    }

    /// The view's own entry is durable before anything is shown.
    private static func recordView(
        of session: SessionView, what: String, _ context: ConsoleContext, _ services: ConsoleServices
    ) async throws {
        var draft = EntryDraft(.recordViewed)
        draft.principal = try context.requireCaller().principal
        draft.clientAddress = context.address
        draft.aboutSession = RecordID(session.id)
        draft.details["view"] = what
        try await services.append(draft)
    }

    /// Leaves go out as they are, byte for byte: a reader may hash them.
    private static func page(_ entries: [TrailEntry], next last: UInt64?) -> [UInt8] {
        var bytes = Array("{\"items\":[".utf8)
        for (index, entry) in entries.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += entry.leaf
        }
        bytes += Array("]".utf8)
        if let last { bytes += Array(",\"next\":\"\(last + 1)\"".utf8) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
