import AccessPolicy
import GatewayCore
import Testing

private func guardRule(
    _ name: String = "g", _ statement: [String] = [], table: [String] = [], withoutWhere: Bool = false,
    withoutLimit: Bool = false, matches: String? = nil, then: VerdictKind = .block, approve: HoldTerms? = nil,
    message: String? = nil
) -> GuardRule {
    var when = GuardRule.Condition(
        statement: statement, table: GuardRule.Words(table), withoutWhere: withoutWhere, matches: matches)
    when.withoutLimit = withoutLimit
    return GuardRule(name: name, when: when, then: then, approve: approve, message: message)
}

extension GuardRule.Condition {
    fileprivate static func with(_ change: (inout Self) -> Void) -> Self {
        var condition = Self()
        change(&condition)
        return condition
    }
}

private func orders(_ schema: String = "") -> RelationName { RelationName(schema: schema, name: "orders") }

private func problems(_ rules: GuardRule...) -> [(rule: Int, problem: RuleProblem)] {
    do {
        _ = try PolicySnapshot(guards: rules)
        return []
    } catch {
        return error.list
    }
}

@Suite struct PolicyTests {
    @Test(arguments: [
        (["ddl"], CommandSubject(classes: [.ddl], verbs: ["DROP TABLE"]), true),
        (["drop"], CommandSubject(classes: [.ddl], verbs: ["DROP TABLE"]), true),
        (["drop table"], CommandSubject(classes: [.ddl], verbs: ["DROP TABLE"]), true),
        (["DROP  Table"], CommandSubject(classes: [.ddl], verbs: ["drop table"]), true),
        (["drop index"], CommandSubject(classes: [.ddl], verbs: ["DROP TABLE"]), false),
        (["create table"], CommandSubject(classes: [.ddl], verbs: ["CREATE TABLESPACE"]), false),
        (["create table"], CommandSubject(classes: [.ddl], verbs: ["CREATE TABLE AS"]), true),
        (["write"], CommandSubject(classes: [.select, .delete], verbs: ["SELECT"]), true),
        (["write"], CommandSubject(classes: [.select], verbs: ["SELECT"]), false),
        (["write"], CommandSubject(classes: [.copy], verbs: ["COPY FROM"]), true),
        (["write"], CommandSubject(classes: [.copy], verbs: ["COPY TO"]), false),
        (["write"], CommandSubject(classes: [.copy], verbs: ["COPY"]), true),
        (["write"], CommandSubject(classes: [.copy]), true),
        (["read"], CommandSubject(classes: [.copy], verbs: ["COPY TO"]), true),
        (["read"], CommandSubject(classes: [.insert], verbs: ["INSERT"]), false),
        (["truncate", "merge"], CommandSubject(classes: [.merge], verbs: ["MERGE"]), true),
        (["function_call"], CommandSubject(classes: [.functionCall]), true),
    ])
    func statementWords(words: [String], subject: CommandSubject, expected: Bool) throws {
        let verdict = try PolicySnapshot(guards: [guardRule("g", words)]).evaluate(subject)
        #expect(verdict.kind == (expected ? .block : .allow))
        #expect(verdict.rules == (expected ? ["g"] : []))
    }

    @Test(arguments: [
        ("orders", [orders()], [RelationName](), true),
        ("public.orders", [orders()], [], true),
        ("public.orders", [orders("public")], [], true),
        ("public.orders", [orders("sales")], [], false),
        ("orders", [orders("sales")], [], true),
        ("ORD*", [orders()], [], true),
        ("order", [orders()], [], false),
        // A DELETE elsewhere that reads the table is none of the rule's.
        ("orders", [RelationName(name: "audit")], [orders()], false),
        // No written table known: better held than missed.
        ("orders", [], [orders()], true),
    ])
    func tables(pattern: String, writes: [RelationName], reads: [RelationName], expected: Bool) throws {
        let policy = try PolicySnapshot(guards: [guardRule("g", ["delete"], table: [pattern])])
        let subject = CommandSubject(classes: [.delete], verbs: ["DELETE"], reads: reads, writes: writes)
        #expect(policy.evaluate(subject).kind == (expected ? .block : .allow))
    }

    @Test func withoutWhere() throws {
        let policy = try PolicySnapshot(guards: [guardRule("g", ["delete", "update"], withoutWhere: true)])
        #expect(policy.evaluate(CommandSubject(classes: [.delete], writesWithoutWhere: true)).kind == .block)
        #expect(policy.evaluate(CommandSubject(classes: [.delete])).kind == .allow)
        #expect(policy.evaluate(CommandSubject(classes: [.select], writesWithoutWhere: true)).kind == .allow)
    }

    @Test(arguments: [
        ("pg_sleep", "SELECT pg_sleep(5)", true), ("pg_sleep", "SELECT 1", false),
        ("(?i)PG_SLEEP", "select pg_sleep(5)", true),
        ("a.b", "a\nb", true), ("^select", "select", true), ("^select", " select", false),
        ("größe", "select größe", true),
    ])
    func patterns(pattern: String, text: String, expected: Bool) throws {
        let policy = try PolicySnapshot(guards: [guardRule(matches: pattern)])
        #expect(
            policy.evaluate(CommandSubject(classes: [.select], text: Array(text.utf8))).kind
                == (expected ? .block : .allow))
    }

    @Test func patternBeyondASCIIMatchesWhatIsNotUTF8() throws {
        let pattern = try TextPattern("größe")
        #expect([UInt8]([0x67, 0xFF, 0xFE]).withUnsafeBytes { pattern.matches($0) })
        #expect(![UInt8]([0x67, 0x68]).withUnsafeBytes { pattern.matches($0) })
    }

    @Test func patternsServeManyThreadsAtOnce() async throws {
        let pattern = try TextPattern("x[0-9]+y")
        let yes = Array("aaax123y".utf8)
        let no = Array("aaax123".utf8)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    (0..<200).allSatisfy { _ in
                        yes.withUnsafeBytes { pattern.matches($0) } && !no.withUnsafeBytes { pattern.matches($0) }
                    }
                }
            }
            for await right in group { #expect(right) }
        }
    }

    @Test func strictestWinsAndAllMatchingRulesAreNamed() throws {
        let policy = try PolicySnapshot(guards: [
            guardRule("documents", ["delete"], then: .allow),
            guardRule("holds", ["delete"], then: .hold, approve: HoldTerms(groups: ["dba"]), message: "Ask."),
            guardRule("other", ["select"]),
            guardRule("blocks", ["delete"], message: "No deletes."),
            guardRule("again", ["write"], message: "Not this."),
        ])
        let verdict = policy.evaluate(CommandSubject(classes: [.delete], verbs: ["DELETE"]))
        #expect(verdict.kind == .block && verdict.message == "No deletes." && verdict.hold == nil)
        #expect(verdict.rules == ["documents", "holds", "blocks", "again"])
        #expect(verdict.decidedBy == ["blocks", "again"])
        #expect(verdict.policy == policy.version)
    }

    /// `then: log` decides nothing, is named, and tells what it would have said.
    @Test(
        arguments: [
            ([VerdictKind.block], [], VerdictKind.allow, VerdictKind.block), ([.hold], [], .allow, .hold),
            ([.hold, .block], [], .allow, .block), ([.block], [.hold], .hold, .block), ([.hold], [.block], .block, nil),
            ([.block], [.block], .block, nil), ([.block], [.allow], .allow, .block),
        ] as [([VerdictKind], [VerdictKind], VerdictKind, VerdictKind?)])
    func observers(watching: [VerdictKind], deciding: [VerdictKind], kind: VerdictKind, would: VerdictKind?) throws {
        let ddl = GuardRule.Condition(statement: ["ddl"])
        let observers = watching.enumerated().map {
            GuardRule(name: "watch\($0.offset)", when: ddl, then: $0.element, isObserved: true)
        }
        let deciders = deciding.enumerated().map {
            GuardRule(
                name: "rule\($0.offset)", when: ddl, then: $0.element,
                approve: $0.element == .hold ? HoldTerms(groups: ["dba"]) : nil)
        }
        let policy = try PolicySnapshot(guards: observers + deciders)
        let verdict = policy.evaluate(CommandSubject(classes: [.ddl], verbs: ["DROP TABLE"]))
        #expect(verdict.kind == kind && verdict.would == would)
        #expect(verdict.rules == (observers + deciders).map(\.name))
        #expect(verdict.observed == observers.map(\.name) && verdict.decidedBy == deciders.map(\.name))
        // Observing is no control: nothing else is refused for its sake.
        let unknown = CommandSubject(classes: [.select, .unknownEffect])
        #expect((policy.evaluate(unknown).kind == .allow) == deciding.isEmpty)
        #expect((policy.notUnderstood == .allow) == deciding.isEmpty)
        #expect(policy.evaluate(CommandSubject(classes: [.select])).would == nil)
    }

    @Test func allowNeverOverridesABlock() throws {
        let rules = [guardRule("allow", ["delete"], then: .allow), guardRule("block", ["delete"])]
        for order in [rules, rules.reversed()] {
            #expect(try PolicySnapshot(guards: order).evaluate(CommandSubject(classes: [.delete])).kind == .block)
        }
    }

    @Test func twoHoldsNeedPeopleBothTrust() throws {
        func verdict(_ second: HoldTerms) throws -> Verdict {
            try PolicySnapshot(guards: [
                guardRule(
                    "one", ["delete"], then: .hold, approve: HoldTerms(groups: ["dba", "lead"], count: 1, within: 600)),
                guardRule("two", ["delete"], then: .hold, approve: second),
            ]).evaluate(CommandSubject(classes: [.delete]))
        }
        #expect(
            try verdict(HoldTerms(groups: ["lead", "cto"], count: 2, within: 60)).hold
                == HoldTerms(groups: ["lead"], count: 2, within: 60))
        let apart = try verdict(HoldTerms(groups: ["cto"]))
        #expect(apart.kind == .block && apart.hold == nil)
    }

    @Test func notUnderstoodBlocksWhereAControlExists() throws {
        let subject = CommandSubject(
            classes: [.unknown],
            notUnderstood: NotUnderstood(
                message: "the text has 12,001 tokens, the limit is 5,000", position: 7, setting: "limits.tokens"))
        let free = try PolicySnapshot().evaluate(subject)
        #expect(free.kind == .allow && free.rules == ["not_understood"])
        for policy in [
            try PolicySnapshot(guards: [guardRule("g", ["ddl"])]), try PolicySnapshot(hasMasks: true),
            try PolicySnapshot(notUnderstood: .block),
        ] {
            let verdict = policy.evaluate(subject)
            #expect(verdict.kind == .block && verdict.rules == ["not_understood"])
            for part in ["12,001 tokens", "limit is 5,000", "character 7", "limits.tokens"] {
                #expect(verdict.message?.contains(part) == true, "\(part)")
            }
        }
        #expect(try PolicySnapshot(readOnly: true).evaluate(subject).kind == .block)
        let held = try PolicySnapshot(notUnderstood: .hold(HoldTerms(groups: ["dba"]))).evaluate(subject)
        #expect(held.kind == .hold && held.hold?.groups == ["dba"])
        #expect(try PolicySnapshot(hasMasks: true).evaluate(CommandSubject(classes: [.unknown])).kind == .block)
    }

    @Test(arguments: StatementClass.allCases)
    func readOnlyByClass(name: StatementClass) throws {
        let policy = try PolicySnapshot(readOnly: true, notUnderstood: .allow)
        let harmless: Set<StatementClass> = [.select, .transaction, .session, .empty, .setting, .sleep]
        let verdict = policy.evaluate(CommandSubject(classes: [.select, name]))
        #expect(verdict.kind == (harmless.contains(name) ? .allow : .block))
        let rule = name == .unknownEffect ? "unknown_effect" : "read_only"
        if verdict.kind == .block { #expect(verdict.rules.first == rule) }
    }

    @Test(arguments: [
        (CommandSubject(classes: [.setting], verbs: ["SET"], settings: ["search_path"]), true),
        (CommandSubject(classes: [.setting], verbs: ["SET"], settings: ["role"]), false),
        (CommandSubject(classes: [.setting], verbs: ["SET"], settings: [""]), false),
        (CommandSubject(classes: [.setting], verbs: ["ALTER SYSTEM"], settings: ["work_mem"]), false),
        (CommandSubject(classes: [.copy], verbs: ["COPY TO"]), true),
        (CommandSubject(classes: [.copy], verbs: ["COPY TO", "COPY FROM"]), false),
        (CommandSubject(classes: [.copy], verbs: ["COPY TO PROGRAM"]), false),
        (CommandSubject(classes: [.select], functions: ["count", "now"]), true),
        (CommandSubject(classes: [.select, .sequence], functions: ["setval"]), false),
        (CommandSubject(classes: [.select, .remote], functions: ["dblink_exec"]), false),
        (CommandSubject(classes: [.select], verbs: ["SELECT INTO"]), false),
    ])
    func readOnlyByDetail(subject: CommandSubject, expected: Bool) throws {
        #expect(try PolicySnapshot(readOnly: true).evaluate(subject).kind == (expected ? .allow : .block))
    }

    @Test(arguments: [
        (guardRule("g", ["drop tabel"]), "when.statement"),
        (guardRule("g", ["delete"], table: [""]), "when.table"),
        (guardRule("g", ["delete"], table: ["a.b.c"]), "when.table"),
        (guardRule("g", ["ddl"], withoutWhere: true), "when.without"),
        (guardRule("g"), "when"),
        (guardRule("g", ["delete"], withoutLimit: true), "when.without"),
        (GuardRule(name: "g", when: .with { $0.column = ["a.b.c.d"] }, then: .block), "when.column"),
        (GuardRule(name: "g", when: .with { $0.columnWritten = ["a."] }, then: .block), "when.column_written"),
        (GuardRule(name: "g", when: .with { $0.schema = ["a.b"] }, then: .block), "when.schema"),
        (GuardRule(name: "g", when: .with { $0.function = [""] }, then: .block), "when.function"),
        (GuardRule(name: "g", when: .with { $0.joins = 0 }, then: .block), "when.joins"),
        (guardRule("", ["ddl"]), "name"),
        (guardRule("g", ["ddl"], then: .hold), "approve"),
        (guardRule("g", ["ddl"], then: .hold, approve: HoldTerms(groups: [])), "approve.groups"),
        (guardRule("g", ["ddl"], then: .hold, approve: HoldTerms(groups: ["a"], count: 0)), "approve.count"),
        (guardRule("g", ["ddl"], then: .hold, approve: HoldTerms(groups: ["a"], within: 0)), "approve.within"),
        (guardRule("g", ["ddl"], then: .block, approve: HoldTerms(groups: ["a"])), "approve"),
        (guardRule("g", matches: "(a)\\1"), "when.matches"),
        (guardRule("g", matches: "(?<=a)b"), "when.matches"),
        (guardRule("g", matches: "a("), "when.matches"),
        (guardRule("g", matches: ".*"), "when.matches"),
        (guardRule("g", matches: ""), "when.matches"),
    ])
    func rulesThatCannotWorkDoNotLoad(rule: GuardRule, key: String) {
        let found = problems(rule)
        #expect(found.map(\.problem.key) == [key])
        #expect(found.allSatisfy { !$0.problem.what.isEmpty && !$0.problem.fix.isEmpty })
    }

    @Test func allProblemsComeAtOnceWithTheirRule() {
        let found = problems(guardRule("a", ["nope"]), guardRule("a", ["ddl"]), guardRule("b", ["ddl"], then: .hold))
        #expect(found.map(\.rule) == [0, 1, 2])
        #expect(found.map(\.problem.key) == ["when.statement", "name", "approve"])
        #expect(problems(guardRule("a", ["drop tabel"])).first?.problem.fix.contains("drop table") == true)
    }

    @Test func versionFollowsTheMeaning() throws {
        let base = guardRule("g", ["ddl"])
        let versions = try [
            PolicySnapshot(), PolicySnapshot(guards: [base]), PolicySnapshot(guards: [base], readOnly: true),
            PolicySnapshot(guards: [guardRule("g", ["ddl"], message: "x")]),
            PolicySnapshot(guards: [guardRule("g", ["ddl", "grant"])]),
            PolicySnapshot(guards: [guardRule("g", ["ddl"], table: ["grant"])]), PolicySnapshot(notUnderstood: .block),
        ].map(\.version)
        #expect(Set(versions).count == versions.count)
        #expect(versions.allSatisfy { $0.utf8.count == 16 })
        #expect(try PolicySnapshot(guards: [base]).version == versions[1])
    }
}
