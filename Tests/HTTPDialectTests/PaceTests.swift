import Foundation
import GatewayCore
import SessionKernel
import Testing

/// Who keeps whom waiting, as the shell's clock is told, and what a target that is too late comes to.
@Suite struct PaceTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    @Test func aHeadIsOwedFromItsFirstByteToItsLast() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.target(Self.ok)
        bench.durable()
        #expect(bench.machine.dialect.pace == Pace())
        bench.client("GET /c/y HTTP/1.1\r\nHo")
        #expect(bench.machine.dialect.pace.client == .head)
        bench.run { $0.abort(.limit, Refusal(code: "408", message: "Too slow.")) }
        #expect(bench.toClient.components(separatedBy: "HTTP/1.1 ").last?.hasPrefix("408 Request Timeout\r\n") == true)
    }

    @Test func aBodyIsOwedWhileItIsGatheredAndWhileItPasses() {
        var bench = MachineBench()
        bench.client("POST /c/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: 10\r\n\r\nabc")
        #expect(bench.machine.dialect.pace.client == .body)
        bench.client("defghij")
        #expect(bench.machine.dialect.pace.client == .free)
    }

    @Test func aConversationOwesNothing() {
        var bench = MachineBench()
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Type: application/grpc\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n")
        #expect(bench.machine.dialect.pace.client == .free)
    }

    @Test func theTargetIsWaitedForFromTheRequestsEndToTheAnswersBeginning() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        #expect(!bench.machine.dialect.pace.target)
        bench.durable()
        bench.connect()
        #expect(bench.machine.dialect.pace.target)
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n")
        #expect(!bench.machine.dialect.pace.target)
        // Said too late: the answer goes on.
        bench.run { $0.targetIsLate() }
        #expect(bench.targetCloses == 0 && bench.types == ["command.allowed"])
    }

    @Test func aTargetThatIsTooLateIs504AndTheClientGoesOn() {
        var bench = MachineBench()
        bench.client(get("/c/x"))
        bench.durable()
        bench.connect()
        bench.run { $0.targetIsLate() }
        #expect(bench.targetCloses == 1)
        #expect(bench.types == ["command.allowed", "command.outcome"])
        #expect(bench.toClient == "")
        bench.durable()
        #expect(bench.toClient.hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
        #expect(!bench.clientIsClosed)
        bench.client(get("/c/y"))
        bench.durable()
        #expect(bench.dials == 2)
        bench.connect()
        bench.target(Self.ok)
        bench.durable()
        #expect(bench.toClient.hasSuffix("hi"))
        // The words were for that one: the next that is lost is lost otherwise.
        bench.client(get("/c/z"))
        bench.durable()
        bench.run { $0.targetClosed() }
        bench.durable()
        #expect(bench.toClient.contains("HTTP/1.1 502 ") && bench.poisons == [])
    }
}
