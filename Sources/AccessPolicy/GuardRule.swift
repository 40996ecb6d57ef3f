package import GatewayCore

/// One guard of a connection's `guard:` list or of the shared `policy:`, as written.
package struct GuardRule: Sendable, Hashable {
    package var name: String
    package var when: Condition
    package var then: VerdictKind
    /// `then: log`: the rule decides nothing, and the record tells what it would have said, which is `then`.
    package var isObserved: Bool
    /// For `hold`.
    package var approve: HoldTerms?
    /// Words for the client; a default is made from the name.
    package var message: String?

    package init(
        name: String, when: Condition, then: VerdictKind, isObserved: Bool = false, approve: HoldTerms? = nil,
        message: String? = nil
    ) {
        self.name = name
        self.when = when
        self.then = then
        self.isObserved = isObserved
        self.approve = approve
        self.message = message
    }
}

/// Why a rule cannot be used, with the key that is wrong, for the file's error list.
package struct RuleProblem: Error, Sendable, Hashable {
    /// Path under the rule: `when.statement`, `approve.groups`…
    package var key: String
    package var what: String
    package var fix: String

    package init(key: String, what: String, fix: String) {
        self.key = key
        self.what = what
        self.fix = fix
    }
}

/// What a connection does with a command that was not understood.
package enum NotUnderstoodPolicy: Sendable, Hashable {
    case allow
    case hold(HoldTerms)
    case block
}
