import GatewayCore
import NIOCore
import SessionKernel
import Testing

/// P1 to P6 as far as the kernel bears them.
@Suite struct PromiseTests {
    @Test func p1_noByteOfACommandReachesTheTargetBeforeItsRecordIsDurable() {
        var harness = Harness.open()
        harness.client("C aic r1 q\n")
        #expect(harness.targetLines.isEmpty)
        #expect(harness.entries(1) == ["allowed"])
        harness.durable()
        #expect(harness.targetLines == ["C aic r1 q"])
        #expect(harness.violations == [])
    }

    @Test func p1_aSubstituteWaitsForItsOwnRecord() {
        var harness = Harness.open()
        harness.client("C aic begin q\n")
        harness.settle()
        harness.client("C bic r1 r\n")
        harness.durable()
        #expect(harness.targetLines == ["C aic begin q"])
        harness.durable()
        #expect(harness.targetLines == ["C aic begin q", "C !fail r"])
        harness.settle()
        #expect(harness.takeClientText() == "O q\nR r 42501\n")
        #expect(harness.entries(2) == ["blocked", "substituted"])
        #expect(harness.violations == [])
    }

    @Test func p2_closingBytesAreNotReleasedBeforeTheOutcomeIsDurable() {
        var harness = Harness.open()
        harness.client("C aic big q\n")
        harness.durable()
        harness.deliverTarget()
        let early = harness.takeClientText()
        #expect(early.hasPrefix("D q #x"))
        #expect(!early.contains("O q"))
        harness.durable(harness.ledger.last - 1)
        #expect(harness.takeClientText() == "")
        harness.durable()
        #expect(harness.takeClientText() == "O q\n")
        #expect(harness.violations == [])
    }

    @Test func p2_theGreetingWaitsForTheOpeningEntry() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U orders token\n")
        harness.grantSignIn()
        harness.connectTarget()
        harness.deliverTarget()
        #expect(harness.machine.phase == .open)
        #expect(harness.takeClientText() == "")
        harness.durable()
        #expect(harness.takeClientText() == "G hello\n")
        #expect(harness.timers[.signIn] == nil)
    }

    @Test func p2_strictDurabilityHoldsBackEveryChunk() {
        var harness = Harness.open(Harness.Terms(durability: .strict))
        harness.client("C aic big q\n")
        harness.durable()
        harness.deliverTarget(9000)
        #expect(harness.takeClientText() == "")
        harness.durable()
        #expect(harness.takeClientText().hasPrefix("D q #x"))
        harness.settle()
        #expect(harness.violations == [])
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5])
    func p3_nothingPassesAfterTheLedgerFailed(at step: Int) {
        var harness = Harness.open()
        harness.client("C aic run q\nC aic r1 r\n")
        if step >= 1 { harness.durable(harness.ledger.last - 1) }
        if step >= 2 { harness.durable() }
        if step >= 3 { harness.target.cancel() }
        if step >= 4 { harness.deliverTarget(8) }
        if step >= 5 { harness.deliverTarget() }
        let lines = harness.targetLines
        _ = harness.takeClientText()
        harness.failLedger()
        #expect(harness.targetLines == lines)
        #expect(harness.takeClientText() == "A 58030\n")
        let runs = step >= 1 && step < 5
        #expect(harness.cancelsSent == (runs ? 1 : 0))
        #expect(harness.machine.phase == (runs ? .sealing : .closed))
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        harness.durable()
        harness.targetSays("D q 1")
        #expect(harness.takeClientText() == "")
        #expect(harness.targetLines == lines)
        #expect(harness.violations == [])
    }

    @Test func p3_aFailedLedgerPutsNoWordsIntoTheMiddleOfARow() {
        var harness = Harness.open(Harness.Terms(durability: .strict))
        harness.client("C aic big q\n")
        harness.durable()
        harness.deliverTarget(9000)
        harness.durable()
        #expect(harness.takeClientText().count == 9000)
        harness.deliverTarget()
        #expect(harness.machine.dialect.isAtBoundary)
        harness.failLedger()
        #expect(harness.takeClientText() == "")
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func p3_aFailedLedgerEndsASessionThatDrains() {
        var harness = Harness.open()
        harness.client("C aic run q\n")
        harness.durable()
        harness.abort()
        #expect(harness.machine.phase == .draining)
        _ = harness.takeClientText()
        harness.failLedger()
        #expect(harness.machine.phase == .sealing)
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        #expect(harness.takeClientText() == "")
        #expect(harness.violations == [])
    }

    @Test func p4_clientAndRecordGetTheSameMaskedBytes() {
        var harness = Harness.open()
        harness.client("C aic r3 q\nC aic note r\n")
        harness.settle()
        #expect(
            String(decoding: harness.ledger.answers, as: UTF8.self) == "D q 0 ####\nD q 1 ####\nD q 2 ####\nN r #711\n")
        #expect(harness.takeClientText() == "D q 0 ####\nD q 1 ####\nD q 2 ####\nO q\nN r #711\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func p5_theBytesJudgedApprovedAndForwardedAreTheSame() {
        var harness = Harness.open()
        harness.client("C hic r1 q\n")
        harness.durable()
        let id = ExchangeID(1)
        #expect(harness.questions[id].map { String(buffer: $0.bytes) } == "C hic r1 q\n")
        harness.approvalOpened(id)
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.durable()
        #expect(harness.targetLines == ["C hic r1 q"])
        #expect(harness.violations == [])
    }

    @Test(
        arguments: [
            ("C aec r1 q\n", nil), ("C anc r1 q\n", SessionTimer.verdict), ("C alc r1 q\n", nil),
            ("C aiu r1 q\n", .verdict),
            ("C fic r1 q\n", nil),
        ] as [(String, SessionTimer?)])
    func p6_aVerdictThatFailsOrNeverComesIsBlock(command: String, timer: SessionTimer?) {
        var harness = Harness.open()
        harness.client(command)
        if let timer {
            #expect(harness.timers[timer] != nil)
            harness.fire(timer)
        } else if let judgement = harness.judgements.first {
            harness.judged(judgement.id, fails: true)
        }
        harness.settleLedger()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.entries(1) == ["blocked"])
        #expect(harness.takeClientText().hasPrefix("R q "))
        #expect(harness.timers[.verdict] == nil)
        // A verdict that comes after all changes nothing.
        harness.input("late") { $0.judged(ExchangeID(1), .allow) }
        harness.input("late") { $0.analysed(ExchangeID(1), ToyJudge.analysis) }
        harness.client("C aic r0 r\n")
        harness.settle()
        #expect(harness.takeClientText() == "O r\n")
        #expect(harness.violations == [])
    }
}

extension Principal {
    static let approver = Principal(
        issuer: "https://idp.example.com", subject: "ada", groups: ["dba"], isPersonIssuer: true)
}
