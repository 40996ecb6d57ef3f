import GatewayCore

/// What one policy of a connection says and another does not.
package struct PolicyDiff: Sendable, Hashable {
    /// Names of rules.
    package private(set) var added: [String] = []
    package private(set) var removed: [String] = []
    package private(set) var changed: [String] = []
    /// Same rules, other order: of equally strict ones another may give the words.
    package private(set) var isReordered = false
    /// One line a difference, `+` and `-` before it, for people and the record.
    package private(set) var lines: [String] = []

    package var isEmpty: Bool { lines.isEmpty }

    package init(from old: PolicySnapshot, to new: PolicySnapshot) {
        let before = Dictionary(old.rules.map { ($0.name, $0) }) { first, _ in first }
        let after = Dictionary(new.rules.map { ($0.name, $0) }) { first, _ in first }
        for rule in old.rules where after[rule.name] == nil {
            removed.append(rule.name)
            lines.append("- \(rule)")
        }
        for rule in new.rules {
            guard let earlier = before[rule.name] else {
                added.append(rule.name)
                lines.append("+ \(rule)")
                continue
            }
            guard earlier != rule else { continue }
            changed.append(rule.name)
            lines += ["- \(earlier)", "+ \(rule)"]
        }
        let kept = (
            old.rules.map(\.name).filter { after[$0] != nil }, new.rules.map(\.name).filter { before[$0] != nil }
        )
        if kept.0 != kept.1 {
            isReordered = true
            lines.append("= order: \(kept.1.joined(separator: ", "))")
        }
        for (name, one, other) in [
            ("read_only", old.isReadOnly ? "true" : "false", new.isReadOnly ? "true" : "false"),
            ("not_understood", old.notUnderstood.description, new.notUnderstood.description),
            ("unknown_effect", old.unknownEffect.description, new.unknownEffect.description),
            ("opa", old.external.words, new.external.words),
        ] where one != other {
            lines += ["- \(name): \(one)", "+ \(name): \(other)"]
        }
    }
}

extension GuardRule: CustomStringConvertible {
    /// On one line, as it would stand in a file.
    package var description: String {
        let when = when.parts.map { "\($0.key): \($0.values.joined(separator: ", "))" }.joined(separator: "; ")
        var text = "\(name): when {\(when)} then \(isObserved ? "log, would \(then.rawValue)" : then.rawValue)"
        if let approve { text += " \(approve.words)" }
        if let message { text += " message: \(message)" }
        return text
    }
}

extension NotUnderstoodPolicy: CustomStringConvertible {
    package var description: String {
        switch self {
        case .allow: "allow"
        case .block: "block"
        case .hold(let terms): "hold \(terms.words)"
        }
    }
}

extension ExternalPolicy? {
    fileprivate var words: String {
        guard let self else { return "none" }
        return "\(self.url) within \(self.timeout) ms" + (self.approve.map { " " + $0.words } ?? "")
    }
}

extension HoldTerms {
    fileprivate var words: String {
        "approve {groups: \(groups.joined(separator: ", ")); count: \(count); within: \(within)s}"
    }
}
