package import GatewayCore

/// What is the same in every entry of one session.
package struct SessionContext: Sendable {
    package var session: RecordID
    /// Nil only for the gateway's own session.
    package var principal: Principal?
    package var agent: AgentContext
    package var connection: String
    /// The protocol: `postgres`, `mysql`, `ssh`...; `gateway` for the gateway's own session.
    package var kind: String
    /// The client's address with port, as text.
    package var clientAddress: String
    package var database: String?
    /// The user that the session has at the target.
    package var role: String?
    /// Named only when weaker than the default: `relaxed`.
    package var durability: String?

    package init(
        session: RecordID, principal: Principal?, agent: AgentContext = AgentContext(), connection: String,
        kind: String,
        clientAddress: String, database: String? = nil, role: String? = nil, durability: String? = nil
    ) {
        self.session = session
        self.principal = principal
        self.agent = agent
        self.connection = connection
        self.kind = kind
        self.clientAddress = clientAddress
        self.database = database
        self.role = role
        self.durability = durability
    }
}
