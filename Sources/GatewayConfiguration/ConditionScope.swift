import AccessPolicy
import Yams

/// Which keys of a guard say something about a connection of which kind. One that says nothing could never apply, and is
/// refused rather than overlooked.
enum ConditionScope {
    private static let ofPeople: Set<String> = ["principal", "issuer", "group", "agent", "purpose", "time"]
    private static let ofRequests: Set<String> = ["method", "path", "header", "query", "body", "graphql", "statement"]
    /// Words of `statement` that methods come to.
    private static let requestWords: Set<String> = ["read", "write", "select", "insert", "update", "delete"]

    static func check(_ guards: [GuardRule], in list: Value, of kind: String) {
        for rule in guards {
            guard let unfit = unfit(rule.when, for: kind) else { continue }
            let element = list.list().first { $0.node.mapping?["name"]?.scalar?.string == rule.name } ?? list
            let place = element.node.mapping?["when"]?.mapping?[Node(unfit)]?.mark ?? element.mark
            list.log.problem(
                place, element.path + ".when." + unfit,
                "`\(unfit)` as it is written here says nothing about connections of kind \(kind), so the guard could never apply",
                fix: kind == "http"
                    ? "use method, path, header, query, body, graphql or statement: [read, write, delete]"
                    : "use statement, table, column, function or matches")
        }
    }

    /// The first key that says nothing about connections of that kind.
    static func unfit(_ condition: GuardRule.Condition, for kind: String) -> String? {
        for part in condition.parts {
            let key = String(part.key.prefix { $0 != "." })
            if ofPeople.contains(key) { continue }
            guard kind == "http" else {
                if ofRequests.contains(key), key != "statement" { return key }
                continue
            }
            guard ofRequests.contains(key) else { return key }
            if key == "statement", part.values.contains(where: { !requestWords.contains($0.lowercased()) }) {
                return key
            }
        }
        return nil
    }
}
