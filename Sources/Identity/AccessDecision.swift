package import GatewayCore

/// Who may use a connection. An empty list admits nobody.
package struct AccessList: Sendable, Hashable {
    package var groups: Set<String>
    package var subjects: Set<String>
    /// Issuers whose word on groups and subjects counts; nil for any configured one.
    package var issuers: Set<String>?

    package init(groups: Set<String> = [], subjects: Set<String> = [], issuers: Set<String>? = nil) {
        self.groups = groups
        self.subjects = subjects
        self.issuers = issuers
    }

    /// Whether `principal` is on the list; looks at every group, whatever it finds before.
    package func allows(_ principal: Principal) -> Bool {
        var isListed = subjects.contains(principal.subject)
        for group in principal.groups where groups.contains(group) { isListed = true }
        let isTrusted = issuers?.contains(principal.issuer) ?? true
        return isListed && isTrusted
    }
}

/// Decides whether a principal may use a connection, so that a name that does not exist looks like one that is not for
/// them.
package enum AccessDecision {
    /// A list that stands in for an unknown connection: as much work as a real one, and nobody is on it.
    private static let nobody = AccessList(
        groups: ["\u{0}nobody", "\u{0}no-one", "\u{0}none"], subjects: ["\u{0}nobody"])

    /// What `lookup` finds under `name`, if the principal is on its list.
    /// Errors: `access.denied`, in the same words whether the name is unknown or not allowed.
    package static func authorize<Found>(
        _ principal: Principal, connection name: String, lookup: (String) -> (access: AccessList, found: Found)?
    ) throws(GatewayError) -> Found {
        let candidate = lookup(name)
        let isAllowed = (candidate?.access ?? nobody).allows(principal)
        // The message is made in all cases and names what the client sent only.
        let refusal = GatewayError(
            .accessDenied,
            "No connection \"\(ClaimedIdentity.printable(name))\" for this identity. Check the name and the groups in the token."
        )
        guard let found = candidate?.found, isAllowed else { throw refusal }
        return found
    }
}
