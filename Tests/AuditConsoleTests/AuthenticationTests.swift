import AuditConsole
import AuditLedger
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct AuthenticationTests {
    static let protected: [(String, String)] = [
        ("GET", "/api/v1/sessions"), ("GET", "/api/v1/sessions/x"), ("GET", "/api/v1/sessions/x/events"),
        ("GET", "/api/v1/sessions/x/recording"),
        ("POST", "/api/v1/sessions/x/end"), ("DELETE", "/api/v1/sessions/x"), ("GET", "/api/v1/approvals"),
        ("GET", "/api/v1/approvals/x"),
        ("POST", "/api/v1/approvals/x/approve"), ("POST", "/api/v1/approvals/x/deny"), ("GET", "/api/v1/connections"),
        ("GET", "/api/v1/tickets"),
        ("POST", "/api/v1/tickets"), ("DELETE", "/api/v1/tickets/x"), ("GET", "/api/v1/locks"),
        ("POST", "/api/v1/locks"), ("DELETE", "/api/v1/locks/x"), ("POST", "/api/v1/exports"),
        ("POST", "/api/v1/sessions/x/erase"), ("POST", "/api/v1/erasures"), ("GET", "/api/v1/sinks"),
    ]

    @Test func everyEndpointAsksForAToken() async throws {
        try await TestConsole.with { console in
            let expired = "eyJhbGciOiJub25lIn0.e30."
            for (method, path) in Self.protected {
                for token in [nil, "nonsense", expired, TicketStore.prefix + "abc"] {
                    let answer = try await console.send(method, path, token: token)
                    #expect(answer.status == 401, "\(method) \(path) with \(token ?? "no token")")
                    #expect(answer.headers["content-type"] == "application/problem+json")
                    #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
                }
            }
        }
    }

    @Test func refusedTokensAreEntriesWithoutTheToken() async throws {
        try await TestConsole.with { console in
            let token = console.token("ada", audience: "elsewhere")
            let answer1 = try await console.get("/api/v1/sessions", token)
            #expect(answer1.status == 401)
            let drafts = console.appended.withLock { $0 }
            #expect(drafts.map(\.type.rawValue) == ["signin.refused"])
            #expect(drafts.first?.reasonCode == "token.audience")
            let text = drafts.map { "\($0)" }.joined()
            #expect(
                text.contains("subject ada")
                    || drafts.first?.content.first.map { String(decoding: $0.bytes, as: UTF8.self) }?.contains("ada")
                        == true
            )
            #expect(!text.contains(token))
        }
    }

    @Test func aFloodOfRefusalsIsBounded() async throws {
        try await TestConsole.with { console in
            for _ in 0..<100 { _ = try await console.get("/api/v1/sessions", "nonsense") }
            // The minute may turn over once meanwhile.
            #expect(console.types.count <= 61)
        }
    }

    @Test func aTokenForDecisionsOpensNothingElse() async throws {
        try await TestConsole.with { console in
            let token = console.token("root", ["platform"], audience: TokenVerifier.approvalAudience)
            let answer2 = try await console.get("/api/v1/sessions", token)
            #expect(answer2.status == 401)
            let answer3 = try await console.get("/api/v1/locks", token)
            #expect(answer3.status == 401)
        }
    }

    @Test func anAgentHoldsNoRole() async throws {
        try await TestConsole.with { console in
            let person = console.token("root", ["platform"])
            let agent = console.token("root", ["platform"], agent: "helper")
            let answer4 = try await console.get("/api/v1/locks", person)
            #expect(answer4.status == 200)
            let answer5 = try await console.get("/api/v1/locks", agent)
            #expect(answer5.status == 403)
        }
    }

    @Test func whoIsLockedOutIsLockedOutHereToo() async throws {
        try await TestConsole.with { console in
            let token = console.token("ada")
            let answer6 = try await console.get("/api/v1/sessions", token)
            #expect(answer6.status == 200)
            console.locks.add(
                Lock(
                    id: RecordID(at: .wall()), target: .principal(issuer: nil, subject: "ada"), reason: "left",
                    author: "root", since: .wall()))
            let answer = try await console.get("/api/v1/sessions", token)
            #expect(answer.status == 403 && answer.json["code"] as? String == "locked")
        }
    }

    @Test func theOperatorsTokenSeesAllButDecidesNothing() async throws {
        let session = FixtureTrail.Recorded.session(RecordID(at: .wall()), of: TestConsole.ada, texts: ["SELECT 1"])
        try await TestConsole.with([session]) { console in
            let token = console.token("someone", audience: "sallyport:operator")
            let answer7 = try await console.get("/api/v1/sessions", token)
            #expect(answer7.items.count == 1)
            let id = try console.hold(by: TestConsole.ada)
            let answer8 = try await console.post("/api/v1/approvals/\(id)/approve", token)
            #expect(answer8.status == 401)
        }
    }
}
