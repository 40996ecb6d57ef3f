import GatewayCore

/// The statement is one of the words.
struct StatementTest: GuardTest {
    let words: [StatementWord]

    func isMet(by subject: CommandSubject) -> Bool {
        for word in words where word.matches(subject) { return true }
        return false
    }

    func reason(_ subject: CommandSubject) -> String {
        let met = words.filter { $0.matches(subject) }.map(\.text)
        return met.isEmpty
            ? "it is none of: \(words.map(\.text).joined(separator: ", "))" : "it is: \(met.joined(separator: ", "))"
    }
}

/// A table that is (or with `not:` is not) one of the patterns.
struct TableTest: GuardTest {
    let patterns: [TablePattern]
    let isNegated: Bool
    /// The rule's statement words.
    let words: [StatementWord]

    func isMet(by subject: CommandSubject) -> Bool {
        if subject.writes.contains(where: { fits($0, subject) }) { return true }
        return !meansWritten(subject) && subject.reads.contains { fits($0, subject) }
    }

    /// A DELETE rule on a table is about rows deleted there, not about a DELETE elsewhere that reads it.
    private func meansWritten(_ subject: CommandSubject) -> Bool {
        guard !subject.writes.isEmpty, !words.isEmpty else { return false }
        return !words.contains { !$0.isAboutWrittenRows && $0.matches(subject) }
    }

    private func fits(_ relation: RelationName, _ subject: CommandSubject) -> Bool {
        patterns.contains { $0.matches(relation, path: subject.searchPath) } != isNegated
    }

    func reason(_ subject: CommandSubject) -> String {
        let named = (subject.writes + subject.reads).filter { fits($0, subject) }
        let list = patterns.map(\.text).joined(separator: ", ")
        guard !named.isEmpty else {
            return isNegated ? "it names no table but: \(list)" : "it names none of the tables: \(list)"
        }
        return "it names: \(named.map(\.description).joined(separator: ", "))"
            + (subject.writes.contains { fits($0, subject) } ? " (written)" : " (read)")
    }
}

/// Something named lies, or may lie, in a schema that is (or is not) one of the patterns.
struct SchemaTest: GuardTest {
    let patterns: [NamePattern]
    let isNegated: Bool

    func isMet(by subject: CommandSubject) -> Bool {
        let path = subject.searchPath
        if subject.writes.contains(where: { fits($0, path) }) || subject.reads.contains(where: { fits($0, path) }) {
            return true
        }
        return subject.schemas.contains(where: fits)
            || subject.functions.contains { name in Self.schema(of: name).map(fits) ?? false }
    }

    private func fits(_ name: String) -> Bool { patterns.contains { $0.matches(name) } != isNegated }

    private func fits(_ relation: RelationName, _ path: SearchPath) -> Bool {
        guard isNegated, relation.schema.isEmpty else {
            return patterns.contains { path.mayHold(relation, $0) } != isNegated
        }
        // The server's own catalogue is on every path.
        if relation.name.hasPrefix("pg_") { return fits("pg_catalog") }
        return path.schemas?.contains(where: fits) ?? true
    }

    /// A function without a schema is the server's own, or of unknown effect.
    private static func schema(of function: String) -> String? {
        function.lastIndex(of: ".").map { String(function[..<$0]) }
    }

    func reason(_ subject: CommandSubject) -> String {
        let list = patterns.map(\.text).joined(separator: ", ")
        let which = isNegated ? "none of the schemas: \(list)" : "one of the schemas: \(list)"
        return isMet(by: subject) ? "it names something in \(which)" : "it names nothing in \(which)"
    }
}

/// A column that is one of the patterns is read or written.
struct ColumnTest: GuardTest {
    /// The key in the file.
    enum Use: String {
        case any = "column"
        case read = "column_read"
        case written = "column_written"
    }

    let use: Use
    let patterns: [ColumnMatch]

    func isMet(by subject: CommandSubject) -> Bool { patterns.contains { isMet($0, subject) } }

    private func isMet(_ pattern: ColumnMatch, _ subject: CommandSubject) -> Bool {
        if use != .written, pattern.matches(subject.columnsRead, anyColumn: subject.readsAnyColumn, of: subject) {
            return true
        }
        return use != .read
            && pattern.matches(subject.columnsWritten, anyColumn: subject.writesAnyColumn, of: subject)
    }

    func reason(_ subject: CommandSubject) -> String {
        let met = patterns.filter { isMet($0, subject) }.map(\.text)
        let deed = use == .read ? "reads" : use == .written ? "writes" : "names"
        return met.isEmpty
            ? "it \(deed) none of the columns: \(patterns.map(\.text).joined(separator: ", "))"
            : "it \(deed), or may: \(met.joined(separator: ", "))"
    }
}

/// A function that is one of the patterns is called.
struct FunctionTest: GuardTest {
    let patterns: [TablePattern]

    func isMet(by subject: CommandSubject) -> Bool { subject.functions.contains(where: fits) }

    /// Without a schema it may be anybody's.
    private func fits(_ function: String) -> Bool {
        let name: RelationName
        if let dot = function.lastIndex(of: ".") {
            name = RelationName(
                schema: String(function[..<dot]), name: String(function[function.index(after: dot)...]))
        } else {
            name = RelationName(name: function)
        }
        return patterns.contains { $0.matches(name, path: .unknown) }
    }

    func reason(_ subject: CommandSubject) -> String {
        let called = subject.functions.filter(fits)
        return called.isEmpty
            ? "it calls none of: \(patterns.map(\.text).joined(separator: ", "))"
            : "it calls: \(called.joined(separator: ", "))"
    }
}

/// WHERE or LIMIT is missing.
struct WithoutTest: GuardTest {
    let `where`: Bool
    let limit: Bool

    func isMet(by subject: CommandSubject) -> Bool {
        self.where && subject.writesWithoutWhere || limit && subject.readsWithoutLimit
    }

    func reason(_ subject: CommandSubject) -> String {
        var found: [String] = []
        if self.where { found.append(subject.writesWithoutWhere ? "no WHERE spares a row" : "a WHERE spares rows") }
        if limit {
            found.append(
                subject.readsWithoutLimit ? "no LIMIT bounds its rows" : "its rows are bounded, or it has none")
        }
        return found.joined(separator: ", ")
    }
}

struct JoinTest: GuardTest {
    let most: Int

    func isMet(by subject: CommandSubject) -> Bool { subject.joinedRelations > most }

    func reason(_ subject: CommandSubject) -> String {
        "it joins \(subject.joinedRelations) relations, and the rule is about more than \(most)"
    }
}

struct TextTest: GuardTest {
    let pattern: TextPattern

    func isMet(by subject: CommandSubject) -> Bool { subject.text.withUnsafeBytes { pattern.matches($0) } }

    func reason(_ subject: CommandSubject) -> String {
        isMet(by: subject) ? "the text matches the expression" : "the text does not match the expression"
    }
}
