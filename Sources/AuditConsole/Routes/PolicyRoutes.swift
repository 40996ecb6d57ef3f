import GatewayConfiguration
import Hummingbird

/// Taking over the policy of the configuration file, for administrators.
struct PolicyRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("policy/reload") { request, context in
            let caller = try context.requireCaller()
            try caller.requireAdmin()
            try await request.members().allowOnly([])
            do {
                return ConsoleJSON.response(try await services.reloadPolicy(caller.principal))
            } catch let errors as ConfigurationErrors {
                throw Problem(
                    .unprocessableContent, "configuration",
                    "Nothing was changed; the file has mistakes:\n" + errors.description)
            }
        }
    }
}
