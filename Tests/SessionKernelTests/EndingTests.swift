import AuditLedger
import GatewayCore
import NIOCore
import SessionKernel
import Testing

/// How sessions end: locks, limits, goodbye, either side leaving, faults; and sign-ins that come to nothing.
@Suite struct EndingTests {
    @Test func aLockCancelsWhatRunsThenTerminates() {
        var harness = Harness.open()
        harness.client("C aic run q\nC aic r0 r\nC hic r0 s\n")
        harness.durable(2)
        harness.abort(.locked)
        #expect(harness.cancelsSent == 1)
        #expect(harness.machine.phase == .draining)
        #expect(!harness.targetIsClosed)
        #expect(harness.entries(1) == ["allowed", "outcome:interrupted"])
        #expect(harness.entries(2) == ["allowed", "outcome:cancelled"])
        #expect(harness.entries(3) == ["held", "outcome:cancelled"])
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        #expect(harness.targetIsClosed && harness.clientIsClosed)
        #expect(harness.takeClientText() == "A 57P01\n")
        #expect(harness.ledger.entries.last?.draft.type == .sessionClose)
        #expect(harness.violations == [])
    }

    @Test(
        arguments: ["C aiu r0 q\n", "C alc r0 q\n", "C hic r0 q\n", "C aic r0 q\n", "C aic run q\n", "C bic r0 q\n"],
        [true, false])
    func everyCommandThatWasTakenUpHasOneEndWhateverItWaitedFor(command: String, isDurable: Bool) {
        var harness = Harness.open()
        harness.client(command)
        if isDurable { harness.durable() }
        harness.abort()
        if harness.cancelsInFlight > 0 { harness.finishCancel() }
        harness.settleLedger()
        #expect(harness.machine.phase == .closed)
        #expect(harness.ledger.terminal[1] != nil)
        #expect(harness.violations == [])
    }

    @Test func aCancelThatNeverComesThroughIsBoundedByTheDrainTimer() {
        var harness = Harness.open()
        harness.client("C aic run q\n")
        harness.durable()
        harness.abort()
        #expect(harness.timers[.drain] != nil)
        harness.fire(.drain)
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func anAnswerThatWaitsForItsRecordIsStillReleasedWhileDraining() {
        var harness = Harness.open()
        harness.client("C aic r0 q\n")
        harness.durable()
        harness.deliverTarget()
        harness.abort()
        #expect(harness.machine.phase == .draining)
        harness.durable()
        #expect(harness.takeClientText() == "O q\nA 57P01\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func goodbyeLetsEarlierCommandsEndFirst() {
        var harness = Harness.open()
        harness.client("C aic r1 q\nX\n")
        harness.durable()
        #expect(harness.targetLines == ["C aic r1 q"])
        #expect(harness.machine.phase == .open)
        harness.settle()
        #expect(harness.entries(1) == ["allowed", "outcome:success"])
        #expect(harness.takeClientText() == "D q 0 ####\nO q\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.cancelsSent == 0)
        #expect(harness.targetOther.last == "X")
        #expect(harness.violations == [])
    }

    @Test func nothingIsTakenFromAClientThatSaidGoodbye() {
        var harness = Harness.open()
        harness.client("C aic run q\nX\n")
        harness.durable()
        harness.client("C aic r0 r\n")
        harness.client("garbage\n")
        #expect(harness.machine.phase == .open)
        harness.clientLeaves()
        #expect(harness.cancelsSent == 1)
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func theClientThatLeavesCancelsWhatRuns() {
        var harness = Harness.open()
        harness.client("C aic run q\n")
        harness.durable()
        harness.clientLeaves()
        #expect(harness.cancelsSent == 1)
        #expect(harness.entries(1) == ["allowed", "outcome:interrupted"])
        harness.finishCancel()
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func theTargetThatClosesEndsTheSessionInWords() {
        var harness = Harness.open()
        harness.client("C aic look q\n")
        harness.durable()
        harness.deliverTarget()
        #expect(harness.lookUps == 1)
        harness.targetLeaves()
        harness.lookedUp()
        harness.settleLedger()
        #expect(harness.takeClientText() == "A 08006\n")
        #expect(harness.entries(1) == ["allowed", "outcome:interrupted"])
        #expect(harness.machine.phase == .closed)
        #expect(harness.cancelsSent == 0)
        #expect(harness.violations == [])
    }

    @Test func tooManyRowsEndTheSession() {
        var limits = SessionLimits()
        limits.rows = 2
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C aic r2 q\n")
        harness.settle()
        #expect(harness.takeClientText() == "D q 0 ####\nD q 1 ####\nO q\n")
        harness.client("C aic r3 r\n")
        harness.settle()
        #expect(harness.takeClientText() == "D r 0 ####\nD r 1 ####\nA 54000\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.cancelsSent == 1)
        #expect(harness.violations == [])
    }

    @Test func theSecondsOfAnExchangeRunFromItsTurn() {
        var limits = SessionLimits()
        limits.seconds = 7
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C aic r0 q\nC aic run r\n")
        harness.durable()
        #expect(harness.timers[.exchange] == 7)
        harness.deliverTarget()
        #expect(harness.timers[.exchange] == 7)
        harness.target.cancel()
        harness.deliverTarget()
        #expect(harness.timers[.exchange] == nil)
        harness.settleLedger()
        _ = harness.takeClientText()
        harness.client("C aic run s\n")
        harness.durable()
        harness.fire(.exchange)
        #expect(harness.cancelsSent == 1)
        harness.finishCancel()
        #expect(harness.takeClientText() == "A 57014\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func anExpiredProofLetsHeldWorkAndAnOpenTransactionEnd() {
        var harness = Harness.open()
        harness.client("C aic begin q\n")
        harness.settle()
        harness.client("C hic r0 r\n")
        harness.durable()
        harness.refuseNew()
        harness.approvalDecided(ExchangeID(2), .granted(by: [.approver]))
        harness.client("C aic r0 s\n")
        harness.settle()
        harness.client("C aic commit t\n")
        harness.settle()
        #expect(harness.takeClientText() == "O q\nO r\nO s\nO t\n")
        #expect(harness.machine.isIdle)
        harness.client("C aic r0 u\n")
        harness.settle()
        #expect(harness.takeClientText() == "R u 28000\n")
        #expect(harness.violations == [])
    }

    @Test(arguments: ["?\n", "C broken\n", "U orders again\n", String(repeating: "x", count: ToyDialect.lineLimit + 1)])
    func aFaultOfTheClientEndsThisSession(bytes: String) {
        var harness = Harness.open()
        harness.client("C aic r0 q\n")
        harness.settle()
        _ = harness.takeClientText()
        harness.client(bytes)
        #expect(harness.machine.phase == .closed)
        #expect(harness.takeClientText().hasPrefix("A "))
        #expect(harness.poisons == [])
        #expect(harness.violations == [])
    }

    @Test(arguments: ["?", "O q", "D nothing", "Z", "B"])
    func aFaultOfTheTargetEndsThisSession(line: String) {
        var harness = Harness.open()
        harness.targetSays(line)
        #expect(harness.machine.phase == .closed)
        #expect(harness.takeClientText().hasPrefix("A "))
        #expect(harness.violations == [])
    }

    @Test func impossibleInputsPoisonThisSessionAndNeverTrap() {
        var harness = Harness.open()
        harness.input("durable") { $0.durable(through: 1_000_000) }
        #expect(harness.poisons.count == 1)
        #expect(harness.machine.phase == .closed)
        let closed = harness.actionCount
        for input in impossibleInputs { harness.input("impossible", input) }
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
        #expect(harness.actionCount <= closed + 2)

        var twice = Harness.open()
        twice.targetSays("G again")
        #expect(twice.poisons.count == 1)
        #expect(twice.machine.phase == .closed)
        #expect(twice.violations == [])
    }

    @Test func inputsOutOfTurnAreIgnoredInEveryPhase() {
        var harness = Harness()
        for input in impossibleInputs where harness.machine.phase != .closed { harness.input("early", input) }
        #expect(harness.poisons.count <= 1)
        #expect(harness.targetLines.isEmpty)
    }

    private var impossibleInputs: [(inout SessionMachine) -> [SessionAction]] {
        let id = ExchangeID(99)
        return [
            { $0.analysed(id, ToyJudge.analysis) }, { $0.judged(id, .allow) },
            { $0.approvalOpened(id, RecordID(high: 1, low: 2)) },
            { $0.approvalDecided(id, .granted(by: [])) }, { $0.approvalDeferred(id, true) }, { $0.cancelRequested() },
            { $0.cancelFinished() },
            { $0.lookedUp(LookupAnswer(columns: nil)) }, { $0.targetTLSEstablished(channelBinding: nil) },
            { $0.targetBytes(ByteBuffer(string: "D x\n")) }, { $0.signInRefused(Refusal(message: "no")) },
            { $0.timerFired(.verdict) }, { $0.timerFired(.approval) }, { $0.timerFired(.notice) },
            { $0.timerFired(.exchange) },
            { $0.timerFired(.drain) }, { $0.targetConnected(TargetCredential(username: "a", password: nil)) },
            { $0.targetWritable(false) }, { $0.clientWritable(false) },
            { $0.refuseNewCommands(Refusal(message: "no")) },
            { $0.durable(through: 2_000_000) }, { $0.ledgerFailed() }, { $0.targetClosed() }, { $0.clientClosed() },
            { $0.abort(.locked, Refusal(message: "no")) }, { $0.timerFired(.signIn) },
            { $0.clientBytes(ByteBuffer(string: "C aic r0 q\n")) },
            { $0.clientTLSEstablished() }, { $0.started(signInSeconds: 1) },
        ]
    }
}

@Suite struct SignInTests {
    @Test func aRefusedSignInGetsItsWordsAndLeavesNoSession() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        #expect(harness.timers[.signIn] == 10)
        harness.client("U orders token\n")
        #expect(!harness.readsClient)
        harness.input("refused") { $0.signInRefused(Refusal(code: "28000", message: "no")) }
        #expect(harness.takeClientText() == "A 28000\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.ledger.last == 0)
        #expect(harness.violations == [])
    }

    @Test func aClientThatIsTooSlowToSignInIsSentAway() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U ord")
        harness.fire(.signIn)
        #expect(harness.takeClientText() == "A 08006\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func tlsIsSpokenOnceItsReplyIsSent() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("T\n")
        #expect(harness.takeClientText() == "T\n")
        #expect(harness.clientTLSStarts == 1)
        harness.input("tls") { $0.clientTLSEstablished() }
        harness.client("U orders token\n")
        #expect(harness.verifies == 1)
        harness.grantSignIn()
        harness.connectTarget()
        harness.targetSays("T")
        #expect(harness.targetTLSStarts == 1)
    }

    @Test func aClientThatLeavesDuringSignInLeavesNothingBehind() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U orders token\n")
        harness.clientLeaves()
        #expect(harness.machine.phase == .closed)
        harness.grantSignIn()
        #expect(harness.dials == 0)
        #expect(harness.violations == [])
    }

    @Test func aTargetThatCannotBeReachedIsSaidInWords() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U orders token\nC aic r0 q\n")
        harness.grantSignIn()
        harness.input("unreachable") { $0.targetUnreachable(Refusal(code: "08001", message: "no")) }
        harness.settleLedger()
        #expect(harness.takeClientText() == "A 08001\n")
        #expect(harness.machine.phase == .closed)
        #expect(harness.violations == [])
    }

    @Test func aConnectionThatComesTooLateIsClosed() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("U orders token\n")
        harness.grantSignIn()
        harness.clientLeaves()
        harness.connectTarget()
        #expect(harness.targetIsClosed)
        #expect(harness.targetOther.isEmpty)
        #expect(harness.violations == [])
    }
}

@Suite struct BackpressureTests {
    @Test func theUnsyncedBudgetStopsReadingTheTarget() {
        var limits = SessionLimits()
        limits.unsyncedBytes = 100
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C aic r50 q\n")
        harness.durable()
        #expect(harness.readsTarget)
        var pieces = 0
        while harness.readsTarget, pieces < 100 {
            harness.deliverTarget(20)
            pieces += 1
        }
        #expect(!harness.readsTarget)
        #expect(harness.ledger.unsyncedBytes < 120)
        harness.durable()
        #expect(harness.readsTarget)
        harness.settle()
        #expect(harness.takeClientText().hasSuffix("O q\n"))
        #expect(harness.violations == [])
    }

    @Test func aSlowClientStopsReadingTheTarget() {
        var harness = Harness.open()
        harness.clientWritable(false)
        #expect(!harness.readsTarget)
        harness.clientWritable(true)
        #expect(harness.readsTarget)
    }

    @Test func aSlowTargetStopsReadingTheClientAndHoldsBackWhatIsDecided() {
        var harness = Harness.open()
        harness.targetWritable(false)
        #expect(!harness.readsClient)
        harness.client("C aic r0 q\n")
        harness.durable()
        #expect(harness.targetLines.isEmpty)
        harness.targetWritable(true)
        #expect(harness.targetLines == ["C aic r0 q"])
        #expect(harness.readsClient)
        #expect(harness.violations == [])
    }

    @Test func noRowIsReadDuringALookup() {
        var harness = Harness.open()
        harness.client("C aic look q\n")
        harness.durable()
        harness.deliverTarget()
        #expect(harness.lookUps == 1)
        #expect(!harness.readsTarget)
        #expect(harness.ledger.answers.isEmpty)
        harness.lookedUp()
        #expect(harness.readsTarget)
        harness.settle()
        #expect(harness.takeClientText() == "D q ####\nO q\n")
        #expect(harness.violations == [])
    }

    @Test func inputWaitsForTheDiskAsWell() {
        var limits = SessionLimits()
        limits.unsyncedBytes = 16
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C aic copy q\nI 0123456789abcdef\n")
        #expect(!harness.readsClient)
        harness.durable()
        #expect(harness.readsClient)
    }

    @Test func anAnswerPastTheCapIsMarkedNotKept() {
        var limits = SessionLimits()
        limits.responseBytes = 10
        var machine = SessionMachine(dialect: ToyDialect(), limits: limits)
        var kept: [Bool] = []
        var harness = Harness.open(Harness.Terms(limits: limits))
        harness.client("C aic r3 q\n")
        harness.durable()
        machine = harness.machine
        for action in machine.targetBytes(ByteBuffer(string: "D q 0 4242\nD q 1 4242\nO q\n")) {
            if case .recordChunk(_, _, _, _, let isRetained) = action { kept.append(isRetained) }
        }
        #expect(kept == [true, false])
    }
}
