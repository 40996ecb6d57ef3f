package import GatewayCore

/// One guard of a connection's `guard:` list, as written.
package struct GuardRule: Sendable, Hashable {
    /// What a command must be for the rule to apply; all that is given must hold.
    package struct Condition: Sendable, Hashable {
        /// Classes, groups or verbs; one of them.
        package var statement: [String]
        /// Table patterns; one of them on one table.
        package var table: [String]
        /// `without: where`.
        package var withoutWhere: Bool
        /// Regular expression on the text.
        package var matches: String?

        package init(statement: [String] = [], table: [String] = [], withoutWhere: Bool = false, matches: String? = nil)
        {
            self.statement = statement
            self.table = table
            self.withoutWhere = withoutWhere
            self.matches = matches
        }
    }

    package var name: String
    package var when: Condition
    package var then: VerdictKind
    /// For `hold`.
    package var approve: HoldTerms?
    /// Words for the client; a default is made from the name.
    package var message: String?

    package init(
        name: String, when: Condition, then: VerdictKind, approve: HoldTerms? = nil, message: String? = nil
    ) {
        self.name = name
        self.when = when
        self.then = then
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
