package import GatewayCore

/// A principal as the API shows it.
package struct PrincipalView: Codable, Sendable, Hashable {
    package var issuer: String
    package var subject: String
    package var name: String?

    package init(issuer: String, subject: String, name: String? = nil) {
        self.issuer = issuer
        self.subject = subject
        self.name = name
    }

    package init(_ principal: Principal) {
        self.init(issuer: principal.issuer, subject: principal.subject, name: principal.name)
    }

    /// For people to read.
    package var label: String { name ?? subject }
}

/// Who acted for the principal, and why.
package struct AgentView: Codable, Sendable, Hashable {
    package var name: String?
    package var model: String?
    package var run: String?
    package var purpose: String?
    package var onBehalfOf: String?
    package var traceparent: String?
    /// `verified` or `claimed`.
    package var trust: String?

    package init() {}

    package init?(_ context: AgentContext) {
        guard
            context.agent != nil || context.model != nil || context.run != nil || context.purpose != nil
                || context.onBehalfOf != nil || context.traceparent != nil
        else { return nil }
        name = context.agent
        model = context.model
        run = context.run
        purpose = context.purpose
        onBehalfOf = context.onBehalfOf
        traceparent = context.traceparent
        trust = context.trust.rawValue
    }
}

/// One session in a list. Times are RFC 3339 in UTC.
package struct SessionView: Codable, Sendable, Hashable {
    package var id: String
    /// `open`, `closed` or `interrupted`.
    package var state: String
    package var principal: PrincipalView?
    package var agent: AgentView?
    package var connection: String
    /// The protocol: `postgres`.
    package var kind: String
    package var database: String?
    package var role: String?
    package var clientAddress: String?
    package var opened: String
    package var closed: String?
    /// Why it ended.
    package var reason: String?
    package var commands: Int
    package var blocked: Int
    package var held: Int
    package var errors: Int
    package var rows: Int
    package var durability: String?

    package init(id: String, state: String, connection: String, kind: String, opened: String) {
        self.id = id
        self.state = state
        self.connection = connection
        self.kind = kind
        self.opened = opened
        commands = 0
        blocked = 0
        held = 0
        errors = 0
        rows = 0
    }
}

/// A page of a list; `next` is the cursor of the page after it.
package struct Page<Item: Codable & Sendable>: Codable, Sendable {
    package var items: [Item]
    package var next: String?

    package init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }
}
