package import GatewayCore

/// Somebody outside who is asked about each command too: Open Policy Agent, by its REST data API.
package struct ExternalPolicy: Sendable, Hashable {
    /// Of the rule in verdicts and entries.
    package static let rule = "opa"

    package var url: String
    /// Milliseconds for the whole answer; past them it is a block.
    package var timeout: Int
    /// Who may approve what it holds; nil: the terms of the first hold among the guards.
    package var approve: HoldTerms?

    package init(url: String, timeout: Int = 500, approve: HoldTerms? = nil) {
        self.url = url
        self.timeout = timeout
        self.approve = approve
    }
}

/// What it said, or that it could not be had, which is a block.
package struct ExternalVerdict: Sendable, Hashable {
    package var kind: VerdictKind
    /// Its own words for the client, or what failed.
    package var reason: String?

    package init(_ kind: VerdictKind, reason: String? = nil) {
        self.kind = kind
        self.reason = reason
    }
}
