import SessionKernel
import Testing

/// Cancels: before and after forwarding, and what waits behind them.
@Suite struct CancelTests {
    @Test(arguments: ["C aiu r1 q\n", "C alc r1 q\n", "C hic r1 q\n", "C aic r1 q\n"])
    func aCancelBeforeForwardingSettlesWithoutForwarding(command: String) {
        var harness = Harness.open()
        harness.client(command)
        harness.cancel()
        #expect(harness.timers[.verdict] == nil)
        harness.settle()
        #expect(harness.targetLines.isEmpty)
        #expect(harness.cancelsSent == 0)
        #expect(harness.takeClientText() == "R q 57014\n")
        #expect(harness.entries(1).last == "outcome:cancelled")
        // The record names what was cancelled.
        #expect(harness.exchange(of: "q") == 1)
        harness.client("C aic r0 r\n")
        harness.settle()
        #expect(harness.takeClientText() == "O r\n")
        #expect(harness.violations == [])
    }

    @Test func aCancelAfterForwardingIsSentOnceAndTheNextCommandWaits() {
        var harness = Harness.open()
        harness.client("C aic run q\nC aic r0 r\nC bic r0 s\n")
        harness.durable(2)
        #expect(harness.targetLines == ["C aic run q"])
        harness.cancel()
        harness.cancel()
        #expect(harness.cancelsSent == 1)
        harness.settleLedger()
        #expect(harness.targetLines == ["C aic run q"])
        harness.target.cancel()
        harness.deliverTarget()
        harness.settleLedger()
        #expect(harness.targetLines == ["C aic run q"])
        harness.finishCancel(hits: false)
        harness.settle()
        #expect(harness.targetLines == ["C aic run q", "C aic r0 r"])
        #expect(harness.takeClientText() == "F q 57014\nO r\nR s 42501\n")
        #expect(harness.cancelsSent == 1)
        #expect(harness.violations == [])
    }

    @Test func aCancelHitsTheFirstOfThePipelineOnly() {
        var harness = Harness.open()
        harness.client("C aic r0 q\nC aic r0 r\n")
        harness.cancel()
        harness.cancel()
        harness.settle()
        #expect(harness.takeClientText() == "R q 57014\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func aCancelWhileARefusalWaitsHitsNothing() {
        var harness = Harness.open()
        harness.client("C bic r0 q\nC aic r0 r\n")
        harness.cancel()
        harness.settle()
        #expect(harness.takeClientText() == "R q 42501\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func aSubstituteWaitsUntilTheCancelIsThrough() {
        var harness = Harness.open()
        harness.client("C aic begin q\n")
        harness.settle()
        harness.client("C aic run r\nC bic r0 s\n")
        harness.settleLedger()
        #expect(harness.targetLines == ["C aic begin q", "C aic run r", "C !fail s"])
        harness.finishCancel()

        var other = Harness.open()
        other.client("C aic begin q\n")
        other.settle()
        other.client("C aic run r\n")
        other.settleLedger()
        other.client("C bic r0 s\n")
        other.durable()
        // The substitute's own record is under way when the cancel comes.
        other.cancel()
        other.durable()
        #expect(other.targetLines == ["C aic begin q", "C aic run r"])
        other.settle()
        #expect(other.takeClientText() == "O q\nF r 57014\nR s 42501\n")
        #expect(other.violations == [])
    }

    @Test func aCancelOfNothingDoesNothing() {
        var harness = Harness.open()
        harness.cancel()
        harness.client("C aic r0 q\n")
        harness.settle()
        harness.cancel()
        harness.settle()
        #expect(harness.cancelsSent == 0)
        #expect(harness.takeClientText() == "O q\n")
    }

    @Test func aCancelConnectionNamesItsKeyAndCloses() {
        var harness = Harness()
        harness.input("start") { $0.started(signInSeconds: 10) }
        harness.client("K secret\n")
        #expect(harness.cancelledOthers == [Array("secret".utf8)])
        #expect(harness.machine.phase == .closed)
        #expect(harness.ledger.last == 0)
        #expect(harness.violations == [])
    }
}
