import AccessPolicy
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct ApprovalRouteTests {
    @Test func theRightPersonApproves() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let answer = try await console.post(
                "/api/v1/approvals/\(id)/approve",
                console.token("dana", ["dba"], audience: TokenVerifier.approvalAudience))
            #expect(answer.status == 200 && answer.json["state"] as? String == "approved")
            #expect(console.desk.approval(id)?.state == .approved)
        }
    }

    @Test func whoDecidesSeesParametersAndWhatNamesStandFor() async throws {
        try await TestConsole.with { console in
            let plain = try console.hold(by: TestConsole.ada)
            let bound = try console.hold(
                by: TestConsole.ada, parameters: #"["7",null,{"hex":"00ff"},true]"#,
                prepared: ["PREPARE s AS DELETE FROM orders"])
            for (subject, groups) in [("dana", ["dba"]), ("eve", ["security"])] {
                let token = console.token(subject, groups)
                let one = try await console.get("/api/v1/approvals/\(bound)", token)
                let values = (one.json["parameters"] as? [Any])?.map { $0 as? String }
                #expect(values == ["7", nil, "\\x00ff", "true"])
                #expect(one.json["prepared"] as? [String] == ["PREPARE s AS DELETE FROM orders"])
                let listed = try await console.get("/api/v1/approvals", token)
                let same = listed.items.first { $0["id"] as? String == "\(bound)" }
                #expect(same?["prepared"] as? [String] == ["PREPARE s AS DELETE FROM orders"])
                let other = try await console.get("/api/v1/approvals/\(plain)", token)
                #expect(other.json["parameters"] == nil && other.json["prepared"] == nil)
            }
        }
    }

    @Test func denyingTakesAReason() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let token = console.token("dana", ["dba"], audience: TokenVerifier.approvalAudience)
            let answer1 = try await console.post("/api/v1/approvals/\(id)/deny", token, #"{"reason":"not today"}"#)
            #expect(answer1.status == 200)
            #expect(console.desk.approval(id)?.denial?.reason == "not today")
            let answer2 = try await console.post("/api/v1/approvals/\(id)/approve", token)
            #expect(answer2.status == 409)
        }
    }

    @Test func approvingMayTellAReasonThatTheListShows() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada)
            let token = console.token("dana", ["dba"], audience: TokenVerifier.approvalAudience)
            let long = String(repeating: "x", count: 513)
            for body in [#"{"reason":7}"#, #"{"reason":"\#(long)"}"#, #"{"because":"x"}"#, #"["reason"]"#] {
                let answer = try await console.post("/api/v1/approvals/\(id)/approve", token, body)
                #expect(answer.status == 400, "\(body)")
            }
            #expect(console.desk.approval(id)?.state == .pending)
            let done = try await console.post("/api/v1/approvals/\(id)/approve", token, #"{"reason":"ticket 7"}"#)
            #expect(done.status == 200)
            let listed = try await console.get("/api/v1/approvals", console.token("eve", ["security"]))
            let decision = (listed.items.first?["approvals"] as? [[String: Any]])?.first
            #expect(decision?["reason"] as? String == "ticket 7")
            #expect((decision?["by"] as? [String: Any])?["subject"] as? String == "dana")
        }
    }

    /// Who, with which groups, for which door, as which agent; and the status of the refusal.
    static let refused: [(subject: String, groups: [String], audience: String, agent: String?, status: Int)] = [
        ("ada", ["dba"], "sallyport:approve", nil, 403),
        ("dana", ["dba"], "sallyport", nil, 401),
        ("dana", ["dba"], "sallyport:operator", nil, 401),
        ("dana", ["other"], "sallyport:approve", nil, 403),
        ("dana", [], "sallyport:approve", nil, 403),
        ("dana", ["dba"], "sallyport:approve", "helper", 403),
        ("carol", ["dba"], "sallyport:approve", nil, 403),
    ]

    @Test func nobodyElseDoes() async throws {
        try await TestConsole.with { console in
            let id = try console.hold(by: TestConsole.ada, onBehalfOf: "carol")
            for who in Self.refused {
                let token = console.token(who.subject, who.groups, audience: who.audience, agent: who.agent)
                for decision in ["approve", "deny"] {
                    let answer = try await console.post("/api/v1/approvals/\(id)/\(decision)", token)
                    #expect(answer.status == who.status, "\(who) \(decision): \(answer.text)")
                }
            }
            #expect(console.desk.approval(id)?.state == .pending)
        }
    }

    @Test func whatIsSeenDependsOnWhoLooks() async throws {
        try await TestConsole.with { console in
            _ = try console.hold(by: TestConsole.ada)
            let cases: [(String, [String], String?, Int)] = [
                ("ada", [], nil, 1), ("dana", ["dba"], nil, 1), ("dana", ["dba"], "helper", 0), ("eve", [], nil, 0),
                ("eve", ["security"], nil, 1),
                ("eve", ["approvers"], nil, 1), ("eve", ["platform"], nil, 1),
            ]
            for (subject, groups, agent, count) in cases {
                let items = try await console.get(
                    "/api/v1/approvals?state=pending", console.token(subject, groups, agent: agent)
                ).items
                #expect(items.count == count, "\(subject) \(groups)")
                #expect(items.allSatisfy { $0["digest"] == nil })
            }
            let auditor = console.token("eve", ["security"])
            let answer3 = try await console.get("/api/v1/approvals?state=denied", auditor)
            #expect(answer3.items.isEmpty)
            let answer4 = try await console.get("/api/v1/approvals?state=maybe", auditor)
            #expect(answer4.status == 400)
        }
    }

    @Test func unknownApprovalsAreNotFound() async throws {
        try await TestConsole.with { console in
            let token = console.token("dana", ["dba"], audience: TokenVerifier.approvalAudience)
            for id in ["x", RecordID(at: .wall()).description, "..%2f..%2fetc"] {
                let answer5 = try await console.post("/api/v1/approvals/\(id)/approve", token)
                #expect(answer5.status == 404)
            }
        }
    }
}
