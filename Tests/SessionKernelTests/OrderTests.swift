import AuditLedger
import GatewayCore
import SessionKernel
import Testing

/// Order under pipelining, refusals, skipping, framing.
@Suite struct OrderTests {
    @Test func answersComeInTheOrderOfTheCommands() {
        var harness = Harness.open()
        harness.client("C aic r1 q\nC bic r1 r\nC aic r1 s\nC bic r0 t\n")
        harness.settle()
        #expect(harness.takeClientText() == "D q 0 ####\nO q\nR r 42501\nD s 0 ####\nO s\nR t 42501\n")
        #expect(harness.targetLines == ["C aic r1 q", "C aic r1 s"])
        #expect(harness.violations == [])
    }

    @Test func aSlowVerdictKeepsWhatFollowsBehindIt() {
        var harness = Harness.open()
        harness.client("C alu r0 q\nC aic r0 r\n")
        harness.durable()
        #expect(harness.analyses == [ExchangeID(1)])
        harness.analysed(ExchangeID(1))
        #expect(harness.judgements.map(\.id) == [ExchangeID(1)])
        #expect(harness.ledger.permission.isEmpty)
        harness.judged(ExchangeID(1))
        harness.settle()
        #expect(harness.targetLines == ["C alu r0 q", "C aic r0 r"])
        #expect(harness.takeClientText() == "O q\nO r\n")
        #expect(harness.violations == [])
    }

    @Test(arguments: ["C", "E"])
    func aDeniedCommandLeavesTheSessionUsable(kind: String) {
        var harness = Harness.open()
        harness.client("\(kind) bic r1 q\nS\n")
        harness.settle()
        #expect(harness.takeClientText() == "R q 42501\nZ\n")
        harness.client("\(kind) aic r0 r\nS\n")
        harness.settle()
        #expect(harness.takeClientText() == "O r\nZ\n")
        #expect(harness.violations == [])
    }

    @Test func afterARefusalInAPipelineEverythingIsSkippedUntilSync() {
        var harness = Harness.open()
        harness.client("P aic r0 q\nE bic r1 r\nE aic r1 s\nI more\nS\nE aic r0 t\nS\n")
        harness.settle()
        #expect(harness.targetLines == ["P aic r0 q", "E !fail r", "S", "E aic r0 t", "S"])
        #expect(harness.takeClientText() == "O q\nR r 42501\nZ\nO t\nZ\n")
        #expect(harness.entries(2) == ["blocked", "substituted"])
        #expect(harness.entries(3) == ["allowed", "outcome:skipped"])
        #expect(harness.violations == [])
    }

    @Test func afterAnErrorTheTargetsSkippedCommandsAreSettled() {
        var harness = Harness.open()
        harness.client("E aic err q\nE aic r1 r\nS\n")
        harness.settle()
        #expect(harness.takeClientText() == "D q # half\nF q 22012\nZ\n")
        #expect(harness.entries(2) == ["allowed", "outcome:skipped"])
        #expect(harness.violations == [])
    }

    @Test func aCommandThatOnlyPreparesIsForwardedWhenHeld() {
        var harness = Harness.open()
        harness.client("P hic r0 q\nS\n")
        harness.settle()
        #expect(harness.desk.isEmpty)
        #expect(harness.entries(1) == ["allowed", "outcome:success"])
        #expect(harness.ledger.entries.first { $0.draft.exchange == 1 }?.draft.verdict == .hold)
    }

    @Test func aCommandThatContinuesADecidedOneIsNotJudgedAgain() {
        var harness = Harness.open()
        harness.client("C aic r0 q\nC dec r0 r\n")
        harness.settle()
        #expect(harness.entries(2) == ["allowed", "outcome:success"])
    }

    @Test(arguments: [Durability.command, .strict])
    func inputChunksAreRecordedAndKeepTheirPlace(durability: Durability) {
        var harness = Harness.open(Harness.Terms(durability: durability))
        harness.client("C aic copy q\nI one\nI two\nI .\nC aic r0 r\n")
        harness.settle()
        #expect(harness.targetLines == ["C aic copy q", "I one", "I two", "I .", "C aic r0 r"])
        #expect(harness.takeClientText() == "O q\nO r\n")
        #expect(harness.violations == [])
    }

    @Test func aReplyDoesNotWait() {
        var harness = Harness.open()
        harness.client("V\n")
        #expect(harness.takeClientText() == "V\n")
    }

    @Test func anySplitOfBothSidesGivesTheSame() {
        let script =
            "P aic r0 q\nE aic r2 r\nE bic r1 s\nS\nC aic look t\nC aic copy u\nI one\nI .\nC aic err v\nC hic r1 w\nC aic r1 x\n"
        func run(_ size: Int) -> (String, [String], [UInt8]) {
            var harness = Harness.open()
            var rest = Array(script.utf8)[...]
            while !rest.isEmpty {
                harness.client(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            for _ in 0..<400 {
                harness.settleLedger()
                if harness.lookUps > 0 { harness.lookedUp() }
                if case .requested? = harness.desk[ExchangeID(7)] {
                    harness.approvalDecided(ExchangeID(7), .granted(by: [.approver]))
                }
                if harness.readsTarget { harness.deliverTarget(size) }
            }
            #expect(harness.violations == [])
            return (harness.takeClientText(), harness.targetLines, harness.ledger.answers)
        }
        let whole = run(.max)
        #expect(whole.0.hasSuffix("D w 0 ####\nO w\nD x 0 ####\nO x\n"))
        for size in 1...40 {
            let split = run(size)
            #expect(split == whole, "in pieces of \(size)")
        }
    }

    @Test func aSmallAnswerLeavesInOneTurn() {
        var harness = Harness.open()
        harness.client("C aic r5 q\n")
        harness.durable()
        harness.deliverTarget()
        #expect(harness.writesToClient == 0)
        harness.durable(harness.ledger.last - 1)
        #expect(harness.writesToClient == 0)
        harness.durable()
        #expect(harness.takeClientText().hasSuffix("O q\n"))
    }
}
