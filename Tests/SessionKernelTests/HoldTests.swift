import AuditLedger
import GatewayCore
import SessionKernel
import Testing

/// A held command: granted, denied, expired, cancelled, left alone.
@Suite struct HoldTests {
    private func held(then more: String = "") -> Harness {
        var harness = Harness.open()
        harness.client("C hic r1 q\n" + more)
        #expect(harness.desk.isEmpty)
        harness.durable()
        #expect(harness.desk[ExchangeID(1)] == .requested)
        harness.approvalOpened(ExchangeID(1))
        return harness
    }

    @Test func theApprovalIsAskedForOnceItsEntryIsDurableAndTheClientIsTold() {
        var harness = held()
        #expect(harness.takeClientText().hasPrefix("H "))
        #expect(harness.timers[.approval] == 60)
        harness.fire(.notice)
        #expect(harness.takeClientText().hasPrefix("H "))
        #expect(harness.timers[.notice] != nil)
        #expect(harness.targetLines.isEmpty)
    }

    @Test func grantedIsRecordedThenForwarded() {
        var harness = held()
        _ = harness.takeClientText()
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        #expect(harness.targetLines.isEmpty)
        #expect(harness.timers.isEmpty)
        harness.settle()
        #expect(harness.takeClientText() == "D q 0 ####\nO q\n")
        #expect(harness.entries(1) == ["held", "granted", "outcome:success"])
        #expect(harness.violations == [])
    }

    @Test func whyItWasGrantedIsContentOfTheEntry() throws {
        var harness = held()
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver, .approver], reasons: ["agreed", "me too"]))
        let granted = try #require(harness.ledger.entries.map(\.draft).last { $0.type == .commandGranted })
        #expect(granted.content == [ContentItem(.reason, "agreed"), ContentItem(.reason, "me too")])
    }

    @Test(arguments: [
        (ApprovalDecision.denied(by: .approver, reason: "no"), "denied"), (.expired, "expired"),
        (.failed("gone"), "denied"),
    ])
    func deniedExpiredOrFailedIsRefusedAndTheSessionGoesOn(decision: ApprovalDecision, entry: String) {
        var harness = held(then: "C aic r0 r\n")
        _ = harness.takeClientText()
        harness.approvalDecided(ExchangeID(1), decision)
        #expect(harness.timers.isEmpty)
        harness.settle()
        #expect(harness.entries(1) == ["held", entry])
        #expect(harness.targetLines == ["C aic r0 r"])
        #expect(harness.takeClientText().hasSuffix("O r\n"))
        // A decision that comes twice or late changes nothing.
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        harness.settle()
        #expect(harness.targetLines == ["C aic r0 r"])
        #expect(harness.violations == [])
    }

    @Test func theTimerExpiresAnApprovalThatTheDeskForgot() {
        var harness = held()
        harness.fire(.approval)
        harness.settle()
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        #expect(harness.entries(1) == ["held", "expired"])
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        harness.settle()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }

    @Test func aDecisionBeforeTheEntryIsDurableIsIgnored() {
        var harness = Harness.open()
        harness.client("C hic r1 q\n")
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        harness.durable()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.desk[ExchangeID(1)] == .requested)
    }

    @Test func theClientThatLeavesWithdrawsItsApproval() {
        var harness = held()
        harness.clientLeaves()
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        #expect(harness.entries(1) == ["held", "outcome:cancelled"])
        #expect(harness.machine.phase == .closed)
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }

    @Test func theClientThatLeavesBeforeTheApprovalIsOpenWithdrawsItWhenItOpens() {
        var harness = Harness.open()
        harness.client("C hic r1 q\nC aic r0 r\n")
        harness.durable()
        harness.cancel()
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        // The desk had not told its number yet: it does now, and must hear again that nobody waits.
        harness.approvalOpened(ExchangeID(1))
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        harness.settle()
        #expect(harness.takeClientText() == "R q 57014\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func goodbyeWhileHeldWithdrawsAndNothingBehindRuns() {
        var harness = held(then: "C aic r0 r\n")
        harness.client("X\n")
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        harness.settle()
        #expect(harness.machine.phase == .closed)
        #expect(harness.targetLines.isEmpty)
        #expect(harness.entries(1) == ["held", "outcome:cancelled"])
        #expect(harness.violations == [])
    }

    @Test func goodbyeBeforeTheApprovalIsAskedForNeverAsks() {
        var harness = Harness.open()
        harness.client("C hlc r1 q\nC aic r0 r\nX\n")
        harness.settle()
        #expect(harness.desk.isEmpty)
        #expect(harness.targetLines.isEmpty)
        #expect(harness.machine.phase == .closed)
        #expect(harness.entries(1) == ["held", "outcome:cancelled"])
        #expect(harness.violations == [])
    }

    @Test func goodbyeWhileHeldLetsWhatRunsEnd() {
        var harness = Harness.open()
        harness.client("C aic run q\nC hic r0 r\n")
        harness.durable()
        #expect(harness.targetLines == ["C aic run q"])
        #expect(harness.desk[ExchangeID(2)] == .requested)
        harness.client("X\n")
        #expect(harness.desk[ExchangeID(2)] == .withdrawn)
        #expect(harness.cancelsSent == 0)
        #expect(harness.machine.phase == .open)
        harness.target.cancel()
        harness.settle()
        #expect(harness.takeClientText() == "F q 57014\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.entries(1) == ["allowed", "outcome:error"])
        #expect(harness.violations == [])
    }

    private func waiting(_ text: String = "C wic r1 q\n") -> Harness {
        var harness = Harness.open()
        harness.client(text)
        harness.durable()
        harness.approvalOpened(ExchangeID(1))
        return harness
    }

    @Test func whenTheClientsPatienceEndsTheApprovalStaysOpen() throws {
        var harness = waiting()
        #expect(harness.timers[.approval] == 5)
        #expect(harness.questions[ExchangeID(1)]?.standalone != nil)
        harness.fire(.approval)
        #expect(harness.deferrals == [ExchangeID(1)])
        harness.answerDeferral(ExchangeID(1), true)
        #expect(harness.timers.isEmpty)
        harness.settle()
        #expect(harness.takeClientText().hasSuffix("R q 42501\n"))
        #expect(harness.entries(1) == ["held", "deferred"])
        let deferred = try #require(harness.ledger.entries.map(\.draft).last { $0.type == .commandDeferred })
        #expect(deferred.approval == RecordID(high: 7, low: 1))
        #expect(deferred.content.isEmpty)
        // What is decided from now on is not for this command.
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        harness.clientLeaves()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }

    @Test func aGrantWithinTheClientsPatienceIsRecordedWithItsApproval() throws {
        var harness = waiting()
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver]))
        harness.settle()
        #expect(harness.targetLines == ["C wic r1 q"])
        let granted = try #require(harness.ledger.entries.map(\.draft).last { $0.type == .commandGranted })
        #expect(granted.approval == RecordID(high: 7, low: 1))
    }

    @Test func aGrantThatWasThereBeforeNeedsNoWaiting() throws {
        var harness = Harness.open()
        harness.client("C wic r1 q\n")
        harness.durable()
        let earlier = RecordID(high: 9, low: 9)
        harness.approvalDecided(ExchangeID(1), .granted(by: [.approver], approval: earlier))
        harness.settle()
        #expect(harness.targetLines == ["C wic r1 q"])
        let granted = try #require(harness.ledger.entries.map(\.draft).last { $0.type == .commandGranted })
        #expect(granted.approval == earlier)
        #expect(harness.violations == [])
    }

    @Test func whatLeansOnItsSessionWaitsToTheEnd() {
        var harness = waiting("C wic here q\n")
        #expect(harness.timers[.approval] == 60)
        #expect(harness.questions[ExchangeID(1)]?.standalone == nil)
        harness.fire(.approval)
        harness.settle()
        #expect(harness.entries(1) == ["held", "expired"])
    }

    /// A statement is prepared, then run: the first is on its way when the second is asked about.
    @Test func whatCameBeforeGoesFirst() {
        var harness = Harness.open()
        harness.client("C aic r0 p\nC wic r1 q\n")
        harness.durable()
        #expect(harness.questions[ExchangeID(2)]?.mayDefer == true)
        #expect(harness.targetLines == ["C aic r0 p"])
        #expect(harness.violations == [])
    }

    @Test func patienceThatEndsBeforeTheApprovalIsToldExpiresIt() {
        var harness = Harness.open()
        harness.client("C wic r1 q\n")
        harness.durable()
        harness.fire(.approval)
        harness.settle()
        #expect(harness.desk[ExchangeID(1)] == .withdrawn)
        #expect(harness.entries(1) == ["held", "expired"])
        #expect(harness.violations == [])
    }

    @Test func whoAskedTakesItBack() throws {
        var harness = held()
        harness.approvalDecided(ExchangeID(1), .withdrawn)
        harness.settle()
        #expect(harness.entries(1) == ["held", "denied"])
        let denied = try #require(harness.ledger.entries.map(\.draft).last { $0.type == .commandDenied })
        #expect(denied.reasonCode == "withdrawn" && denied.approver == nil)
        #expect(harness.targetLines.isEmpty)
    }

    @Test func aHeldClientIsNotReadPastThePipelineCap() {
        var limits = SessionLimits()
        limits.pipelineBytes = 64
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C hic r1 q\n")
        harness.durable()
        #expect(harness.readsClient)
        for token in "abcdef" { harness.client("C aic r0 \(token)\n") }
        #expect(!harness.readsClient)
        harness.approvalDecided(ExchangeID(1), .expired)
        harness.settle()
        #expect(harness.readsClient)
    }
}
