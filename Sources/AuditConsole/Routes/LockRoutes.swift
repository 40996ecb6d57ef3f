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
                try members.text(kind).map { (kind, $0) }
            }
            guard named.count == 1, let (kind, value) = named.first,
                let target = Lock.Target(kind: kind, value: value, issuer: try members.text("issuer"))
            else {
                throw Problem.badRequest(
                    "Name one of principal (which alone takes an issuer), agent, run or connection.")
            }
            let lock = try await services.setLock(target, try members.requiredText("reason"), caller.principal)
            return ConsoleJSON.response(LockView(lock), status: .created)
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
}
