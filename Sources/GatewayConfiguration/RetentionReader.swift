import Yams

/// Reads `retention`: a list of rules. A rule that could never apply, or would erase nothing, is a problem.
struct RetentionReader {
    /// The names of the configured connections.
    let connections: Set<String>
    /// What earlier rules named, with the line.
    private var named: [String: Int] = [:]
    /// The line of the rule for every connection.
    private var lineOfAll: Int?

    init(connections: Set<String>) {
        self.connections = connections
    }

    mutating func read(_ value: Value) -> [RetentionConfiguration] {
        var rules: [RetentionConfiguration] = []
        for element in value.list() { if let rule = readRule(element) { rules.append(rule) } }
        return rules
    }

    private mutating func readRule(_ value: Value) -> RetentionConfiguration? {
        guard let section = value.section(["connections", "age", "size"]),
            let names = section.required("connections", "write connections: [\"*\"] for all of them")
        else { return nil }
        if section["age"] == nil, section["size"] == nil {
            value.problem("nothing would ever be erased by this rule", fix: "write age: 400d, size: 50GiB or both")
        }
        let age = section["age"]?.duration(1...3_153_600_000)
        let size = section["size"]?.size(1...Int.max)
        if let line = lineOfAll {
            value.problem(
                "this rule could never apply: the one in line \(line) is for every connection",
                fix: "put the rule for \"*\" last")
        }
        var found: Set<String> = []
        var isForAll = false
        for name in names.list() {
            guard let text = name.text() else { continue }
            if text == "*" {
                isForAll = true
                continue
            }
            found.insert(text)
            if let line = named[text] {
                name.problem(
                    "line \(line) already says how long `\(text.prefix(60))` is kept", fix: "keep one of the two")
            } else if !connections.contains(text) {
                name.problem(
                    "there is no connection named `\(text.prefix(60))`",
                    fix: name.suggestion(text, connections.sorted() + ["*"])
                        + "; \"*\" also covers connections that are no longer configured")
            }
            named[text] = name.mark?.line ?? 0
        }
        if isForAll { lineOfAll = value.mark?.line ?? 0 }
        return RetentionConfiguration(connections: isForAll ? nil : found, age: age, size: size)
    }
}
