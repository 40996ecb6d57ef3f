import AccessPolicy
package import GatewayConfiguration
import GatewayCore
package import Identity

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
