import AuditLedger
import GatewayCore
import Hummingbird

/// Destroying the content of closed sessions, for administrators.
struct ErasureRoutes {
    /// Sessions listed, and erased under one entry, at once.
    private static let page = 1000

    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("sessions/{id}/erase") { request, context in
            let caller = try context.requireCaller()
            try caller.requireAdmin()
            let members = try await request.members()
            try members.allowOnly(["reason"])
            let reason = try members.requiredText("reason")
            try await Self.erase([try context.recordID()], reason, context, services)
            return ConsoleJSON.response(ErasureView(erased: 1))
        }
        group.post("erasures") { request, context in
            let caller = try context.requireCaller()
            try caller.requireAdmin()
            let members = try await request.members()
            try members.allowOnly(["session", "principal", "issuer", "reason"])
            let reason = try members.requiredText("reason")
            let (session, principal) = (try members.text("session"), try members.claim("principal"))
            guard (session == nil) != (principal == nil) else {
                throw Problem.badRequest("Name one of session or principal (which alone takes an issuer).")
            }
            if let session {
                guard let id = RecordID(session) else { throw Problem.badRequest("session must be a session's id.") }
                try await Self.erase([id], reason, context, services)
                return ConsoleJSON.response(ErasureView(erased: 1))
            }
            var filter = SessionFilter()
            filter.subject = principal
            filter.issuer = try members.claim("issuer")
            // All of them are found closed before the first one is destroyed.
            let sessions = try await Self.closed(filter, services.trail)
            for start in stride(from: 0, to: sessions.count, by: Self.page) {
                try await Self.erase(Array(sessions[start...].prefix(Self.page)), reason, context, services)
            }
            return ConsoleJSON.response(ErasureView(erased: sessions.count))
        }
    }

    /// Every session that the filter finds, newest first; `session_open` when one of them is open.
    private static func closed(_ filter: SessionFilter, _ trail: any Trail) async throws -> [RecordID] {
        var sessions: [RecordID] = []
        var cursor: RecordID?
        repeat {
            let found = try await trail.sessions(filter, before: cursor, limit: page)
            if let open = found.first(where: { $0.state == "open" }) {
                throw Problem(.conflict, "session_open", "Session \(open.id) is open; end it first.")
            }
            sessions += found.compactMap { RecordID($0.id) }
            cursor = found.count == page ? sessions.last : nil
        } while cursor != nil
        return sessions
    }

    private static func erase(
        _ sessions: [RecordID], _ reason: String, _ context: ConsoleContext, _ services: ConsoleServices
    ) async throws {
        var draft = EntryDraft(.erased)
        draft.principal = try context.requireCaller().principal
        draft.clientAddress = context.address
        draft.content = [ContentItem(.reason, reason)]
        do {
            try await services.erase(sessions, draft)
        } catch let error as GatewayError {
            switch error.code.description {
            case "not_found": throw Problem.noSession
            case "session_open", "not_erasable": throw Problem(.conflict, error.code.description, error.message)
            default: throw error
            }
        }
    }
}

/// What an erasure did.
package struct ErasureView: Codable, Sendable {
    /// Sessions.
    package var erased: Int

    package init(erased: Int) {
        self.erased = erased
    }
}
