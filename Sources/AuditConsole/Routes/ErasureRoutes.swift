import AuditLedger
import GatewayCore
import Hummingbird

/// Destroying the content of closed sessions, for administrators.
struct ErasureRoutes {
    /// Sessions erased in one request; more take another one.
    private static let most = 1000

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
            let (session, principal) = (try members.text("session"), try members.text("principal"))
            guard (session == nil) != (principal == nil) else {
                throw Problem.badRequest("Name one of session or principal (which alone takes an issuer).")
            }
            if let session {
                guard let id = RecordID(session) else { throw Problem.badRequest("session must be a session's id.") }
                try await Self.erase([id], reason, context, services)
                return ConsoleJSON.response(ErasureView(erased: 1))
            }
            var filter = SessionFilter()
            filter.principal = principal
            let issuer = try members.text("issuer")
            var erased = 0
            while true {
                let found = try await services.trail.sessions(filter, before: nil, limit: Self.most)
                let wanted = found.filter { $0.principal?.subject == principal }
                    .filter { issuer == nil || $0.principal?.issuer == issuer }
                if let open = wanted.first(where: { $0.state == "open" }) {
                    throw Problem(.conflict, "session_open", "Session \(open.id) is open; end it first.")
                }
                guard !wanted.isEmpty else { break }
                try await Self.erase(wanted.compactMap { RecordID($0.id) }, reason, context, services)
                erased += wanted.count
                guard found.count == Self.most else { break }
            }
            return ConsoleJSON.response(ErasureView(erased: erased))
        }
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
