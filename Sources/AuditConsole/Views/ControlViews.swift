package import AccessPolicy
package import GatewayConfiguration
import GatewayCore
package import Identity

/// A request for approval, as its approvers see it.
package struct ApprovalView: Codable, Sendable, Hashable {
    package struct Decision: Codable, Sendable, Hashable {
        package var by: PrincipalView
        package var at: String
        package var reason: String?
    }

    package var id: String
    package var state: String
    package var requester: PrincipalView
    package var agent: AgentView?
    /// Absent for access to a connection.
    package var session: String?
    package var connection: String
    package var database: String
    package var text: String
    /// For how many seconds access to the connection is asked; absent for a command.
    package var accessSeconds: Int?
    /// The values of `$1`... in the text; absent when it has none.
    package var parameters: [String?]?
    /// The texts of prepared statements and cursors that the command runs by name; absent when it names none.
    package var prepared: [String]?
    package var rules: [String]
    package var message: String?
    package var groups: [String]
    package var count: Int
    package var created: String
    package var expires: String
    /// Its command was refused meanwhile and passes when it is sent again; absent while the client waits.
    package var isDeferred: Bool?
    /// Until when an unused grant may be used; absent when there is none.
    package var usableUntil: String?
    package var approvals: [Decision]
    package var denial: Decision?

    package init(_ approval: Approval) {
        id = approval.id.description
        state = approval.state.rawValue
        requester = PrincipalView(approval.request.requester)
        agent = AgentView(approval.request.agent)
        session = approval.request.session?.description
        accessSeconds = approval.request.access
        connection = approval.request.connection
        database = approval.request.database
        text = approval.request.text
        let recorded = approval.request.parameters
        parameters = recorded.isEmpty ? nil : ContentText.parameters(recorded)
        prepared = approval.request.prepared.isEmpty ? nil : approval.request.prepared
        rules = approval.request.rules
        message = approval.request.message
        groups = approval.request.terms.groups
        count = approval.request.terms.count
        created = approval.created.description
        expires = approval.expires.description
        isDeferred = approval.isDeferred ? true : nil
        usableUntil = approval.state == .approved ? approval.usableUntil.description : nil
        approvals = approval.approvals.map(Decision.init)
        denial = approval.denial.map(Decision.init)
    }
}

extension ApprovalView.Decision {
    fileprivate init(_ decision: Approval.Decision) {
        by = PrincipalView(decision.by)
        at = decision.at.description
        reason = decision.reason
    }
}

/// A connection that the caller may use: how to name it and what stands on it; never its credential or address.
package struct ConnectionView: Codable, Sendable, Hashable {
    package var name: String
    package var kind: String
    package var database: String
    /// Databases that a client may name besides; nil for any.
    package var databases: [String]?
    package var isReadOnly: Bool
    package var guards: [String]
    package var isMasked: Bool
    package var labels: [String: String]

    package init(_ connection: ConnectionConfiguration) {
        name = connection.name
        kind = connection.kind
        database = connection.target.database
        switch connection.databases {
        case .own: databases = []
        case .list(let names): databases = names
        case .any: databases = nil
        }
        isReadOnly = connection.isReadOnly
        guards = connection.guards.map(\.name)
        isMasked = !connection.masks.isEmpty
        labels = connection.labels
    }
}

/// A ticket; its secret is there in the answer that made it only.
package struct TicketView: Codable, Sendable, Hashable {
    package var id: String
    package var secret: String?
    package var principal: PrincipalView
    /// `once` or `many`.
    package var use: String
    package var expires: String

    package init(_ ticket: Ticket, secret: String? = nil) {
        id = ticket.id.description
        self.secret = secret
        principal = PrincipalView(ticket.principal)
        use = ticket.use.rawValue
        expires = ticket.expires.description
    }
}

/// A lock that stands.
package struct LockView: Codable, Sendable, Hashable {
    package var id: String
    /// `principal`, `agent`, `run` or `connection`.
    package var target: String
    package var value: String
    /// For a principal: the one issuer it is locked at; nil for any.
    package var issuer: String?
    package var reason: String
    package var author: String
    package var since: String
    /// Sessions that it ended; told to who sets it only.
    package var ended: Int?

    package init(_ lock: Lock, ended: Int? = nil) {
        id = lock.id.description
        (target, value, issuer) = lock.target.parts
        reason = lock.reason
        author = lock.author
        since = lock.since.description
        self.ended = ended
    }
}

extension Lock.Target {
    /// The target's kind, its name, and for a principal its issuer.
    package var parts: (kind: String, value: String, issuer: String?) {
        switch self {
        case .principal(let issuer, let subject): ("principal", subject, issuer)
        case .agent(let name): ("agent", name, nil)
        case .run(let run): ("run", run, nil)
        case .connection(let name): ("connection", name, nil)
        }
    }

    package init?(kind: String, value: String, issuer: String?) {
        guard !value.isEmpty, issuer == nil || kind == "principal" else { return nil }
        switch kind {
        case "principal": self = .principal(issuer: issuer, subject: value)
        case "agent": self = .agent(value)
        case "run": self = .run(value)
        case "connection": self = .connection(value)
        default: return nil
        }
    }
}
