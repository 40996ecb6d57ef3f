import AccessPolicy
import AuditLedger
import GatewayCore
import SessionKernel
import Testing

/// The client's patience ends at the same moment as something else happens to its approval: of the two, the one that the
/// desk saw first counts, and no grant is lost between them.
@Suite struct DeferralTests {
    private let id = ExchangeID(1)

    /// A held command whose client waits for 5 of 60 seconds, and these are over.
    private func impatient() -> Harness {
        var harness = Harness.open()
        harness.client("C wic r1 q\n")
        harness.durable()
        harness.approvalOpened(id)
        harness.fire(.approval)
        #expect(harness.deferrals == [id])
        // Nothing is settled before the desk has said who was first.
        harness.settle()
        #expect(harness.entries(1) == ["held"])
        #expect(harness.targetLines.isEmpty)
        return harness
    }

    @Test func deferredFirst() {
        var harness = impatient()
        harness.answerDeferral(id, true)
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.settle()
        #expect(harness.entries(1) == ["held", "deferred"])
        #expect(harness.targetLines.isEmpty)
        #expect(harness.timers.isEmpty)
        #expect(harness.takeClientText().hasSuffix("R q 42501\n"))
        #expect(harness.violations == [])
    }

    @Test func grantedFirst() {
        var harness = impatient()
        harness.answerDeferral(id, false)
        #expect(harness.targetLines.isEmpty)
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.settle()
        #expect(harness.entries(1) == ["held", "granted", "outcome:success"])
        #expect(harness.targetLines == ["C wic r1 q"])
        #expect(harness.timers.isEmpty)
        #expect(harness.violations == [])
    }

    @Test func grantedBeforeTheDeskAnswers() {
        var harness = impatient()
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.answerDeferral(id, false)
        harness.settle()
        #expect(harness.entries(1) == ["held", "granted", "outcome:success"])
        #expect(harness.violations == [])
    }

    @Test func deniedFirst() {
        var harness = impatient()
        harness.answerDeferral(id, false)
        harness.approvalDecided(id, .denied(by: .approver, reason: nil))
        harness.settle()
        #expect(harness.entries(1) == ["held", "denied"])
        #expect(harness.violations == [])
    }

    @Test func aDecisionThatNeverArrivesEndsAfterAll() {
        var harness = impatient()
        harness.answerDeferral(id, false)
        harness.fire(.approval)
        harness.settle()
        #expect(harness.entries(1) == ["held", "expired"])
        #expect(harness.desk[id] == .withdrawn)
        #expect(harness.violations == [])
    }

    @Test(arguments: [false, true])
    func cancelledFirst(isDeferred: Bool) {
        var harness = impatient()
        harness.cancel()
        harness.answerDeferral(id, isDeferred)
        harness.settle()
        #expect(harness.entries(1) == ["held", "outcome:cancelled"])
        #expect(harness.desk[id] == .withdrawn)
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }

    @Test(arguments: [false, true])
    func leftFirst(isDeferred: Bool) {
        var harness = impatient()
        harness.clientLeaves()
        harness.answerDeferral(id, isDeferred)
        harness.settle()
        #expect(harness.entries(1) == ["held", "outcome:cancelled"])
        #expect(harness.violations == [])
    }
}
