import GatewayConfiguration
import Hummingbird
import Identity

/// What the caller may connect to.
struct ConnectionRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.get("connections") { request, context in
            try request.allowOnly([])
            let caller = try context.requireCaller()
            let visible = services.connections.filter { caller.seesAll || $0.access.allows(caller.principal) }
            return ConsoleJSON.response(Page(items: visible.map { ConnectionView($0) }.sorted { $0.name < $1.name }))
        }
    }
}
