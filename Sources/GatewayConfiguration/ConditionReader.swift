import AccessPolicy
import Yams

/// Reads a guard's `when`.
struct ConditionReader {
    static let keys: Set<String> = [
        "statement", "table", "schema", "column", "column_read", "column_written", "function", "joins", "without",
        "matches", "estimated_rows_over", "method", "path", "header", "query", "body", "graphql", "principal", "issuer",
        "group", "agent", "purpose", "time",
    ]

    /// Issuers that may be named.
    let issuers: Set<String>

    func condition(_ when: Section) -> GuardRule.Condition {
        var condition = GuardRule.Condition()
        condition.statement = when["statement"]?.texts() ?? []
        condition.table = words(when["table"])
        condition.schema = words(when["schema"])
        condition.column = when["column"]?.texts() ?? []
        condition.columnRead = when["column_read"]?.texts() ?? []
        condition.columnWritten = when["column_written"]?.texts() ?? []
        condition.function = when["function"]?.texts() ?? []
        condition.joins = when["joins"]?.int(1...1000)
        if let without = when["without"] { readWithout(without, &condition) }
        condition.estimatedRowsOver = when["estimated_rows_over"]?.int(0...Int.max)
        condition.matches = when["matches"].flatMap { $0.text() }
        condition.method = words(when["method"])
        condition.path = words(when["path"])
        condition.header = named(when["header"])
        condition.query = named(when["query"])
        condition.body = body(when["body"])
        condition.graphQL = graphQL(when["graphql"])
        condition.principal = words(when["principal"])
        condition.issuer = issuers(when["issuer"])
        condition.group = words(when["group"])
        condition.agent = words(when["agent"])
        condition.hasPurpose = when["purpose"].flatMap(readPurpose)
        condition.time = when["time"].flatMap(readTime)
        return condition
    }

    /// A list, or `{not: [list]}`.
    func words(_ value: Value?) -> GuardRule.Words {
        guard let (list, isNegated) = negatable(value) else { return [] }
        return GuardRule.Words(list.texts(), isNegated: isNegated)
    }

    /// `{name: [pattern, ...]}`: header fields, query parameters.
    private func named(_ value: Value?) -> [GuardRule.NamedWords] {
        members(value).map { GuardRule.NamedWords(name: $0, words: words($1)) }
    }

    /// What stands under names that are up to the file, by them.
    func members(_ value: Value?) -> [(name: String, value: Value)] {
        guard let value else { return [] }
        let names = value.node.mapping.map { Set($0.compactMap { $0.key.scalar?.string }) } ?? []
        guard let section = value.section(names) else { return [] }
        if names.isEmpty { value.problem("nothing is named here", fix: "write {name: [pattern]}") }
        return names.sorted().compactMap { name in section[name].map { (name, $0) } }
    }

    private func negatable(_ value: Value?) -> (Value, isNegated: Bool)? {
        guard let value else { return nil }
        guard value.node.mapping != nil else { return (value, false) }
        guard let list = value.section(["not"])?.required("not", "write {not: [first, second]}") else { return nil }
        return (list, true)
    }

    private func issuers(_ value: Value?) -> GuardRule.Words {
        guard let (list, isNegated) = negatable(value) else { return [] }
        for element in list.list() {
            guard let text = element.rawText, !issuers.contains(text) else { continue }
            element.problem(
                "`\(text.prefix(100))` is no configured issuer, so it could never be met",
                fix: issuers.isEmpty ? "add it under identity.issuers" : element.suggestion(text, issuers.sorted()))
        }
        return GuardRule.Words(list.texts(), isNegated: isNegated)
    }

    private func readWithout(_ value: Value, _ condition: inout GuardRule.Condition) {
        for element in value.list() {
            switch element.rawText {
            case "where": condition.withoutWhere = true
            case "limit": condition.withoutLimit = true
            default:
                element.problem("only `where` and `limit` can be asked for here", fix: "write without: where or limit")
            }
        }
    }

    private func readPurpose(_ value: Value) -> Bool? {
        switch value.rawText {
        case "present": return true
        case "absent": return false
        default:
            value.problem("this is none of the possible values\(value.shown)", fix: "write present or absent")
            return nil
        }
    }

    private func readTime(_ value: Value) -> TimeWindow? {
        if let inner = value.node.mapping?["not"] {
            guard value.section(["not"]) != nil else { return nil }
            var window = readTime(
                Value(node: inner, path: value.path + ".not", mark: inner.mark ?? value.mark, log: value.log))
            window?.isNegated = true
            return window
        }
        guard let section = value.section(["days", "hours", "zone", "not"]) else { return nil }
        if section["days"] == nil, section["hours"] == nil {
            value.problem("neither days nor hours are named", fix: "write {days: [mon-fri], hours: [\"08:00-18:00\"]}")
            return nil
        }
        var days: UInt8 = section["days"] == nil ? TimeWindow.everyDay : 0
        for element in section["days"]?.list() ?? [] {
            if let found = element.rawText.flatMap(TimeWindow.days) {
                days |= found
            } else {
                element.problem("this is no day\(element.shown)", fix: "write mon, tue, ... sun, or mon-fri")
            }
        }
        let hours = (section["hours"]?.list() ?? []).compactMap { element -> TimeWindow.Hours? in
            if let found = element.rawText.flatMap(TimeWindow.hours) { return found }
            element.problem(
                "these are no hours\(element.shown)",
                fix: "write \"08:00-18:00\", in quotes; \"22:00-06:00\" goes over midnight")
            return nil
        }
        let zone = section["zone"].flatMap { $0.text() } ?? ""
        if let window = TimeWindow(days: days, hours: hours, zone: zone) { return window }
        section["zone"]?.problem(
            "there is no time zone `\(zone.prefix(60))`", fix: "write an IANA name, such as Europe/Berlin, or UTC")
        return nil
    }
}
