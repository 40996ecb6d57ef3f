import GatewayCore

/// One word of a rule's `statement:` list: a class, a group of classes, or a verb (`drop table`, `alter`).
package struct StatementWord: Sendable, Hashable {
    private enum Meaning: Sendable, Hashable {
        case statementClass(StatementClass)
        case write
        case read
        /// Upper case; matches verbs that are it or begin with it.
        case verb(String)
    }

    package let text: String
    private let meaning: Meaning
    /// Whether the word is about changing rows, so that a rule's tables are those written.
    let isAboutWrittenRows: Bool

    /// Nil when no command could ever be called that.
    package init?(_ text: String) {
        self.text = text
        let words = text.lowercased().split(separator: " ").joined(separator: " ")
        switch words {
        case "write": meaning = .write
        case "read": meaning = .read
        default:
            if let known = StatementClass(rawValue: words) {
                meaning = .statementClass(known)
            } else if StatementVerbs.isKnown(words) {
                meaning = .verb(words.uppercased())
            } else {
                return nil
            }
        }
        isAboutWrittenRows =
            switch meaning {
            case .statementClass(let name): Self.rowWrites.contains(name)
            case .write: true
            case .read: false
            case .verb(let verb): ["INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"].contains(verb)
            }
    }

    /// Classes of which every command has one that it matches.
    var classes: ClassMask {
        switch meaning {
        case .statementClass(let name): ClassMask([name])
        case .write: ClassMask(Self.rowWrites).union(ClassMask([.copy]))
        case .read: ClassMask([.select, .copy])
        case .verb: .all
        }
    }

    func matches(_ subject: CommandSubject) -> Bool {
        switch meaning {
        case .statementClass(let name):
            subject.classes.contains(name)
        case .write:
            !subject.classes.isDisjoint(with: Self.rowWrites)
                || subject.classes.contains(.copy) && !Self.copiesOutOnly(subject)
        case .read:
            subject.classes.contains(.select)
                || subject.classes.contains(.copy) && subject.verbs.contains { Self.verb("COPY TO", covers: $0) }
        case .verb(let verb):
            subject.verbs.contains { Self.verb(verb, covers: $0) }
        }
    }

    /// A COPY that does not say its direction counts as one that writes.
    static func copiesOutOnly(_ subject: CommandSubject) -> Bool {
        let copies = subject.verbs.filter { verb("COPY", covers: $0) }
        return !copies.isEmpty && copies.allSatisfy { verb("COPY TO", covers: $0) }
    }

    /// Whether `verb`, in any case, is `word` (upper case) or begins with it as a whole word; without an allocation.
    static func verb(_ word: String, covers verb: String) -> Bool {
        var rest = verb.utf8.makeIterator()
        for expected in word.utf8 {
            guard let byte = rest.next(), (byte &- 0x61 < 26 ? byte & 0xDF : byte) == expected else { return false }
        }
        return (rest.next() ?? 0x20) == 0x20
    }

    private static let rowWrites: Set<StatementClass> = [.insert, .update, .delete, .merge, .truncate]
}

/// The verbs that PostgreSQL statements begin with.
package enum StatementVerbs {
    /// First words that stand alone or before an object.
    private static let first: Set<String> = [
        "select", "values", "table", "show", "explain", "fetch", "move", "insert", "update", "delete", "merge",
        "truncate", "create",
        "alter", "drop", "comment", "reindex", "refresh", "security", "import", "grant", "revoke", "reassign", "copy",
        "call", "do",
        "begin", "commit", "rollback", "savepoint", "release", "set", "reset", "discard", "prepare", "execute",
        "deallocate", "declare",
        "close", "vacuum", "analyze", "cluster", "checkpoint", "lock", "listen", "unlisten", "notify", "load",
    ]
    private static let objects: Set<String> = [
        "access method", "aggregate", "cast", "collation", "conversion", "database", "default privileges", "domain",
        "event trigger",
        "extension", "foreign data wrapper", "foreign table", "function", "index", "language", "large object",
        "materialized view",
        "operator", "operator class", "operator family", "owned", "policy", "procedure", "publication", "role",
        "routine", "rule",
        "schema", "sequence", "server", "statistics", "subscription", "system", "table", "table as", "tablespace",
        "text search configuration", "text search dictionary", "text search parser", "text search template",
        "transform", "trigger",
        "type", "user mapping", "view",
    ]
    private static let whole: Set<String> = [
        "copy from", "copy to", "copy from program", "copy to program", "copy from file", "copy to file",
        "explain analyze",
        "select into", "set constraints", "reassign owned", "prepare transaction", "commit prepared",
        "rollback prepared",
        "rollback to", "set role", "reset role", "set session authorization",
        "reset session authorization", "reset all", "discard all", "set transaction",
    ]

    static func isKnown(_ words: String) -> Bool {
        if first.contains(words) || whole.contains(words) { return true }
        guard let space = words.firstIndex(of: " "), ["create", "alter", "drop"].contains(words[..<space]) else {
            return false
        }
        return objects.contains(String(words[words.index(after: space)...]))
    }

    /// For error messages and suggestions: classes, groups, and first words.
    package static let examples: [String] =
        Set(StatementClass.allCases.map(\.rawValue)).union(first).union(whole).union(["write", "read"])
        .union(["drop", "alter", "create"].flatMap { verb in objects.map { "\(verb) \($0)" } }).sorted()
}
