import GatewayCore

/// Patterns of one key, with its `not:`.
private struct NameList: Sendable {
    let patterns: [NamePattern]
    let isNegated: Bool

    init(_ words: GuardRule.Words) {
        patterns = words.list.map { NamePattern($0) }
        isNegated = words.isNegated
    }

    /// Nobody is none of the names.
    func isMet(by name: String?) -> Bool {
        guard let name else { return isNegated }
        return patterns.contains { $0.matches(name) } != isNegated
    }

    var text: String { (isNegated ? "not " : "") + patterns.map(\.text).joined(separator: ", ") }
}

/// A member of one of the groups, as the principal's issuer says.
struct GroupTest: GuardTest {
    private let groups: Set<String>
    private let isNegated: Bool

    init(_ words: GuardRule.Words) {
        groups = Set(words.list)
        isNegated = words.isNegated
    }

    func isMet(by subject: CommandSubject) -> Bool {
        (subject.principal?.groups.contains(where: groups.contains) ?? false) != isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        guard let principal = subject.principal else { return "nobody is named, so no group is known" }
        return
            "\(principal.subject) is in: \(principal.groups.isEmpty ? "no group" : principal.groups.joined(separator: ", "))"
    }
}

struct IssuerTest: GuardTest {
    private let issuers: Set<String>
    private let isNegated: Bool

    init(_ words: GuardRule.Words) {
        issuers = Set(words.list)
        isNegated = words.isNegated
    }

    func isMet(by subject: CommandSubject) -> Bool {
        (subject.principal.map { issuers.contains($0.issuer) } ?? false) != isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        subject.principal.map { "the issuer is \($0.issuer)" } ?? "nobody is named, so no issuer is known"
    }
}

/// By the subject of the token.
struct PrincipalTest: GuardTest {
    private let names: NameList

    init(_ words: GuardRule.Words) { names = NameList(words) }

    func isMet(by subject: CommandSubject) -> Bool { names.isMet(by: subject.principal?.subject) }

    func reason(_ subject: CommandSubject) -> String {
        subject.principal.map { "the subject is \($0.subject)" } ?? "nobody is named"
    }
}

/// By the agent's name. What a client merely says of itself counts only where it makes the rule stricter: nobody gets
/// around a block, or into an allow, by a name that no token holds. `*` alone is any agent that a token names, since every
/// program gives some name to itself.
struct AgentTest: GuardTest {
    private let patterns: [NamePattern]
    private let isNegated: Bool
    private let countsClaims: Bool

    init(_ words: GuardRule.Words, isStrict: Bool) {
        patterns = words.list.map { NamePattern($0) }
        isNegated = words.isNegated
        countsClaims = isStrict != words.isNegated
    }

    func isMet(by subject: CommandSubject) -> Bool { isNamed(subject.agent) != isNegated }

    private func isNamed(_ agent: AgentContext?) -> Bool {
        guard let agent else { return false }
        if let name = agent.verifiedAgent { return patterns.contains { $0.matches(name) } }
        guard countsClaims, let name = agent.agent else { return false }
        return patterns.contains { $0.text != "*" && $0.matches(name) }
    }

    func reason(_ subject: CommandSubject) -> String {
        if let name = subject.agent?.verifiedAgent { return "the agent is \(name)" }
        return subject.agent?.agent.map { "\($0) is only claimed to be the agent" } ?? "there is no agent"
    }
}

struct PurposeTest: GuardTest {
    let isPresent: Bool

    func isMet(by subject: CommandSubject) -> Bool { (subject.agent?.purpose?.isEmpty == false) == isPresent }

    func reason(_ subject: CommandSubject) -> String {
        subject.agent?.purpose.map { "the purpose is: \($0)" } ?? "no purpose is told"
    }
}

/// By the clock that the subject brings. Without one a strict rule applies.
struct TimeTest: GuardTest {
    let window: TimeWindow
    let isStrict: Bool

    func isMet(by subject: CommandSubject) -> Bool {
        guard let time = subject.time else { return isStrict }
        return window.contains(time) != window.isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        guard let time = subject.time else { return "no time is told" }
        return "\(time) is \(window.contains(time) ? "within" : "outside") \(window)"
    }
}
