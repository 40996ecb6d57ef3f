import AccessPolicy
import GatewayConfiguration
import GatewayCore
import Hummingbird
import Identity

/// Requests for approval: seen by who may decide and who asked, decided by people only.
struct ApprovalRoutes {
    let services: ConsoleServices

    func addReads(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.get("approvals") { request, context in
            let caller = try context.requireCaller()
            try request.allowOnly(["state", "limit", "cursor"])
            let limit = try request.limit(default: 100, most: 1000)
            var wanted: Approval.State?
            if let text = try request.parameter("state") {
                guard let state = Approval.State(rawValue: text) else {
                    let states = Approval.State.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Problem.badRequest("state must be one of \(states).")
                }
                wanted = state
            }
            let cursor = try request.parameter("cursor")
            let visible = services.approvals().filter { approval in
                (wanted == nil || approval.state == wanted) && (cursor == nil || approval.id.description < cursor ?? "")
                    && Self.mayView(caller, approval)
            }.sorted { $0.id > $1.id }
            let items = visible.prefix(limit).map { ApprovalView($0) }
            return ConsoleJSON.response(Page(items: items, next: visible.count > limit ? items.last?.id : nil))
        }
        group.get("approvals/{id}") { _, context in
            let caller = try context.requireCaller()
            let id = try context.recordID()
            guard let approval = services.approvals().first(where: { $0.id == id }), Self.mayView(caller, approval)
            else {
                throw Problem(.notFound, "not_found", "There is no such approval, or it is not for you.")
            }
            return ConsoleJSON.response(ApprovalView(approval))
        }
    }

    /// Who asked takes the request back; so may an administrator.
    func addWithdrawal(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("approvals/{id}/withdraw") { request, context in
            let caller = try context.requireCaller()
            let members = try await request.members()
            try members.allowOnly(["reason"])
            let reason = try members.text("reason")
            let id = try context.recordID()
            guard let approval = services.approvals().first(where: { $0.id == id }), Self.mayView(caller, approval)
            else { throw Problem(.notFound, "not_found", "There is no such approval, or it is not for you.") }
            guard
                approval.request.requester == caller.principal || caller.isAdmin || Self.mayRevoke(caller, approval)
            else {
                throw Problem.forbidden("Only who asked takes a request back; you can deny it.")
            }
            return try await Self.decide { try await services.withdraw(id, caller.principal, reason) }
        }
    }

    /// Access to a connection for a time.
    func addAccessRequests(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("access-requests") { request, context in
            let caller = try context.requireCaller()
            let members = try await request.members()
            try members.allowOnly(["connection", "seconds", "reason"])
            let name = try members.requiredText("connection")
            let reason = try members.text("reason")
            let seconds = members["seconds"].map { $0.number.flatMap(Int.init(exactly:)) } ?? nil
            guard members["seconds"] == nil || seconds.map({ $0 > 0 }) ?? false else {
                throw Problem.badRequest("seconds must be a whole number of at least 1.")
            }
            // A name that is not there looks like one that is not for them.
            guard let connection = services.connections.first(where: { $0.name == name }),
                let rule = connection.accessRequest, rule.who.allows(caller.principal)
            else {
                throw Problem(.notFound, "not_found", "There is no such connection that you may ask for.")
            }
            guard services.locks.match(caller.principal, agent: caller.identity.agent, connection: name) == nil else {
                throw Problem.forbidden("Access is locked.")
            }
            do {
                let approval = try await services.requestAccess(
                    connection, seconds, caller.identity, reason, context.address)
                return ConsoleJSON.response(ApprovalView(approval), status: .created)
            } catch let error as ApprovalError {
                throw Problem(Self.status(of: error), Self.code(of: error), error.description)
            }
        }
    }

    func addDecisions(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("approvals/{id}/approve") { request, context in
            let caller = try Self.person(context)
            let members = try await request.members()
            try members.allowOnly(["reason"])
            let reason = try members.text("reason")
            return try await Self.decide { try await services.approve(context.recordID(), caller.identity, reason) }
        }
        group.post("approvals/{id}/deny") { request, context in
            let caller = try Self.person(context)
            let members = try await request.members()
            try members.allowOnly(["reason"])
            let reason = try members.text("reason")
            return try await Self.decide { try await services.deny(context.recordID(), caller.identity, reason) }
        }
    }

    /// Approving is for people who signed in themselves; the desk checks again, and who they are to the request.
    private static func person(_ context: ConsoleContext) throws(Problem) -> Caller {
        let caller = try context.requireCaller()
        guard caller.identity.agent.agent == nil, caller.identity.agent.onBehalfOf == nil else {
            throw .forbidden("An agent cannot decide; sign in yourself, without an agent in the token.")
        }
        guard !caller.identity.isMachine else { throw .forbidden(ApprovalError.machine.description) }
        guard caller.principal.isPersonIssuer else {
            throw .forbidden("Only people decide: your issuer is not marked people: true.")
        }
        return caller
    }

    static func decide(_ body: () async throws -> Approval) async throws -> Response {
        do {
            return ConsoleJSON.response(ApprovalView(try await body()))
        } catch let error as ApprovalError {
            throw Problem(status(of: error), code(of: error), error.description)
        }
    }

    static func status(of error: ApprovalError) -> HTTPResponse.Status {
        switch error {
        case .unknown: .notFound
        case .settled, .alreadyApproved, .notGranted, .otherCommand: .conflict
        case .requester, .actedFor, .agent, .machine, .notAPerson, .notInGroups: .forbidden
        case .tokenExpired: .unauthorized
        case .tooMany: .serviceUnavailable
        }
    }

    static func code(of error: ApprovalError) -> String {
        switch error {
        case .unknown: "not_found"
        case .settled: "settled"
        case .requester: "own_request"
        case .actedFor: "acted_for"
        case .agent: "agent"
        case .machine: "machine"
        case .notAPerson: "not_a_person"
        case .notInGroups: "not_in_groups"
        case .alreadyApproved: "already_approved"
        case .tokenExpired: "token.expired"
        case .notGranted: "not_granted"
        case .otherCommand: "other_command"
        case .tooMany: "too_many"
        }
    }

    /// Whoever could have denied it takes an unmasking back that goes on.
    private static func mayRevoke(_ caller: Caller, _ approval: Approval) -> Bool {
        approval.request.unmask != nil && caller.principal.isPersonIssuer && caller.identity.agent.agent == nil
            && caller.identity.agent.onBehalfOf == nil && !caller.identity.isMachine
            && caller.principal.groups.contains(where: approval.request.terms.groups.contains)
    }

    private static func mayView(_ caller: Caller, _ approval: Approval) -> Bool {
        if caller.seesAll || caller.isApprover || approval.request.requester == caller.principal { return true }
        guard caller.principal.isPersonIssuer, caller.identity.agent.agent == nil, !caller.identity.isMachine else {
            return false
        }
        return caller.principal.groups.contains(where: approval.request.terms.groups.contains)
    }
}
