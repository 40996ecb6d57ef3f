import AccessPolicy
import GatewayCore
import Testing

@Suite struct PolicyLintTests {
    private func rule(
        _ name: String, _ then: VerdictKind = .block, _ change: (inout GuardRule.Condition) -> Void
    ) -> GuardRule {
        var when = GuardRule.Condition()
        change(&when)
        return GuardRule(name: name, when: when, then: then, approve: then == .hold ? HoldTerms(groups: ["dba"]) : nil)
    }

    private func shadowed(_ rules: [GuardRule], readOnly: Bool = false) -> [String] {
        PolicyLint.findings(rules, readOnly: readOnly).map(\.rule)
    }

    @Test func whatIsShadowed() {
        let ddl = rule("ddl") { $0.statement = ["ddl"] }
        let cases: [(GuardRule, GuardRule, [String])] = [
            (ddl, rule("n") { ($0.statement, $0.table) = (["ddl"], ["a*"]) }, ["n"]),
            (ddl, rule("n", .hold) { $0.statement = ["ddl"] }, ["n"]),
            (ddl, rule("n") { $0.statement = ["ddl", "grant"] }, ["ddl"]),
            (ddl, rule("n") { $0.statement = ["grant"] }, []),
            (ddl, rule("n") { $0.table = ["a"] }, []),
            (
                rule("w", .hold) { $0.statement = ["ddl"] }, rule("n") { ($0.statement, $0.group) = (["ddl"], ["a"]) },
                []
            ),
            (rule("w") { $0.statement = ["write"] }, rule("n") { $0.statement = ["delete"] }, ["n"]),
            (rule("w") { $0.statement = ["drop"] }, rule("n") { $0.statement = ["Drop  Table"] }, ["n"]),
            (rule("w") { $0.table = ["bill*.*"] }, rule("n") { $0.table = ["billing.x*"] }, ["n"]),
            // A name without a schema means one in any.
            (rule("w") { $0.table = ["billing.x"] }, rule("n") { $0.table = ["x"] }, ["w"]),
            (rule("w") { $0.joins = 3 }, rule("n") { $0.joins = 5 }, ["n"]),
            (rule("w") { $0.group = ["a", "b"] }, rule("n") { $0.group = ["a"] }, ["n"]),
            (
                rule("w") { $0.group = GuardRule.Words(["a"], isNegated: true) },
                rule("n") { $0.group = GuardRule.Words(["a", "b"], isNegated: true) }, ["n"]
            ),
            (
                rule("w") { ($0.withoutWhere, $0.withoutLimit) = (true, true) }, rule("n") { $0.withoutWhere = true },
                ["n"]
            ),
            (rule("w") { $0.columnWritten = ["t.c"] }, rule("n") { $0.column = ["t.c"] }, ["w"]),
        ]
        for (wide, narrow, expected) in cases {
            #expect(shadowed([wide, narrow]) == expected, "\(wide) / \(narrow)")
        }
        #expect(shadowed([ddl], readOnly: true) == ["ddl"])
        #expect(shadowed([rule("c") { $0.statement = ["copy"] }], readOnly: true) == [])
        #expect(shadowed([rule("a", .allow) { $0.statement = ["select"] }]) == ["a"])
        #expect(shadowed([rule("a", .allow) { $0.statement = ["unknown_effect"] }]) == [])
    }

    /// A rule that is said to be in vain can go without any verdict of the corpus changing, whatever else there is.
    @Test func aFindingChangesNoVerdict() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var state = seed
        func pick<Element>(_ list: [Element]) -> Element {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return list[Int(state >> 33) % list.count]
        }
        var subjects: [CommandSubject] = []
        for entry in try Corpus("guards.corpus").entries { subjects.append(await subject(of: entry.text)) }
        let words = [
            "write", "read", "delete", "update", "drop", "drop table", "ddl", "select", "insert", "copy", "copy to",
        ]
        let tables = ["*", "orders", "o*", "audit.*", "audit.log", "*.log", "cust*", "billing.*"]
        var count = 0
        for _ in 0..<300 {
            let rules = (0..<5).map { index in
                rule("r\(index)", pick([.block, .hold])) { when in
                    when.statement = pick([[], [pick(words)], [pick(words), pick(words)]])
                    when.table = GuardRule.Words(
                        pick([[], [pick(tables)], [pick(tables), pick(tables)]]), isNegated: pick([true, false]))
                    if when.table.list.isEmpty { when.table = [] }
                    if pick([true, false, false]) { when.columnRead = [pick(["*", "id", "orders.id", "total"])] }
                    if pick([true, false, false]) { when.column = [pick(["*", "id", "orders.*", "total"])] }
                    if pick([true, false, false]) { when.function = [pick(["*", "pg_*", "pg_sleep", "count"])] }
                    if when.parts.isEmpty { when.statement = ["ddl"] }
                }
            }
            // Without WHERE no rule here contradicts itself.
            guard let whole = try? PolicySnapshot(guards: rules, notUnderstood: .block) else { continue }
            for finding in PolicyLint.findings(rules, readOnly: false) {
                count += 1
                let rest = try PolicySnapshot(guards: rules.filter { $0.name != finding.rule }, notUnderstood: .block)
                for subject in subjects where !subject.classes.contains(.unknownEffect) {
                    #expect(
                        whole.evaluate(subject).kind == rest.evaluate(subject).kind,
                        "seed \(seed): \(finding.rule) of \(rules.map(\.description))")
                }
            }
        }
        #expect(count > 20)
    }

    @Test func whatADiffTells() throws {
        let (one, two) = (rule("one") { $0.statement = ["ddl"] }, rule("two", .hold) { $0.table = ["x"] })
        var changed = two
        changed.message = "Ask."
        let before = try PolicySnapshot(guards: [one, two])
        let after = try PolicySnapshot(guards: [changed, rule("new") { $0.joins = 2 }], readOnly: true)
        let diff = PolicyDiff(from: before, to: after)
        #expect((diff.added, diff.removed, diff.changed) == (["new"], ["one"], ["two"]))
        #expect(diff.lines.contains("- read_only: false") && diff.lines.contains("+ read_only: true"))
        #expect(PolicyDiff(from: before, to: before).isEmpty)
        #expect(PolicyDiff(from: before, to: try PolicySnapshot(guards: [two, one])).isReordered)
    }
}
