import AccessPolicy
import AuditLedger
import GatewayCore
import SessionKernel
import Testing

/// The policy changes while a command is held, and while its client's patience ends.
@Suite struct PolicyChangeTests {
    private let id = ExchangeID(1)

    private func held() -> Harness {
        var harness = Harness.open()
        harness.client("C wic r1 q\n")
        harness.durable()
        harness.approvalOpened(id)
        return harness
    }

    @Test func blockedNow() {
        var harness = held()
        harness.changePolicy("w", to: "b")
        #expect(harness.desk[id] == .withdrawn)
        #expect(harness.timers.isEmpty)
        harness.settle()
        #expect(harness.entries(1) == ["held", "blocked"])
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }

    @Test func allowedNow() {
        var harness = held()
        harness.changePolicy("w", to: "a")
        #expect(harness.desk[id] == .withdrawn)
        harness.settle()
        #expect(harness.targetLines == ["C wic r1 q"])
        #expect(harness.violations == [])
    }

    @Test func theSameTermsGoOnWaiting() {
        var harness = held()
        harness.changePolicy("w", to: "w")
        #expect(harness.desk[id] == .opened(RecordID(high: 7, low: 1)))
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.settle()
        #expect(harness.targetLines == ["C wic r1 q"])
    }

    @Test func otherTermsAreAskedForAnew() {
        var harness = held()
        harness.changePolicy("w", to: "h")
        harness.durable()
        #expect(harness.desk[id] == .requested)
        #expect(harness.timers[.approval] == 60)
        harness.approvalOpened(id)
        harness.approvalDecided(id, .granted(by: [.approver]))
        harness.settle()
        #expect(harness.targetLines == ["C wic r1 q"])
        #expect(harness.violations == [])
    }

    /// The desk is being asked to defer when the policy changes: what it says afterwards is not meant any more.
    @Test(arguments: [("b", false), ("b", true), ("h", false), ("h", true), ("a", true)] as [(Character, Bool)])
    func whilePatienceEnds(meaning: Character, isDeferred: Bool) {
        var harness = held()
        harness.fire(.approval)
        harness.changePolicy("w", to: meaning)
        #expect(harness.desk[id] == .withdrawn)
        harness.answerDeferral(id, isDeferred)
        // A grant of the question that was taken back.
        if meaning == "b" { harness.approvalDecided(id, .granted(by: [.approver])) }
        harness.durable()
        #expect(!harness.entries(1).contains("deferred"))
        switch meaning {
        case "b":
            harness.settle()
            #expect(harness.entries(1) == ["held", "blocked"])
            #expect(harness.targetLines.isEmpty)
        case "a":
            #expect(harness.targetLines == ["C wic r1 q"])
        default:
            #expect(harness.desk[id] == .requested)
            harness.approvalOpened(id)
            harness.fire(.approval)
            harness.settle()
            #expect(harness.entries(1) == ["held", "held", "expired"])
        }
        #expect(harness.violations == [])
    }

    @Test func theSameTermsWhilePatienceEnds() {
        var harness = held()
        harness.fire(.approval)
        harness.changePolicy("w", to: "w")
        harness.answerDeferral(id, true)
        harness.settle()
        #expect(harness.entries(1) == ["held", "deferred"])
        #expect(harness.targetLines.isEmpty)
        #expect(harness.violations == [])
    }
}
