import AccessPolicy
import GatewayCore
import Testing

@Suite struct StandingGrantsTests {
    private let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private func approval(_ low: UInt64, session: UInt64 = 1) -> Approval {
        let bot = Principal(issuer: "https://idp", subject: "bot", groups: [], isPersonIssuer: false)
        return Approval(
            id: RecordID(high: 0, low: low),
            request: .init(
                requester: bot, agent: AgentContext(), session: RecordID(high: 0, low: session), connection: "orders",
                text: "DELETE", terms: HoldTerms(groups: ["dba"]), digest: [1]), now: start)
    }

    @Test func aGrantHoldsForItsKeyAndItsTime() {
        let grants = StandingGrants()
        grants.add([1], approval(1), until: start.advanced(bySeconds: 10))
        #expect(grants.find([1], now: start.advanced(bySeconds: 9))?.approval.id == RecordID(high: 0, low: 1))
        #expect(grants.find([1], now: start.advanced(bySeconds: 10)) == nil)
        #expect(grants.find([2], now: start) == nil)
        // A shorter one for the same does not cut it short.
        grants.add([1], approval(2), until: start.advanced(bySeconds: 5))
        #expect(grants.find([1], now: start.advanced(bySeconds: 9))?.approval.id == RecordID(high: 0, low: 1))
    }

    @Test func grantsAreTakenBackAndForgotten() {
        let grants = StandingGrants()
        for number in UInt64(1)...4 {
            grants.add(
                [UInt8(number)], approval(number, session: number), until: start.advanced(bySeconds: Int64(number) * 10)
            )
        }
        #expect(grants.remove(RecordID(high: 0, low: 2), now: start) != nil)
        #expect(grants.remove(RecordID(high: 0, low: 2), now: start) == nil)
        #expect(grants.remove(RecordID(high: 0, low: 1), now: start.advanced(bySeconds: 10)) == nil)
        grants.forget(until: start.advanced(bySeconds: 10), sessions: [RecordID(high: 0, low: 3)])
        #expect(grants.all.map(\.approval.id) == [RecordID(high: 0, low: 4)])
    }

    @Test(
        arguments: [
            ([.delete], true), ([.select, .update], true), ([], false), ([.delete, .ddl], false), ([.setting], false),
            ([.select, .sequence], false), ([.select, .sqlText], false), ([.select, .file], false), ([.copy], false),
            ([.procedure], false), ([.select, .unknownEffect], false), ([.truncate], false), ([.session], false),
            ([.unknown], false), ([.transaction, .delete], false),
        ] as [(Set<StatementClass>, Bool)])
    func onlyRowsOfNamedTables(classes: Set<StatementClass>, isSame: Bool) {
        #expect(CommandSubject(classes: classes).isSameForOtherValues == isSame)
    }

    @Test func whatIsNotKnownIsNotTheSame() {
        var subject = CommandSubject(classes: [.select])
        subject.unknownCalls = ["f"]
        #expect(!subject.isSameForOtherValues)
        #expect(!CommandSubject(classes: [.select], settings: [""]).isSameForOtherValues)
        #expect(!CommandSubject(classes: [.select], notUnderstood: .init(message: "?")).isSameForOtherValues)
    }

    /// A statement that rules may judge otherwise has another form, however its parts are cut.
    @Test func formsDiffer() {
        let one = RelationName(name: "a")
        let two = RelationName(name: "b")
        let all = [
            CommandSubject(classes: [.delete]), CommandSubject(classes: [.delete, .select]),
            CommandSubject(classes: [.delete], verbs: ["DELETE"]), CommandSubject(classes: [.delete], reads: [one]),
            CommandSubject(classes: [.delete], writes: [one]), CommandSubject(classes: [.delete], writes: [two]),
            CommandSubject(classes: [.delete], reads: [one], writes: [two]),
            CommandSubject(classes: [.delete], functions: ["a"]),
            CommandSubject(classes: [.delete], writesWithoutWhere: true),
        ]
        #expect(Set(all.map(\.form)).count == all.count)
    }

    @Test func twoScopesGrantTheLesser() {
        let long = GrantScope.same(seconds: 60, in: .principal)
        let short = GrantScope.same(seconds: 10, in: .session)
        #expect(long.combined(with: short) == short && short.combined(with: long) == short)
        #expect(long.combined(with: .once) == .once && GrantScope.once.combined(with: long) == .once)
        let terms = HoldTerms(groups: ["a", "b"], wait: 20, scope: long).combined(
            with: HoldTerms(groups: ["b", "c"], count: 2, within: 60, wait: 5, scope: short))
        #expect(terms == HoldTerms(groups: ["b"], count: 2, within: 60, wait: 5, scope: short))
    }
}
