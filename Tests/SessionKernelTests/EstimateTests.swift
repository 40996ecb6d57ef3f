import AuditLedger
import GatewayCore
import SessionKernel
import Testing

/// The question how many rows a command is about: asked before the verdict, recorded before it is asked, and never the reason
/// that something passes.
@Suite struct EstimateTests {
    @Test func theQuestionIsRecordedBeforeItIsAskedAndTheCommandWaitsForTheAnswer() {
        var harness = Harness.open()
        harness.client("C aqc r2 q\n")
        #expect(harness.targetLines.isEmpty)
        harness.durable()
        #expect(harness.targetLines == ["Q ?rows q r2"])
        #expect(harness.entries(1) == ["substituted"])
        #expect(harness.timers[.verdict] != nil)
        harness.deliverTarget()
        #expect(harness.timers[.verdict] == nil)
        #expect(harness.entries(1) == ["substituted", "allowed"])
        #expect(harness.targetLines.count == 1)
        harness.settle()
        #expect(harness.takeClientText() == "D q 0 ####\nD q 1 ####\nO q\n")
        let measures = harness.ledger.entries.filter { $0.draft.type == .commandAllowed }.flatMap(\.draft.measures)
        #expect(measures.map(\.value) == [2])
        #expect(harness.violations == [])
    }

    @Test(arguments: ["r5", "err"])
    func tooManyRowsOrNoAnswerAreRefused(_ verb: String) {
        var harness = Harness.open()
        harness.client("C aqc \(verb) q\nC aic r0 r\n")
        harness.settle()
        #expect(harness.targetLines == ["Q ?rows q \(verb)", "C aic r0 r"])
        #expect(harness.entries(1) == ["substituted", "blocked"])
        #expect(harness.takeClientText() == "R q 42501\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func itWaitsUntilTheTargetHasAnsweredWhatItWasGiven() {
        var harness = Harness.open()
        harness.client("C aic run p\nC aqc r1 q\n")
        harness.settle()
        #expect(harness.targetLines == ["C aic run p"])
        harness.target.cancel()
        harness.settle()
        #expect(harness.targetLines == ["C aic run p", "Q ?rows q r1", "C aqc r1 q"])
        #expect(harness.violations == [])
    }

    @Test func inTheMiddleOfAPipelineItCountsAsOver() {
        var harness = Harness.open()
        harness.client("E aic r1 p\nE aqc r1 q\nS\n")
        harness.settle()
        #expect(!harness.targetLines.contains { $0.hasPrefix("Q") })
        #expect(harness.entries(2).contains("blocked"))
        #expect(harness.violations == [])
    }

    @Test func aQuestionThatIsNeverAnsweredIsCancelledAtItsDeadline() {
        var harness = Harness.open()
        harness.client("C aqc run q\n")
        harness.settle()
        #expect(harness.targetLines == ["Q ?rows q run"])
        harness.fire(.verdict)
        #expect(harness.cancelsSent == 1)
        #expect(harness.entries(1) == ["substituted", "blocked"])
        harness.settle()
        #expect(harness.takeClientText() == "R q 42501\n")
        harness.client("C aic r0 r\n")
        harness.settle()
        #expect(harness.takeClientText() == "O r\n")
        #expect(harness.violations == [])
    }

    @Test(arguments: [false, true])
    func aClientThatCancelsCancelsTheQuestion(isSent: Bool) {
        var harness = Harness.open()
        harness.client("C aqc run q\n")
        if isSent { harness.settle() }
        harness.cancel()
        #expect(harness.cancelsSent == (isSent ? 1 : 0))
        harness.settle()
        #expect(harness.targetLines == (isSent ? ["Q ?rows q run"] : []))
        #expect(harness.takeClientText() == "R q 57014\n")
        #expect(harness.entries(1) == ["substituted", "outcome:cancelled"])
        #expect(harness.timers[.verdict] == nil)
        #expect(harness.violations == [])
    }

    @Test func whatACancelledQuestionAnswersIsNobodys() {
        var harness = Harness.open()
        harness.client("C aqc r1 q\nC aqc r5 r\n")
        harness.settleLedger()
        harness.cancel()
        harness.finishCancel(hits: false)
        harness.settle()
        // The second command has its own question, and its own answer.
        #expect(harness.targetLines == ["Q ?rows q r1", "Q ?rows r r5"])
        #expect(harness.takeClientText() == "R q 57014\nR r 42501\n")
        #expect(harness.violations == [])
    }

    @Test func aClientThatLeavesEndsTheQuestion() {
        var harness = Harness.open()
        harness.client("C aqc run q\n")
        harness.settle()
        harness.clientLeaves()
        #expect(harness.cancelsSent == 1)
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        #expect(harness.entries(1) == ["substituted", "outcome:cancelled"])
        #expect(harness.violations == [])
    }

    @Test func whenTheLedgerFailsTheQuestionIsNotAsked() {
        var harness = Harness.open()
        harness.client("C aqc r1 q\n")
        harness.failLedger()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.cancelsSent == 0)
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func anAnswerThatNobodyAskedForEndsTheSession() {
        var harness = Harness.open()
        harness.targetSays("Q q 1")
        #expect(harness.machine.phase != .open)
    }
}
