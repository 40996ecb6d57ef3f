import AccessPolicy
import Yams

/// Reads what a guard asks of a request's body.
extension ConditionReader {
    /// `{path: [pattern], path: {not: [pattern]}, path: {over: N, under: N}, path: {is: absent}}`.
    func body(_ value: Value?) -> [GuardRule.BodyMatch] {
        members(value).compactMap { path, value in
            var match = GuardRule.BodyMatch(path: path)
            guard let keys = value.node.mapping else {
                match.words = words(value)
                return match
            }
            guard let section = value.section(["not", "over", "under", "is"]) else { return nil }
            if keys.isEmpty { value.problem("nothing is asked of it", fix: "write [pattern], or {over: 100}") }
            if let list = section["not"] { match.words = GuardRule.Words(list.texts(), isNegated: true) }
            match.over = section["over"].flatMap(number)
            match.under = section["under"].flatMap(number)
            if let word = section["is"] {
                if keys.count > 1 { word.problem("it stands alone", fix: "leave the other keys out") }
                switch word.rawText {
                case "present": match.words = ["*"]
                case "absent": match.words = GuardRule.Words(["*"], isNegated: true)
                default:
                    word.problem(
                        "this is none of the possible values\(word.shown)", fix: "write is: present or is: absent")
                }
            }
            return match
        }
    }

    private func number(_ value: Value) -> String? {
        let text = value.rawText?.filter { $0 != "_" } ?? ""
        if !text.isEmpty, Double(text)?.isFinite ?? false, text.allSatisfy({ "0123456789+-.eE".contains($0) }) {
            return text
        }
        value.problem("a number is expected\(value.shown)", fix: "write digits, such as 1000 or 9.5")
        return nil
    }

    func graphQL(_ value: Value?) -> GuardRule.GraphQLMatch {
        var match = GuardRule.GraphQLMatch()
        guard let value, let section = value.section(["operation", "name", "field"]) else { return match }
        match.operation = words(section["operation"])
        match.name = words(section["name"])
        match.field = words(section["field"])
        if section["operation"] == nil, section["name"] == nil, section["field"] == nil {
            value.problem("nothing is asked of GraphQL here", fix: "write {operation: [mutation]}, name or field")
        }
        return match
    }
}
