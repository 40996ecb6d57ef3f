import AccessPolicy
import GatewayCore
import Testing

/// `estimated_rows_over` and the word from outside, as the policy sees them.
@Suite struct EstimateGuardTests {
    private static func rule(
        _ name: String, over rows: Int, then: VerdictKind = .block, statement: [String] = []
    ) -> GuardRule {
        var when = GuardRule.Condition(statement: statement)
        when.estimatedRowsOver = rows
        return GuardRule(
            name: name, when: when, then: then, approve: then == .hold ? HoldTerms(groups: ["dba"]) : nil)
    }

    private static func select(_ estimate: RowEstimate?) -> CommandSubject {
        var subject = CommandSubject(classes: [.select], verbs: ["SELECT"], reads: [RelationName(name: "t")])
        subject.estimate = estimate
        return subject
    }

    @Test(arguments: [
        (RowEstimate.rows(9), VerdictKind.allow), (.rows(10), .allow), (.rows(11), .block), (.unknown("why"), .block),
    ])
    func overTheLimit(_ estimate: RowEstimate, _ expected: VerdictKind) throws {
        let policy = try PolicySnapshot(guards: [Self.rule("big", over: 10)])
        #expect(policy.evaluate(Self.select(estimate)).kind == expected)
    }

    @Test func whatWasNotAskedCountsAsOver() throws {
        let policy = try PolicySnapshot(guards: [Self.rule("big", over: 10)])
        #expect(policy.evaluate(Self.select(nil)).rules == ["big"])
        #expect(policy.wantsEstimate(Self.select(nil)))
        #expect(!policy.wantsEstimate(Self.select(.rows(1))))
    }

    @Test func anAllowIsNotMetByWhatIsNotKnown() throws {
        let policy = try PolicySnapshot(guards: [Self.rule("few", over: 10, then: .allow)])
        #expect(policy.evaluate(Self.select(.unknown("why"))).rules == [])
        #expect(policy.evaluate(Self.select(.rows(11))).rules == ["few"])
    }

    /// The server is not asked where its answer could change nothing.
    @Test func itIsWantedOnlyWhereItDecides() throws {
        let ddl = GuardRule(name: "reads", when: GuardRule.Condition(statement: ["select"]), then: .block)
        let blocked = try PolicySnapshot(guards: [Self.rule("big", over: 10), ddl])
        #expect(!blocked.wantsEstimate(Self.select(nil)))
        #expect(blocked.evaluate(Self.select(nil)).rules == ["reads"])
        let deletes = try PolicySnapshot(guards: [Self.rule("big", over: 10, statement: ["delete"])])
        #expect(!deletes.wantsEstimate(Self.select(nil)))
        let both = try PolicySnapshot(guards: [Self.rule("big", over: 10, then: .hold), Self.rule("huge", over: 99)])
        #expect(both.wantsEstimate(Self.select(nil)))
        #expect(both.evaluate(Self.select(.rows(50))).kind == .hold)
    }

    @Test(arguments: [StatementClass.transaction, .setting, .empty])
    func someCommandsAreAboutNoRows(_ name: StatementClass) throws {
        let policy = try PolicySnapshot(guards: [Self.rule("big", over: 0)])
        let subject = CommandSubject(classes: [name])
        #expect(!policy.wantsEstimate(subject))
        #expect(policy.evaluate(subject).kind == .allow)
    }

    @Test func whatIsNotUnderstoodIsOver() throws {
        let policy = try PolicySnapshot(guards: [Self.rule("big", over: 10)], notUnderstood: .allow)
        let subject = CommandSubject(classes: [.unknown], notUnderstood: NotUnderstood(message: "x"))
        #expect(policy.evaluate(subject).rules.contains("big"))
    }

    // MARK: - From outside

    private static let opa = ExternalPolicy(url: "https://opa.example/v1/data/x")

    @Test(arguments: [
        (VerdictKind.allow, VerdictKind.allow, VerdictKind.allow), (.allow, .block, .block), (.block, .allow, .block),
        (.hold, .allow, .hold), (.hold, .block, .block), (.allow, .hold, .hold),
    ])
    func theStrictestWins(_ own: VerdictKind, _ said: VerdictKind, _ expected: VerdictKind) throws {
        let terms = HoldTerms(groups: ["dba"])
        let rule = GuardRule(
            name: "own", when: GuardRule.Condition(statement: ["select"]), then: own,
            approve: own == .hold ? terms : nil)
        var opa = Self.opa
        opa.approve = terms
        let verdict = try PolicySnapshot(guards: [rule], external: opa)
            .evaluate(Self.select(nil), said: ExternalVerdict(said, reason: "because"))
        #expect(verdict.kind == expected)
        #expect(verdict.rules == ["own", "opa"])
    }

    @Test func aHoldThatNobodyCouldApproveIsABlock() throws {
        let verdict = try PolicySnapshot(external: Self.opa).evaluate(Self.select(nil), said: ExternalVerdict(.hold))
        #expect(verdict.kind == .block)
        #expect(verdict.message?.contains("nobody") ?? false)
    }

    @Test func itIsAControlAndPartOfTheVersion() throws {
        let plain = try PolicySnapshot()
        let asked = try PolicySnapshot(external: Self.opa)
        #expect(asked.notUnderstood == .block && plain.notUnderstood == .allow)
        #expect(asked.version != plain.version && !asked.isConstant && plain.isConstant)
        #expect(!PolicyDiff(from: plain, to: asked).isEmpty)
    }

    @Test func aMemoHoldsForOnePolicyOnly() throws {
        final class Policy: Sendable {}
        let (memo, one, other) = (VerdictMemo(), Policy(), Policy())
        #expect(memo.verdict(by: one) == nil)
        memo.keep(Verdict(kind: .block), by: one)
        #expect(memo.verdict(by: one)?.kind == .block)
        #expect(memo.verdict(by: other) == nil)
    }

    // MARK: - The search_path

    @Test func thePathIsAskedForOnlyWhereARuleHangsOnIt() throws {
        var schema = GuardRule.Condition(statement: ["select"])
        schema.schema = ["audit"]
        let policy = try PolicySnapshot(guards: [GuardRule(name: "audit", when: schema, then: .block)])
        var subject = Self.select(nil)
        #expect(policy.question(about: subject) == .searchPath)
        subject.learn(.searchPath(.unknown))
        #expect(policy.question(about: subject) == nil)
        #expect(policy.evaluate(subject).kind == .block)
        subject.learn(.searchPath(SearchPath(schemas: ["public"])))
        #expect(policy.evaluate(subject).kind == .allow)
        // Another class, a name with its schema, a rule without one.
        #expect(policy.question(about: CommandSubject(classes: [.delete], writes: [RelationName(name: "t")])) == nil)
        let full = CommandSubject(classes: [.select], reads: [RelationName(schema: "audit", name: "t")])
        #expect(policy.question(about: full) == nil)
        let plain = try PolicySnapshot(guards: [
            GuardRule(name: "t", when: GuardRule.Condition(table: ["t"]), then: .block)
        ])
        #expect(plain.question(about: Self.select(nil)) == nil)
        #expect(!plain.asksTarget)
    }
}
