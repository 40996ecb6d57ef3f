import Hummingbird

/// How the sinks do, for auditors and administrators.
struct SinkRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.get("sinks") { request, context in
            try request.allowOnly([])
            let caller = try context.requireCaller()
            guard caller.seesAll else { throw Problem.forbidden("This needs the role admin or auditor.") }
            return ConsoleJSON.response(Page(items: services.sinks()))
        }
    }
}
