import GatewayConfiguration
import GatewayCore
import Hummingbird
import Identity

/// Kill switches, for administrators.
struct LockRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.get("locks") { request, context in
            try request.allowOnly([])
            let caller = try context.requireCaller()
            guard caller.seesAll else { throw Problem.forbidden("This needs the role admin or auditor.") }
            return ConsoleJSON.response(Page(items: services.locks.all.map { LockView($0) }))
        }
        group.post("locks") { request, context in
            let caller = try context.requireCaller()
            try caller.requireAdmin()
            let members = try await request.members()
            try members.allowOnly(["principal", "issuer", "agent", "run", "connection", "reason"])
            let named = try ["principal", "agent", "run", "connection"].compactMap { kind throws(Problem) in
                try members.claim(kind).map { (kind, $0) }
            }
            guard named.count == 1, let (kind, value) = named.first,
                let target = Lock.Target(kind: kind, value: value, issuer: try members.claim("issuer"))
            else {
                throw Problem.badRequest(
                    "Name one of principal (which alone takes an issuer), agent, run or connection.")
            }
            let reason = try members.requiredText("reason")
            try await Self.mustNameSomething(target, services)
            let (lock, ended) = try await services.setLock(target, reason, caller.principal)
            return ConsoleJSON.response(LockView(lock, ended: ended), status: .created)
        }
        group.delete("locks/{id}") { _, context in
            let caller = try context.requireCaller()
            try caller.requireAdmin()
            let id = try context.recordID()
            guard try await services.releaseLock(id, caller.principal) else {
                throw Problem(.notFound, "not_found", "No lock of that id stands.")
            }
            return Response(status: .noContent)
        }
    }

    /// A kill switch that can match nothing must not look like one that was pulled. Agents, runs and subjects may be new
    /// tomorrow; connections and issuers are the configuration's.
    private static func mustNameSomething(_ target: Lock.Target, _ services: ConsoleServices) async throws {
        switch target {
        case .connection(let name):
            guard services.connections.contains(where: { $0.name == name }) else {
                throw unknown("There is no connection of that name; see /api/v1/connections.")
            }
        case .principal(let issuer, let subject):
            let issuers = services.verifier.issuerURLs
            if let issuer, !issuers.contains(issuer) {
                throw unknown("That issuer is not configured; there are \(issuers.joined(separator: ", ")).")
            }
            try await mustBeSubject(subject, services.trail)
        case .agent, .run: break
        }
    }

    /// A lock goes by the subject. Whoever is known by that text as a display name only is named, for another attempt.
    private static func mustBeSubject(_ text: String, _ trail: any Trail) async throws {
        var filter = SessionFilter()
        filter.subject = text
        guard try await trail.sessions(filter, before: nil, limit: 1).isEmpty else { return }
        filter.subject = nil
        filter.principal = text
        guard let named = try await trail.sessions(filter, before: nil, limit: 1).first?.principal else { return }
        throw unknown(
            "That is the display name of subject \(named.subject) of \(named.issuer); a lock goes by the subject.")
    }

    private static func unknown(_ words: String) -> Problem {
        Problem(.unprocessableContent, "unknown_target", words)
    }
}
