import AccessPolicy
import Foundation
import GatewayCore
import Identity
import Testing

/// Taking requests back, and asking for access.
@Suite struct WithdrawalRouteTests {
    @Test func whoAskedTakesItBack() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let answer = try await console.post(
                "/api/v1/approvals/\(id)/withdraw", console.token("ada"), #"{"reason":"not needed"}"#)
            #expect(answer.status == 200 && answer.json["state"] as? String == "withdrawn")
            #expect(console.desk.approval(id)?.state == .withdrawn)
            let again = try await console.post("/api/v1/approvals/\(id)/withdraw", console.token("ada"))
            #expect(again.status == 409)
        }
    }

    @Test func anAdministratorMay() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let answer = try await console.post("/api/v1/approvals/\(id)/withdraw", console.token("eve", ["platform"]))
            #expect(answer.status == 200)
        }
    }

    /// Who sees it may deny it; who does not is told nothing.
    @Test(
        arguments: [
            ("dana", ["dba"], nil, 403), ("eve", ["security"], nil, 403), ("bob", [], nil, 404),
            ("dana", ["dba"], "helper", 404), ("eve", ["platform"], "helper", 404),
        ] as [(String, [String], String?, Int)])
    func nobodyElseMay(subject: String, groups: [String], agent: String?, status: Int) async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let token = console.token(subject, groups, agent: agent)
            let answer = try await console.post("/api/v1/approvals/\(id)/withdraw", token)
            #expect(answer.status == status, "\(answer.text)")
            #expect(console.desk.approval(id)?.state == .pending)
        }
    }

    @Test func tokensOfAnotherDoorAndBrokenBodies() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let path = "/api/v1/approvals/\(id)/withdraw"
            let approving = console.token("ada", audience: TokenVerifier.approvalAudience)
            #expect(try await console.post(path, approving).status == 401)
            #expect(try await console.post(path, nil).status == 401)
            let long = String(repeating: "x", count: 513)
            for body in [#"{"reason":7}"#, #"{"reason":"\#(long)"}"#, #"{"why":"x"}"#, "[]", "{"] {
                #expect(try await console.post(path, console.token("ada"), body).status == 400, "\(body)")
            }
            for other in ["nothing", RecordID(at: .wall()).description] {
                let answer = try await console.post("/api/v1/approvals/\(other)/withdraw", console.token("ada"))
                #expect(answer.status == 404)
            }
            #expect(console.desk.approval(id)?.state == .pending)
        }
    }

    @Test func accessIsAskedFor() async throws {
        try await TestConsole.with { console in
            let token = console.token("kim", ["devs"])
            let answer = try await console.post(
                "/api/v1/access-requests", token, #"{"connection":"closed","seconds":600,"reason":"incident 7"}"#)
            #expect(answer.status == 201)
            #expect(answer.json["access_seconds"] as? Int == 600 && answer.json["connection"] as? String == "closed")
            #expect(answer.json["message"] as? String == "incident 7" && answer.json["session"] == nil)
            #expect(answer.json["history"] == nil && answer.json["locks"] == nil && answer.json["objects"] == nil)
            let most = try await console.post("/api/v1/access-requests", token, #"{"connection":"closed"}"#)
            #expect(most.json["access_seconds"] as? Int == 3600)
        }
    }

    @Test(
        arguments: [
            ("kim", ["devs"], #"{"connection":"orders"}"#, 404), ("kim", ["devs"], #"{"connection":"none"}"#, 404),
            ("eve", ["platform"], #"{"connection":"closed"}"#, 404), ("eve", [], #"{"connection":"closed"}"#, 404),
            ("kim", ["devs"], "{}", 400), ("kim", ["devs"], #"{"connection":7}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","seconds":0}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","seconds":-5}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","seconds":1.5}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","seconds":1e300}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","seconds":"1h"}"#, 400),
            ("kim", ["devs"], #"{"connection":"closed","hours":1}"#, 400),
        ] as [(String, [String], String, Int)])
    func accessIsNotAskedFor(subject: String, groups: [String], body: String, status: Int) async throws {
        try await TestConsole.with { console in
            let answer = try await console.post("/api/v1/access-requests", console.token(subject, groups), body)
            #expect(answer.status == status, "\(answer.text)")
            #expect(console.desk.list().isEmpty)
        }
    }

    @Test func whoIsLockedAsksForNothing() async throws {
        try await TestConsole.with { console in
            let lock = Lock(
                id: RecordID(at: .wall()), target: .principal(issuer: nil, subject: "kim"), reason: "x", author: "eve",
                since: .wall())
            console.locks.add(lock)
            let answer = try await console.post(
                "/api/v1/access-requests", console.token("kim", ["devs"]), #"{"connection":"closed"}"#)
            #expect(answer.status == 403 && console.desk.list().isEmpty)
        }
    }

    /// Where links of notifications lead: words for everybody, nothing of the approval.
    @Test func theLinksPage() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            for known in [id, RecordID(at: .wall())] {
                let answer = try await console.get("/approvals/\(known)")
                #expect(answer.status == 200 && answer.headers["content-type"]?.hasPrefix("text/plain") == true)
                #expect(answer.text.contains("sallyport approve \(known) --url https://gw.example.com"))
                #expect(!answer.text.contains("DELETE") && !answer.text.contains("ada"))
            }
            #expect(try await console.get("/approvals/nothing").status == 404)
        }
    }

    @Test func whatIsKnownBesidesIsShown() async throws {
        try await TestConsole.with { console in
            let id = RecordID(at: .wall())
            var request = Approval.Request(
                requester: TestConsole.ada, agent: AgentContext(agent: "copilot", run: "r", purpose: "p"),
                session: RecordID(at: .wall()), connection: "orders", text: "DELETE FROM \u{43E}rders",
                terms: HoldTerms(groups: ["dba"]), digest: [1])
            request.verb = "DELETE"
            request.objects = ["public.orders"]
            request.rowsEstimate = 42
            request.history = [
                .init(at: .wall(), text: "SELECT 1", verdict: "allowed", outcome: .success, rows: 1),
                .init(at: .wall(), text: "SELECT 2", verdict: "allowed"),
            ]
            try console.desk.request(id: id, request, now: .wall())
            func view() async throws -> [String: Any] {
                try await console.get("/api/v1/approvals/\(id)", console.token("dana", ["dba"])).json
            }
            var shown = try await view()
            #expect(shown["visible_text"] as? String == #"DELETE FROM \u{43e}rders"#)
            #expect(shown["rows_estimate"] as? Int == 42 && shown["objects"] as? [String] == ["public.orders"])
            let history = try #require(shown["history"] as? [[String: Any]])
            #expect(history.map { $0["outcome"] as? String } == ["success", nil] && history[0]["rows"] as? Int == 1)
            #expect(shown["locks"] == nil)
            console.desk.note(.asking, of: id)
            shown = try await view()
            #expect((shown["locks"] as? [String: Any])?["state"] as? String == "asking")
            console.desk.note(.held([.init(object: "public.t", mode: "RowExclusiveLock")], waiting: 1), of: id)
            shown = try await view()
            let locks = try #require(shown["locks"] as? [String: Any])
            #expect(locks["state"] as? String == "known" && locks["waiting"] as? Int == 1)
            #expect((locks["held"] as? [[String: String]]) == [["object": "public.t", "mode": "RowExclusiveLock"]])
            console.desk.note(.unknown, of: id)
            shown = try await view()
            #expect((shown["locks"] as? [String: Any])?["state"] as? String == "unknown")
        }
    }
}
