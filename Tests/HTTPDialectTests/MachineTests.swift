import AuditLedger
import Foundation
import GatewayCore
import NIOCore
import SessionKernel
import Testing

/// The kernel's promises with a target that is used per command.
@Suite struct MachineTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    @Test func p1_nothingOfARequestReachesTheTargetBeforeItsRecordIsDurable() {
        var bench = MachineBench()
        bench.client(post("/c/x", "body"))
        #expect(bench.types == ["command.allowed"])
        #expect(bench.dials == 0)
        bench.durable()
        #expect(bench.dials == 1)
        #expect(bench.toTarget == "")
        bench.connect()
        #expect(
            bench.toTarget.hasPrefix("POST /x HTTP/1.1\r\nHost: target.example\r\nAuthorization: Bearer s3cret\r\n"))
        #expect(bench.toTarget.hasSuffix("Content-Length: 4\r\n\r\nbody"))
    }

    @Test func p2_theAnswersEndWaitsForItsOutcome() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + String(repeating: "a", count: 9000))
        #expect(bench.toClient.hasSuffix("aaa"))
        bench.toClient = ""
        bench.target(String(repeating: "b", count: 11000))
        #expect(bench.types.last == "command.outcome")
        #expect(bench.toClient == "")
        bench.durable()
        #expect(bench.toClient == String(repeating: "b", count: 11000))
        #expect(bench.answer.hasSuffix("bbb"))
    }

    @Test func theTargetIsDialledAgainOnceItHasGone() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target(Self.ok)
        bench.durable()
        bench.run { $0.targetClosed() }
        #expect(bench.machine.phase == .open)
        bench.client(get("/c/y"))
        bench.durable()
        #expect(bench.dials == 2)
        bench.connect()
        bench.target(Self.ok)
        bench.durable()
        #expect(bench.toClient.hasSuffix("hi"))
        #expect(bench.types.filter { $0 == "command.outcome" }.count == 2)
        #expect(bench.poisons == [])
    }

    @Test func aTargetThatSaysCloseIsNotUsedAgain() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        #expect(bench.targetCloses == 1)
        bench.durable()
        bench.client(get("/c/y"))
        bench.durable()
        #expect(bench.dials == 2)
        // The old connection's end says nothing any more.
        #expect(!bench.clientIsClosed)
    }

    @Test func whatCannotBeReachedIsRefusedAndTriedAgain() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.run { $0.targetUnreachable(Refusal(code: "08001", message: "The target cannot be reached.")) }
        #expect(bench.types == ["command.allowed", "command.outcome"])
        #expect(bench.toClient == "")
        bench.durable()
        #expect(bench.toClient.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
        bench.client(get("/c/y"))
        bench.durable()
        #expect(bench.dials == 2)
        #expect(!bench.clientIsClosed)
    }

    @Test func aPipelineGoesOneByOne() {
        var bench = MachineBench()
        bench.client(get("/c/1") + get("/c/blocked") + get("/c/3"))
        bench.durable()
        bench.connect()
        bench.durable()
        #expect(bench.toTarget.components(separatedBy: "GET /").count == 2)
        #expect(bench.toClient == "")
        bench.target(Self.ok)
        bench.durable()
        bench.durable()
        #expect(bench.toTarget.contains("GET /3 "))
        #expect(!bench.toTarget.contains("blocked"))
        bench.target(Self.ok)
        bench.durable()
        let statuses = bench.toClient.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
        #expect(statuses == ["200", "403", "200"])
    }

    @Test func aBlockedRequestLeavesTheConnectionUsable() {
        var bench = MachineBench()
        bench.client(post("/c/blocked", "x"))
        bench.durable()
        #expect(bench.toClient.contains("application/problem+json"))
        #expect(bench.toClient.contains("\"rule\":\"no-blocked\""))
        #expect(bench.toClient.contains("\"message\":\"Not here.\""))
        #expect(bench.drafts[0].outcome?.code == "403")
        #expect(bench.dials == 0)
        bench.client(get("/c/y"))
        bench.durable()
        #expect(bench.dials == 1)
    }

    @Test func theRestOfARefusedBodyGoesNowhereAndIsNotRecorded() {
        var bench = MachineBench()
        let body = String(repeating: "x", count: (1 << 20) + 5000)
        bench.client(String(post("/c/blocked", body).dropLast(1000)))
        bench.durable()
        #expect(bench.toClient.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
        #expect(bench.toClient.contains("Connection: close"))
        #expect(bench.input == "")
        #expect(bench.toTarget == "")
        bench.durable()
        #expect(bench.clientIsClosed)
    }

    @Test func aLongBodyFollowsItsCommandAndIsRecorded() {
        var bench = MachineBench()
        let body = String(repeating: "x", count: 1 << 20) + "rest"
        bench.client(post("/c/x", body))
        bench.durable()
        bench.connect()
        bench.durable()
        #expect(bench.toTarget.hasSuffix("xrest"))
        #expect(bench.input == "rest")
    }

    @Test func anotherTokenBeginsAnotherSession() {
        var bench = MachineBench()
        let other = get("/c/y").replacing("Bearer t", with: "Bearer u")
        bench.client(get("/c/x") + other)
        bench.durable()
        bench.connect()
        #expect(bench.handedOver == nil)
        bench.client("more")
        bench.target(Self.ok)
        bench.durable()
        #expect(bench.toClient.hasSuffix("hi"))
        #expect(bench.handedOver == other + "more")
        #expect(!bench.clientIsClosed)
        #expect(!bench.toTarget.contains("/y"))
        #expect(bench.targetCloses == 1)
    }

    @Test func anotherSessionDoesNotBeginOnceThisOneWasEnded() {
        var bench = MachineBench()
        bench.client(get("/c/x") + get("/d/y"))
        bench.durable()
        bench.run { $0.abort(.locked, Refusal(code: "28000", message: "locked")) }
        bench.durable()
        #expect(bench.handedOver == nil)
        #expect(bench.clientIsClosed)
    }

    @Test func aHeldRequestWaitsAndRunsOnceGranted() {
        var bench = MachineBench()
        bench.client(get("/c/held"))
        bench.durable()
        #expect(bench.approvals == [ExchangeID(1)])
        bench.run { $0.approvalOpened(ExchangeID(1), RecordID(high: 1, low: 2)) }
        #expect(bench.toClient == "")
        let approver = Principal(issuer: "i", subject: "dana", groups: ["dba"], isPersonIssuer: true)
        bench.run { $0.approvalDecided(ExchangeID(1), .granted(by: [approver])) }
        #expect(bench.dials == 0)
        bench.durable()
        #expect(bench.dials == 1)
        bench.connect()
        #expect(bench.toTarget.hasPrefix("GET /held "))
    }

    @Test func aClientThatLeavesWithdrawsItsApproval() {
        var bench = MachineBench()
        bench.client(get("/c/held"))
        bench.durable()
        bench.run { $0.approvalOpened(ExchangeID(1), RecordID(high: 1, low: 2)) }
        bench.run { $0.clientClosed() }
        #expect(bench.withdrawn == [ExchangeID(1)])
        #expect(bench.dials == 0)
    }

    @Test func aLedgerThatFailsLetsNothingPass() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        bench.run { $0.ledgerFailed() }
        #expect(!bench.toClient.contains("hi"))
        #expect(bench.clientIsClosed)
    }

    @Test func aBodyCutShortByTheTargetIsCutForTheClient() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + String(repeating: "a", count: 9000))
        bench.run { $0.targetClosed() }
        bench.durable()
        #expect(bench.clientIsClosed)
        #expect(bench.drafts.last?.outcome?.kind == .interrupted)
        #expect(!bench.toClient.contains("502"))
    }
}
