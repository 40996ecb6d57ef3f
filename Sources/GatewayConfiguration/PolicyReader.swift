import AccessPolicy
import DataMasking
import GatewayCore
import Yams

/// Reads a connection's `guard:`, `mask:` and `not_understood:`; a rule that could never apply is a problem.
enum PolicyReader {
    private static let keys: Set<String> = ["name", "when", "then", "would", "approve", "message"]

    static func guards(_ value: Value?, issuers: Set<String>) -> [GuardRule] {
        guard let value else { return [] }
        return read(value, keys, issuers).map(\.rule)
    }

    /// The shared `policy:`, each rule with what it says about connections.
    static func sharedRules(_ value: Value?, issuers: Set<String>) -> [(rule: GuardRule, section: Section)] {
        guard let value else { return [] }
        return read(value, keys.union(["connections"]), issuers)
    }

    private static func read(
        _ value: Value, _ keys: Set<String>, _ issuers: Set<String>
    ) -> [(rule: GuardRule, section: Section)] {
        var rules: [(rule: GuardRule, section: Section)] = []
        for element in value.list() {
            let before = value.log.problems.count
            guard let section = element.section(keys), let rule = readRule(section, issuers),
                value.log.problems.count == before
            else { continue }
            rules.append((rule, section))
        }
        do throws(PolicyProblems) {
            _ = try PolicySnapshot(guards: rules.map(\.rule))
        } catch {
            for (index, problem) in error.list {
                guard rules.indices.contains(index) else { continue }
                let place = findPlace(of: problem, in: rules[index].section)
                value.log.problem(
                    place.mark, rules[index].section.value.path + "." + problem.key, problem.what, fix: problem.fix)
            }
        }
        return rules
    }

    static func notUnderstood(_ value: Value?) -> NotUnderstoodPolicy? {
        guard let value else { return nil }
        let section = value.node.mapping == nil ? nil : value.section(["then", "approve"])
        if value.node.mapping != nil, section == nil { return nil }
        let word = section == nil ? value : section?.required("then", "write then: block, hold or allow")
        guard let kind = word?.choice(GuardAction.self)?.kind else { return nil }
        let terms = section?["approve"].flatMap(readTerms)
        switch kind {
        case .hold:
            guard let terms else {
                if section?["approve"] == nil {
                    value.problem(
                        "a hold needs someone who may approve", fix: "write {then: hold, approve: {groups: […]}}")
                }
                return nil
            }
            return .hold(terms)
        case .block, .allow:
            if let approve = section?["approve"] {
                approve.problem("only a hold is approved", fix: "say then: hold, or leave approve out")
            }
            return kind == .block ? .block : .allow
        }
    }

    /// - Parameter detectors: the file's own, by name.
    static func masks(_ value: Value?, _ detectors: [String: Detector]) -> [MaskRule] {
        guard let value else { return [] }
        let rules = value.list().compactMap { element -> MaskRule? in
            guard let section = element.section(["columns", "json", "detect", "with", "unknown", "oracle", "unmask"])
            else {
                return nil
            }
            return readMask(section, detectors)
        }
        check(rules, value)
        return rules
    }

    static func check(_ rules: [MaskRule], _ value: Value) {
        guard let problem = MaskRule.problem(in: rules) else { return }
        value.problem(
            "the detectors cannot be used together: \(problem)", fix: "name fewer of your own, or simpler ones")
    }

    private static func readRule(_ section: Section, _ issuers: Set<String>) -> GuardRule? {
        let name = section.required("name", "name the guard, as records and refusals show it")?.text()
        let action = section.required("then", "write then: block, hold, log or allow")?.choice(RuleAction.self)
        let would = section.read("would", or: .block) { $0.choice(WouldBe.self) }
        if let value = section["would"], let action, action != .log {
            value.problem("only a rule that logs would be something else", fix: "say then: log, or leave would out")
        }
        let when = section.required("when", "say what the guard is about, such as when: {statement: [ddl]}")
            .flatMap { $0.section(ConditionReader.keys, later: ["role"]) }
        let condition = when.map { ConditionReader(issuers: issuers).condition($0) }
        let approve = section["approve"].flatMap(readTerms)
        let message = section["message"].flatMap { $0.text() }
        guard let name, let action, let would, let condition else { return nil }
        return GuardRule(
            name: name, when: condition, then: action.kind(would), isObserved: action == .log, approve: approve,
            message: message)
    }

    static func readTerms(_ value: Value) -> HoldTerms? {
        guard let section = value.section(["groups", "count", "within", "wait", "scope"], later: ["issuers"]) else {
            return nil
        }
        let groups = section.required("groups", "name the groups whose members may approve")?.texts() ?? []
        let count = section.read("count", or: 1) { $0.int(1...20) }
        let within = section.read("within", or: 900) { $0.duration(1...604_800) }
        guard !groups.isEmpty, let count, let within else { return nil }
        let wait = section["wait"].flatMap { $0.duration(1...604_800) }
        if let value = section["wait"], let wait, wait >= within {
            value.problem(
                "the client would wait as long as there is time to approve, so this would change nothing",
                fix: "write a wait shorter than `within`, or leave it out")
        }
        let scope = section.read("scope", or: .once, readScope)
        guard let scope else { return nil }
        return HoldTerms(groups: groups, count: count, within: within, wait: wait, scope: scope)
    }

    /// `once`, or `{same: statement, for: 10m, in: session}`.
    private static func readScope(_ value: Value) -> GrantScope? {
        if value.rawText == "once" { return .once }
        guard value.node.mapping != nil, let section = value.section(["same", "for", "in"]) else {
            if value.node.mapping == nil {
                value.problem(
                    "there is no such scope\(value.shown)",
                    fix: "write once, or {same: statement, for: 10m, in: session}")
            }
            return nil
        }
        let same = section.required("same", "write same: statement")
        if let same, same.rawText != "statement" {
            same.problem("only a statement can be the same\(same.shown)", fix: "write same: statement")
            return nil
        }
        let seconds = section.required("for", "say for how long, such as for: 10m")?.duration(1...86_400)
        let reach = section.read("in", or: .session) { $0.choice(GrantScope.Reach.self) }
        guard same != nil, let seconds, let reach else { return nil }
        return .same(seconds: seconds, in: reach)
    }

    private static func readMask(_ section: Section, _ detectors: [String: Detector]) -> MaskRule? {
        if section["columns"] == nil, section["detect"] == nil {
            section.value.problem(
                "the mask names neither columns nor detectors, so it could never apply", fix: "add columns or detect")
            return nil
        }
        let columns = (section["columns"]?.list() ?? []).compactMap { element -> ColumnPattern? in
            guard let text = element.text() else { return nil }
            if let pattern = ColumnPattern(text) { return pattern }
            element.problem(
                "`\(text)` is no column name, so the mask could never apply",
                fix: "write column, table.column or schema.table.column, with * as a wildcard")
            return nil
        }
        let json = jsonPaths(section)
        if let value = section["json"], section["columns"] == nil || section["detect"] != nil {
            value.problem(
                "json names parts of whole columns, so it goes with columns and without detect",
                fix: "name the columns that hold the JSON")
            return nil
        }
        let detect = detected(section, detectors)
        let method = section.read("with", or: .redact) { $0.choice(MaskMethod.self) }
        let unknown = section.read("unknown", or: .mask) { $0.choice(MaskRule.Unknown.self) }
        if section["detect"] != nil, let value = section["unknown"] {
            value.problem("a mask that detects reads every value, so nothing is unknown to it", fix: "remove unknown")
        }
        let oracle = section["oracle"].flatMap { $0.choice(MaskRule.Oracle.self) }
        if let value = section["oracle"], section["columns"] == nil || section["detect"] != nil {
            value.problem("only columns that are masked whole can be asked about", fix: "name them with columns")
        }
        guard let method, let unknown, !columns.isEmpty || !detect.isEmpty else { return nil }
        return MaskRule(
            columns: columns, json: json, detect: detect, method: method, unknown: unknown, oracle: oracle,
            unmask: section["unmask"].flatMap(readUnmask))
    }

    static func jsonPaths(_ section: Section) -> [JSONPath] {
        (section["json"]?.list() ?? []).compactMap { element in
            guard let text = element.text() else { return nil }
            if let path = JSONPath(text) { return path }
            element.problem(
                "`\(text)` is no path in a JSON value, so the mask could never apply",
                fix: "write $.customer.ssn, items[*].card or **.email")
            return nil
        }
    }

    static func detected(_ section: Section, _ detectors: [String: Detector]) -> [Detector] {
        (section["detect"]?.list() ?? []).flatMap { element -> [Detector] in
            guard let text = element.text() else { return [] }
            let named = detectors[text].map { [$0] } ?? Detector.named(text)
            if named.isEmpty {
                let groups = DetectorInfo.Group.allCases.map(\.rawValue)
                element.problem(
                    "there is no detector `\(text)`",
                    fix: element.suggestion(text, detectors.keys.sorted() + Detector.allCases.map(\.rawValue) + groups))
            }
            return named
        }
    }

    /// `{approve: {groups: […]}, for: 1h}`.
    private static func readUnmask(_ value: Value) -> UnmaskTerms? {
        guard let section = value.section(["approve", "for"]) else { return nil }
        let approve = section.required("approve", "write approve: {groups: […]}")
        let terms = approve.flatMap(readTerms)
        if let approve, let terms, terms.wait != nil || terms.scope != .once {
            approve.problem("unmasking has neither wait nor scope", fix: "leave them out; `for` says how long it lasts")
        }
        let seconds = section.required("for", "say for how long at most, such as for: 1h")?.duration(60...86_400)
        guard let terms, let seconds else { return nil }
        return UnmaskTerms(terms: terms, seconds: seconds)
    }

    /// The value a rule's problem is about: the list element that it quotes, else the key's value, else the rule.
    private static func findPlace(of problem: RuleProblem, in rule: Section) -> Value {
        var section = rule
        var place = rule.value
        for key in problem.key.split(separator: ".").map(String.init) {
            guard let next = section[key] else { break }
            place = next
            if next.node.mapping != nil {
                let keys = next.node.mapping.map { Set($0.compactMap { $0.key.scalar?.string }) } ?? []
                guard let inner = next.section(keys) else { break }
                section = inner
            }
        }
        if place.node.sequence != nil {
            return place.list().first { element in element.rawText.map { problem.what.contains("`\($0)`") } ?? false }
                ?? place
        }
        return place
    }
}

/// The words after a rule's `then:`.
private enum RuleAction: String, CaseIterable {
    case allow
    case block
    case hold
    case log

    func kind(_ would: WouldBe) -> VerdictKind {
        switch self {
        case .allow: .allow
        case .block: .block
        case .hold: .hold
        case .log: would == .hold ? .hold : .block
        }
    }
}

/// The words after `would:`.
private enum WouldBe: String, CaseIterable {
    case hold
    case block
}

/// The words after `not_understood:`.
private enum GuardAction: String, CaseIterable {
    case allow
    case block
    case hold

    var kind: VerdictKind {
        switch self {
        case .allow: .allow
        case .block: .block
        case .hold: .hold
        }
    }
}
