/// An issuer whose tokens are accepted, and how its claims are read.
package struct IssuerConfiguration: Sendable, Hashable {
    /// The exact `iss` value; discovery appends `/.well-known/openid-configuration` to it.
    package var url: String
    /// Values of which `aud` must contain one at the session door.
    package var audiences: [String]
    /// Member names from the payload's top to the groups.
    package var groupsClaim: [String]
    /// Characters at which a groups claim that is a single string is split.
    package var groupsSeparators: Set<Character>
    /// A claim that names the agent when neither `act` nor `agent` does, e.g. `azp` or `client_id`; nil for none.
    package var agentClaim: [String]?
    /// A claim that the issuer puts only into tokens of people who signed in, e.g. `amr` or `auth_time`: tokens without
    /// it give neither roles nor decisions. Nil asks for none.
    package var interactiveClaim: [String]?
    /// Whether principals of this issuer are people, who alone may hold roles.
    package var people: Bool
    package var algorithms: Set<TokenAlgorithm>
    /// A PEM file with the only authorities that the issuer's certificate may rest on; nil for the system's.
    package var authority: String?

    package init(
        url: String, audiences: [String] = [TokenVerifier.sessionAudience], groupsClaim: [String] = ["groups"],
        groupsSeparators: Set<Character> = [",", " "], agentClaim: [String]? = nil,
        interactiveClaim: [String]? = nil, people: Bool = false,
        algorithms: Set<TokenAlgorithm> = Set(TokenAlgorithm.allCases)
    ) {
        self.url = url
        self.audiences = audiences
        self.groupsClaim = groupsClaim
        self.groupsSeparators = groupsSeparators
        self.agentClaim = agentClaim
        self.interactiveClaim = interactiveClaim
        self.people = people
        self.algorithms = algorithms
    }

    /// A claim path as written in the configuration: `realm_access.roles`; a name that is a URL is one step.
    package static func claimPath(_ text: String) -> [String] {
        text.contains("://") ? [text] : text.split(separator: ".").map(String.init)
    }
}
