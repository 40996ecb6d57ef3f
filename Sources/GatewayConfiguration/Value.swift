import AccessPolicy
import Yams

/// A value of the file with its place; each reader returns nil after it has logged what is wrong.
struct Value {
    let node: Node
    let path: String
    let mark: Mark?
    let log: ProblemLog

    func problem(_ what: String, fix: String) {
        log.problem(mark, path, what, fix: fix)
    }

    /// The scalar as written, whatever type YAML sees in it; nil for lists and mappings.
    var rawText: String? { node.scalar?.string }

    /// An empty value, `~` or `null`, unquoted.
    var isNull: Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    func text() -> String? {
        guard let text = rawText else {
            problem("a single value is expected here", fix: "write one text")
            return nil
        }
        guard !isNull, !text.isEmpty else {
            problem("the value is missing", fix: "write a value, or leave the key out")
            return nil
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            problem("the text has control characters in it", fix: "write it on one line, without them")
            return nil
        }
        return text
    }

    func bool() -> Bool? {
        switch rawText {
        case "true": return true
        case "false": return false
        default:
            problem("true or false is expected", fix: "write true or false")
            return nil
        }
    }

    func int(_ range: ClosedRange<Int>) -> Int? {
        guard let text = rawText, let number = Int(text.filter { $0 != "_" }), range.contains(number) else {
            problem(
                "a whole number from \(range.lowerBound) to \(range.upperBound) is expected\(shown)",
                fix: "write a number in that range")
            return nil
        }
        return number
    }

    /// Seconds.
    func duration(_ range: ClosedRange<Int> = 1...315_360_000) -> Int? {
        guard let seconds = rawText.flatMap(Quantity.seconds) else {
            problem("a duration is expected\(shown)", fix: "write a number with its unit, such as 30s, 15m, 8h or 2d")
            return nil
        }
        guard range.contains(seconds) else {
            problem("the duration\(shown) is out of range", fix: "write \(range.lowerBound)s to \(range.upperBound)s")
            return nil
        }
        return seconds
    }

    /// Milliseconds: `500ms`, `2s`.
    func milliseconds(_ range: ClosedRange<Int>) -> Int? {
        guard let milliseconds = rawText.flatMap(Quantity.milliseconds), range.contains(milliseconds) else {
            problem(
                "a time from \(range.lowerBound)ms to \(range.upperBound)ms is expected\(shown)",
                fix: "write a number with its unit, such as 500ms or 2s")
            return nil
        }
        return milliseconds
    }

    /// Bytes.
    func size(_ range: ClosedRange<Int>) -> Int? {
        guard let bytes = rawText.flatMap(Quantity.bytes) else {
            problem(
                "a size is expected\(shown)",
                fix: "write a number of bytes or one with its unit, such as 64KiB, 16MiB or 1GiB")
            return nil
        }
        guard range.contains(bytes) else {
            problem("the size\(shown) is out of range", fix: "write \(range.lowerBound) to \(range.upperBound) bytes")
            return nil
        }
        return bytes
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        if let choice = rawText.flatMap(Choice.init(rawValue:)) { return choice }
        problem(
            "this is none of the possible values\(shown)",
            fix: suggestion(rawText ?? "", Choice.allCases.map(\.rawValue)))
        return nil
    }

    /// The elements of a list that must not be empty; a single value counts as a list of one.
    func list() -> [Value] {
        if node.scalar != nil, !isNull { return [self] }
        guard let elements = node.sequence else {
            problem("a list is expected", fix: "write [first, second]")
            return []
        }
        if elements.isEmpty {
            problem("the list is empty, so this could never apply", fix: "list something, or leave the key out")
        }
        return elements.enumerated().map { index, node in
            Value(node: node, path: "\(path)[\(index)]", mark: node.mark ?? mark, log: log)
        }
    }

    func texts() -> [String] { list().compactMap { $0.text() } }

    func section(_ known: Set<String>, later: Set<String> = []) -> Section? {
        Section(self, known: known, later: later)
    }

    func suggestion(_ text: String, _ known: [String]) -> String {
        let list = "use one of " + known.joined(separator: ", ")
        return Nearest.word(to: text, among: known).map { "did you mean `\($0)`? Or " + list } ?? list
    }

    /// The value for a message, cut short.
    var shown: String { rawText.map { ", not `\($0.prefix(60))`" } ?? "" }
}

/// A mapping of the file whose keys have been checked.
struct Section {
    let value: Value
    private let values: [String: Value]

    /// - Parameter later: keys that the product has but this version does not: refused rather than overlooked.
    init?(_ value: Value, known: Set<String>, later: Set<String> = []) {
        guard let mapping = value.node.mapping else {
            value.problem(
                "a mapping with \(known.sorted().joined(separator: ", ")) is expected",
                fix: "write {key: value} or indented key: value lines")
            return nil
        }
        self.value = value
        var values: [String: Value] = [:]
        for (key, node) in mapping {
            guard let name = key.scalar?.string else {
                value.log.problem(key.mark, value.path, "a key must be a text", fix: "write key: value")
                continue
            }
            let path = value.path.isEmpty ? name : value.path + "." + name
            if known.contains(name) {
                values[name] = Value(node: node, path: path, mark: node.mark ?? key.mark, log: value.log)
            } else if later.contains(name) {
                value.log.problem(
                    key.mark, path, "`\(name)` is not available in this version",
                    fix: "remove it; nothing would act on it")
            } else {
                value.log.problem(
                    key.mark, path, "the key `\(name.prefix(60))` is not known here",
                    fix: value.suggestion(name, known.sorted()))
            }
        }
        self.values = values
    }

    subscript(key: String) -> Value? { values[key] }

    /// What `body` makes of the key's value; `fallback` when the key is absent, nil when its value is wrong.
    func read<Result>(_ key: String, or fallback: Result, _ body: (Value) -> Result?) -> Result? {
        guard let value = values[key] else { return fallback }
        return body(value)
    }

    /// The value of a key that must be there.
    func required(_ key: String, _ fix: String) -> Value? {
        if let value = values[key] { return value }
        value.problem("`\(key)` is missing", fix: fix)
        return nil
    }
}
