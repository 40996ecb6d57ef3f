import GatewayCore

/// A guard ready to be asked.
struct CompiledGuard: Sendable {
    let rule: GuardRule
    private let words: [StatementWord]
    private let tables: [TablePattern]
    private let pattern: TextPattern?

    /// - Throws: nothing; all that is wrong with the rule is added to `problems`, and then nil comes back.
    init?(_ rule: GuardRule, problems: inout [RuleProblem]) {
        let before = problems.count
        func problem(_ key: String, _ what: String, _ fix: String) {
            problems.append(RuleProblem(key: key, what: what, fix: fix))
        }
        self.rule = rule
        if rule.name.isEmpty { problem("name", "the guard has no name", "name it, as records and refusals show it") }
        let when = rule.when
        if when.statement.isEmpty, when.table.isEmpty, !when.withoutWhere, when.matches == nil {
            problem(
                "when", "the guard has no condition, so it says nothing", "add statement, table, without or matches")
        }
        words = when.statement.compactMap { text in
            if let word = StatementWord(text) { return word }
            let near = Nearest.word(to: text, among: StatementVerbs.examples)
            problem(
                "when.statement", "no statement is called `\(text)`, so the guard could never apply",
                near.map { "did you mean `\($0)`?" }
                    ?? "use a class such as select, delete, ddl, a group (read, write) or a verb such as drop table")
            return nil
        }
        tables = when.table.compactMap { text in
            if let pattern = TablePattern(text) { return pattern }
            problem(
                "when.table", "`\(text)` is no table name, so the guard could never apply",
                "write table or schema.table, with * as a wildcard")
            return nil
        }
        pattern = {
            guard let source = when.matches else { return nil }
            do throws(GatewayError) {
                return try TextPattern(source)
            } catch {
                problem(
                    "when.matches", "the expression cannot be used: \(error.message)",
                    "use an expression without look-around and back-references")
                return nil
            }
        }()
        if when.withoutWhere, !words.isEmpty, !words.contains(where: \.isAboutWrittenRows) {
            problem(
                "when.without",
                "none of the statements listed has a WHERE to go without, so the guard could never apply",
                "list delete, update, truncate or write")
        }
        if rule.then == .hold {
            if let terms = rule.approve {
                if terms.groups.isEmpty || terms.groups.contains(where: \.isEmpty) {
                    problem(
                        "approve.groups", "nobody may approve, so the command would always expire",
                        "name at least one group")
                }
                if terms.count < 1 { problem("approve.count", "the count is \(terms.count)", "use 1 or more") }
                if terms.within < 1 {
                    problem("approve.within", "there is no time to approve", "use a duration such as 15m")
                }
            } else {
                problem("approve", "a hold needs someone who may approve", "add approve: {groups: […]}")
            }
        } else if rule.approve != nil {
            problem(
                "approve", "only a hold is approved, and this guard says \(rule.then.rawValue)",
                "say then: hold, or leave approve out")
        }
        if problems.count > before { return nil }
    }

    func matches(_ subject: CommandSubject) -> Bool {
        if rule.when.withoutWhere, !subject.writesWithoutWhere { return false }
        var isMet = false
        // A DELETE rule on a table is about rows deleted there, not about a DELETE elsewhere that reads it.
        var writesOnly = true
        for word in words where word.matches(subject) {
            isMet = true
            writesOnly = writesOnly && word.isAboutWrittenRows
        }
        if !words.isEmpty, !isMet { return false }
        if !tables.isEmpty {
            let meansWritten = isMet && writesOnly && !subject.writes.isEmpty
            guard isAny(of: subject.writes) || !meansWritten && isAny(of: subject.reads) else { return false }
        }
        guard let pattern else { return true }
        return subject.text.withUnsafeBytes { pattern.matches($0) }
    }

    /// Each condition in words, with what it found. `matches` alone decides.
    func reasons(_ subject: CommandSubject) -> [String] {
        var reasons: [String] = []
        if !words.isEmpty {
            let met = words.filter { $0.matches(subject) }.map(\.text)
            reasons.append(
                met.isEmpty
                    ? "it is none of: \(words.map(\.text).joined(separator: ", "))"
                    : "it is: \(met.joined(separator: ", "))")
        }
        if !tables.isEmpty {
            let named = (subject.writes + subject.reads).filter { relation in
                tables.contains { $0.matches(relation) }
            }
            reasons.append(
                named.isEmpty
                    ? "it names none of the tables: \(tables.map(\.text).joined(separator: ", "))"
                    : "it names: \(named.map(\.description).joined(separator: ", "))"
                        + (isAny(of: subject.writes) ? " (written)" : " (read)"))
        }
        if rule.when.withoutWhere {
            reasons.append(subject.writesWithoutWhere ? "no WHERE spares a row" : "a WHERE spares rows")
        }
        if let pattern {
            let isMet = subject.text.withUnsafeBytes { pattern.matches($0) }
            reasons.append(isMet ? "the text matches the expression" : "the text does not match the expression")
        }
        return reasons
    }

    private func isAny(of relations: [RelationName]) -> Bool {
        relations.contains { relation in tables.contains { $0.matches(relation) } }
    }
}

/// The suggestion of an error message.
package enum Nearest {
    /// The known word that takes the fewest edits to reach; nil when none is near.
    package static func word(to text: String, among known: some Sequence<String>) -> String? {
        let text = Array(text.lowercased().utf8.prefix(64))
        let limit = max(1, (text.count + 1) / 3)
        var best: (word: String, distance: Int)?
        for word in known {
            let distance = distance(text, Array(word.lowercased().utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (word, distance) }
        }
        return best?.word
    }

    /// Levenshtein distance.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = above
            }
        }
        return row[other.count]
    }
}
