import AccessPolicy
import GatewayConfiguration
import GatewayCore
import Hummingbird
import Identity

/// Requests to see masked columns for a time.
struct UnmaskRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("unmask-requests") { request, context in
            let caller = try context.requireCaller()
            let members = try await request.members()
            try members.allowOnly(["connection", "columns", "seconds", "reason"])
            let name = try members.requiredText("connection")
            let reason = try members.text("reason")
            let seconds = members["seconds"].map { $0.number.flatMap(Int.init(exactly:)) } ?? nil
            guard members["seconds"] == nil || seconds.map({ $0 > 0 }) ?? false else {
                throw Problem.badRequest("seconds must be a whole number of at least 1.")
            }
            let columns = members["columns"]?.array?.compactMap(\.string) ?? []
            guard !columns.isEmpty, columns.count == members["columns"]?.array?.count else {
                throw Problem.badRequest("columns must be a list of names such as customers.email.")
            }
            guard let connection = services.connections.first(where: { $0.name == name }) else { throw Self.unknown }
            guard services.locks.match(caller.principal, agent: caller.identity.agent, connection: name) == nil else {
                throw Problem.forbidden("Access is locked.")
            }
            do {
                let approval = try await services.requestUnmasking(
                    columns, connection, seconds, caller.identity, reason, context.address)
                return ConsoleJSON.response(ApprovalView(approval), status: .created)
            } catch ApprovalError.unknown {
                throw Self.unknown
            } catch let error as ApprovalError {
                throw Problem(ApprovalRoutes.status(of: error), ApprovalRoutes.code(of: error), error.description)
            }
        }
    }

    /// A name that is not there looks like one that is not for them.
    private static let unknown = Problem(
        .notFound, "not_found", "There is no such connection that you may use.")
}
