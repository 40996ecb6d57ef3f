/// What a guard decided about a command. Strictness: allow < hold < block.
package enum VerdictKind: String, Sendable, Comparable {
    case allow
    case hold
    case block

    private var strictness: Int {
        switch self {
        case .allow: 0
        case .hold: 1
        case .block: 2
        }
    }

    package static func < (one: VerdictKind, other: VerdictKind) -> Bool {
        one.strictness < other.strictness
    }
}

/// Who must agree to a held command, and how long there is for it.
package struct HoldTerms: Sendable, Hashable {
    /// Groups whose members may approve.
    package var groups: [String]
    /// How many different people must approve.
    package var count: Int
    /// Seconds until the request expires and the command is refused.
    package var within: Int
    /// Seconds that the client is kept waiting. Then it is refused with the approval's id, and the same command, sent
    /// again, runs once it is granted. Nil: it waits until the end.
    package var wait: Int?
    /// How far a grant reaches.
    package var scope: GrantScope

    package init(
        groups: [String], count: Int = 1, within: Int = 900, wait: Int? = nil, scope: GrantScope = .once
    ) {
        self.groups = groups
        self.count = count
        self.within = within
        self.wait = wait
        self.scope = scope
    }

    /// What satisfies both: only people whom both trust, as many as the stricter wants, in the shorter time, for as
    /// little as either grants.
    package func combined(with other: HoldTerms) -> HoldTerms {
        HoldTerms(
            groups: groups.filter(other.groups.contains), count: max(count, other.count),
            within: min(within, other.within), wait: [wait, other.wait].compactMap(\.self).min(),
            scope: scope.combined(with: other.scope))
    }
}

/// What one grant lets pass.
package enum GrantScope: Sendable, Hashable {
    package enum Reach: String, Sendable, CaseIterable {
        case session
        case principal
    }

    /// The very command, once.
    case once
    /// Also what is the same statement but for its values, for `seconds` from the grant.
    case same(seconds: Int, in: Reach)

    package func combined(with other: GrantScope) -> GrantScope {
        guard case .same(let one, let reach) = self, case .same(let two, let otherReach) = other else { return .once }
        return .same(seconds: min(one, two), in: reach == .session ? .session : otherReach)
    }
}

/// The decision on one command, with every rule that matched and the words for the client.
package struct Verdict: Sendable, Hashable {
    package var kind: VerdictKind
    /// Names of all rules that matched, in the order of the file, those that only observe among them.
    package var rules: [String]
    /// Those of `rules` that say what the verdict is.
    package var decidedBy: [String] = []
    /// Those of `rules` that only observe.
    package var observed: [String] = []
    /// What the verdict would be if rules that only observe counted; nil when that is no other.
    package var would: VerdictKind?
    /// The deciding rule's message, for the client; nil for allow.
    package var message: String?
    /// The SQLSTATE of a block that is none of permission: something was longer than is judged.
    package var code: String?
    /// Set for `hold` only.
    package var hold: HoldTerms?
    /// Version of the policy that judged (hash prefix), for the entry.
    package var policy: String

    package init(
        kind: VerdictKind, rules: [String] = [], message: String? = nil, hold: HoldTerms? = nil, policy: String = ""
    ) {
        self.kind = kind
        self.rules = rules
        decidedBy = rules
        self.message = message
        self.hold = hold
        self.policy = policy
    }

    package static let allow = Verdict(kind: .allow)
}
