import GatewayCore

/// What is lawful in a policy and yet can change no verdict.
package struct PolicyFinding: Sendable, Hashable {
    package enum Kind: String, Sendable {
        /// Another rule, at least as strict, is met by everything that this one is met by.
        case shadowed
        /// It says what would be so without it.
        case idle
    }

    /// The rule's name.
    package var rule: String
    package var kind: Kind
    package var what: String
    package var fix: String
}

/// Looks for rules that no verdict depends on. It tells only what surely is so.
package enum PolicyLint {
    package static func findings(_ rules: [GuardRule], readOnly: Bool) -> [PolicyFinding] {
        var findings: [PolicyFinding] = []
        for (index, rule) in rules.enumerated() {
            if let other = shadow(of: index, in: rules) {
                findings.append(
                    PolicyFinding(
                        rule: rule.name, kind: .shadowed,
                        what:
                            "`\(other.name)` (\(verb(other))) applies to everything that this rule (\(verb(rule))) is about",
                        fix: "remove it, or narrow `\(other.name)`"))
            } else if readOnly, !rule.isObserved, isRefusedByReadOnly(rule) {
                findings.append(
                    PolicyFinding(
                        rule: rule.name, kind: .shadowed, what: "read_only refuses all that it is about",
                        fix: "remove it, or take read_only away"))
            } else if rule.then == .allow, !rule.isObserved, !namesUnknownEffect(rule) {
                findings.append(
                    PolicyFinding(
                        rule: rule.name, kind: .idle,
                        what:
                            "an allow lifts no other rule, only the default for unknown_effect, which it does not name",
                        fix: "name unknown_effect under statement, or remove it"))
            }
        }
        return findings
    }

    private static func verb(_ rule: GuardRule) -> String { rule.isObserved ? "log" : rule.then.rawValue }

    /// A rule that takes all of this one's verdicts away; of two that say the same, the later is shadowed.
    private static func shadow(of index: Int, in rules: [GuardRule]) -> GuardRule? {
        let rule = rules[index]
        // A rule that observes is there to be seen, and an allow may be needed for what it names.
        guard !rule.isObserved, rule.then != .allow else { return nil }
        for (place, other) in rules.enumerated() where place != index && !other.isObserved {
            guard covers(other.when, rule.when) else { continue }
            if other.then > rule.then { return other }
            // Of two holds both terms count, so neither is in vain unless they are the same.
            if other.then == rule.then, rule.then == .block || other.approve == rule.approve,
                place < index || !covers(rule.when, other.when)
            {
                return other
            }
        }
        return nil
    }

    private static func namesUnknownEffect(_ rule: GuardRule) -> Bool {
        rule.when.statement.contains { $0.lowercased() == StatementClass.unknownEffect.rawValue }
    }

    private static func isRefusedByReadOnly(_ rule: GuardRule) -> Bool {
        guard !rule.when.statement.isEmpty else { return false }
        return rule.when.statement.allSatisfy { text in
            let word = text.lowercased()
            if word == "write" { return true }
            guard let name = StatementClass(rawValue: word), name != .unknownEffect else { return false }
            return name != .copy && name != .setting
                && ReadOnly.objection(to: CommandSubject(classes: [name])) != nil
        }
    }

    // MARK: - Conditions

    /// Whether every command that `narrow` is met by meets `wide` too. False when that is not sure.
    static func covers(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        coversDeeds(wide, narrow) && coversRequests(wide, narrow) && coversObjects(wide, narrow)
            && coversPeople(wide, narrow)
    }

    private static func coversDeeds(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        if !wide.statement.isEmpty {
            guard !narrow.statement.isEmpty,
                narrow.statement.allSatisfy({ word in wide.statement.contains { covers($0, word) } })
            else { return false }
        }
        if wide.withoutWhere || wide.withoutLimit {
            guard narrow.withoutWhere || narrow.withoutLimit, wide.withoutWhere || !narrow.withoutWhere,
                wide.withoutLimit || !narrow.withoutLimit
            else { return false }
        }
        if let joins = wide.joins {
            guard let other = narrow.joins, other >= joins else { return false }
        }
        if let rows = wide.estimatedRowsOver {
            guard let other = narrow.estimatedRowsOver, other >= rows else { return false }
        }
        return wide.matches == nil || wide.matches == narrow.matches
    }

    /// Only the same words are sure.
    private static func coversRequests(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        (wide.method.isEmpty || wide.method == narrow.method) && (wide.path.isEmpty || wide.path == narrow.path)
            && wide.header.allSatisfy(narrow.header.contains) && wide.query.allSatisfy(narrow.query.contains)
            && wide.body.allSatisfy(narrow.body.contains) && (wide.graphQL.isEmpty || wide.graphQL == narrow.graphQL)
    }

    /// `wide` and `narrow` are words of `statement:`.
    private static func covers(_ wide: String, _ narrow: String) -> Bool {
        let (wide, narrow) = (plain(wide), plain(narrow))
        if wide == narrow { return true }
        if wide == "write" { return ["insert", "update", "delete", "merge", "truncate"].contains(narrow) }
        if wide == "read" { return narrow == "select" }
        // A verb covers those that begin with it; what is a class is another thing.
        return StatementClass(rawValue: wide) == nil && narrow.hasPrefix(wide + " ")
    }

    private static func plain(_ word: String) -> String {
        word.lowercased().split(separator: " ").joined(separator: " ")
    }

    private static func coversObjects(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        // Which tables a table key means depends on the statement words: only written ones for words about writing.
        if !wide.table.isEmpty, !sameMeaningOfTables(wide, narrow) { return false }
        return covers(wide.table, narrow.table, pattern) && covers(wide.schema, narrow.schema, pattern)
            && covers(GuardRule.Words(wide.columnRead), GuardRule.Words(narrow.columnRead), pattern)
            && covers(GuardRule.Words(wide.columnWritten), GuardRule.Words(narrow.columnWritten), pattern)
            && covers(
                GuardRule.Words(wide.column),
                GuardRule.Words(
                    !narrow.column.isEmpty
                        ? narrow.column : narrow.columnRead.isEmpty ? narrow.columnWritten : narrow.columnRead), pattern
            )
            && covers(GuardRule.Words(wide.function), GuardRule.Words(narrow.function), pattern)
    }

    private static func sameMeaningOfTables(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        wide.statement.isEmpty || Set(wide.statement.map(plain)) == Set(narrow.statement.map(plain))
            || (wide.statement + narrow.statement).allSatisfy { StatementWord($0)?.isAboutWrittenRows ?? false }
    }

    /// A glob that fits the text of another fits whatever that one fits: its own stars alone can take the other's. A name
    /// with a schema is never told to cover one without.
    private static func pattern(_ wide: String, _ narrow: String) -> Bool {
        let (parts, others) = (wide.split(separator: "."), narrow.split(separator: "."))
        guard parts.count <= others.count else { return false }
        return zip(parts.reversed(), others.reversed()).allSatisfy { NamePattern(String($0)).matches(String($1)) }
    }

    private static func coversPeople(_ wide: GuardRule.Condition, _ narrow: GuardRule.Condition) -> Bool {
        func name(_ wide: String, _ narrow: String) -> Bool { NamePattern(wide).matches(narrow) }
        guard covers(wide.group, narrow.group, ==), covers(wide.issuer, narrow.issuer, ==),
            covers(wide.principal, narrow.principal, name)
        else { return false }
        // Whether a claimed name counts depends on the rule, so only the same words are sure.
        guard wide.agent.isEmpty || wide.agent == narrow.agent else { return false }
        return (wide.hasPurpose == nil || wide.hasPurpose == narrow.hasPurpose)
            && (wide.time == nil || wide.time == narrow.time)
    }

    private static func covers(
        _ wide: GuardRule.Words, _ narrow: GuardRule.Words, _ fits: (String, String) -> Bool
    ) -> Bool {
        if wide.isEmpty { return true }
        guard !narrow.isEmpty, wide.isNegated == narrow.isNegated else { return false }
        return wide.isNegated
            ? wide.list.allSatisfy { outside in narrow.list.contains { fits($0, outside) } }
            : narrow.list.allSatisfy { inside in wide.list.contains { fits($0, inside) } }
    }
}
