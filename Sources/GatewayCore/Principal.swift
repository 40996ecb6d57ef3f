/// A verified identity: the issuer that vouched for it and the subject it named. Two principals are one when both
/// agree.
package struct Principal: Sendable, Hashable {
    package var issuer: String
    package var subject: String
    /// A readable name from the token (`preferred_username`, `email`, `name`), for people only; never compared.
    package var name: String?
    /// Groups as asserted by `issuer`; they count only together with it.
    package var groups: [String]
    /// Whether `issuer` is marked `people: true`: only then may the principal hold a role.
    package var isPersonIssuer: Bool

    package init(issuer: String, subject: String, name: String? = nil, groups: [String], isPersonIssuer: Bool) {
        self.issuer = issuer
        self.subject = subject
        self.name = name
        self.groups = groups
        self.isPersonIssuer = isPersonIssuer
    }

    package static func == (one: Principal, other: Principal) -> Bool {
        one.issuer == other.issuer && one.subject == other.subject
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(issuer)
        hasher.combine(subject)
    }
}

/// Who acts for the principal and why. `verified` parts come from signed claims; what a client merely says is
/// `claimed`.
package struct AgentContext: Sendable, Hashable {
    package enum Trust: String, Sendable {
        case verified
        case claimed
    }

    package var agent: String?
    package var model: String?
    package var run: String?
    package var purpose: String?
    package var traceparent: String?
    /// The person an agent acts for (RFC 8693 `act`: the token's subject, while `agent` is the actor).
    package var onBehalfOf: String?
    package var trust: Trust
    /// The agent's name where the token itself holds it; nil when it is only claimed.
    package var verifiedAgent: String?

    package init(
        agent: String? = nil, model: String? = nil, run: String? = nil, purpose: String? = nil,
        traceparent: String? = nil,
        onBehalfOf: String? = nil, trust: Trust = .claimed
    ) {
        self.agent = agent
        self.model = model
        self.run = run
        self.purpose = purpose
        self.traceparent = traceparent
        self.onBehalfOf = onBehalfOf
        self.trust = trust
    }
}

/// What a sign-in yields: the principal, its agent, and until when the proof is good.
package struct VerifiedIdentity: Sendable {
    package var principal: Principal
    package var agent: AgentContext
    /// The token's `exp`.
    package var expires: Timestamp
    /// The token's `jti`, if any: what a revocation names.
    package var tokenID: String?
    /// Whether the token was got by a program with credentials of its own: good for sessions, never for decisions and
    /// roles.
    package var isMachine: Bool

    package init(
        principal: Principal, agent: AgentContext, expires: Timestamp, tokenID: String? = nil, isMachine: Bool = false
    ) {
        self.principal = principal
        self.agent = agent
        self.expires = expires
        self.tokenID = tokenID
        self.isMachine = isMachine
    }
}
