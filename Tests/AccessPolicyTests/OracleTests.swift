import AccessPolicy
import GatewayCore
import Testing

@Suite struct OracleTests {
    private func verdict(_ then: VerdictKind, _ guards: [GuardRule] = []) throws -> Verdict {
        var subject = CommandSubject(classes: [.select])
        subject.oracle = OracleUse(then: then, columns: ["ssn"])
        return try PolicySnapshot(guards: guards, hasMasks: true).evaluate(subject)
    }

    @Test func theStrictestWins() throws {
        var condition = GuardRule.Condition()
        condition.statement = ["delete"]
        let hold = GuardRule(
            name: "deletes", when: condition, then: .hold, approve: HoldTerms(groups: ["dba"], count: 2, within: 60),
            message: nil)
        #expect(try verdict(.allow).kind == .allow)
        #expect(try verdict(.allow).rules == ["oracle"])
        #expect(try verdict(.block).kind == .block)
        #expect(try verdict(.hold, [hold]).hold == HoldTerms(groups: ["dba"], count: 2, within: 60))
        // Nobody could approve.
        #expect(try verdict(.hold).kind == .block)
        #expect(try verdict(.block).message?.contains("ssn") == true)
    }
}
