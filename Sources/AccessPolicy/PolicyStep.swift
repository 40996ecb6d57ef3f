package import GatewayCore

/// One step on the way to a verdict, for people: a rule, whether it was met, and why.
package struct PolicyStep: Sendable, Hashable {
    /// A guard's name, or `read_only`, `unknown_effect`, `not_understood`.
    package let rule: String
    /// What the rule says when it is met.
    package let then: VerdictKind
    /// It only observes.
    package var isObserved = false
    package let isMet: Bool
    /// One for each condition.
    package let reasons: [String]
}

extension NotUnderstoodPolicy {
    var kind: VerdictKind {
        switch self {
        case .allow: .allow
        case .hold: .hold
        case .block: .block
        }
    }
}
