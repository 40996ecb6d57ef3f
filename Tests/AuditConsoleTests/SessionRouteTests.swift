import AuditConsole
import AuditLedger
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct SessionRouteTests {
    /// Newest first: four of ada's, one of bob's in the middle.
    static let sessions: [FixtureTrail.Recorded] = (0..<5).reversed().map { index in
        .session(
            RecordID(at: Timestamp(microseconds: 1_800_000_000_000_000 + Int64(index) * 1_000_000)),
            of: index == 2 ? TestConsole.bob : TestConsole.ada,
            texts: (1...3).map { "SELECT \(index), \($0)" })
    }
    static var ofBob: String { sessions[2].view.id }

    @Test func everyoneSeesTheirOwnAndAuditorsSeeAll() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let ada = console.token("ada")
            let bob = console.token("bob")
            let auditor = console.token("eve", ["security"])
            let nobody = console.token("eve")
            let answer1 = try await console.get("/api/v1/sessions", ada)
            #expect(answer1.items.count == 4)
            let answer2 = try await console.get("/api/v1/sessions", bob)
            #expect(answer2.items.map { $0["id"] as? String } == [Self.ofBob])
            let answer3 = try await console.get("/api/v1/sessions", auditor)
            #expect(answer3.items.count == 5)
            let answer4 = try await console.get("/api/v1/sessions", nobody)
            #expect(answer4.items.isEmpty)
            // Asking for another principal's does not widen what one may see.
            let answer5 = try await console.get("/api/v1/sessions?principal=bob", ada)
            #expect(answer5.items.isEmpty)
            for path in ["", "/events", "/recording"] {
                let answer6 = try await console.get("/api/v1/sessions/\(Self.ofBob)\(path)", bob)
                #expect(answer6.status == 200)
                let answer7 = try await console.get("/api/v1/sessions/\(Self.ofBob)\(path)", auditor)
                #expect(answer7.status == 200)
                let refused = try await console.get("/api/v1/sessions/\(Self.ofBob)\(path)", ada)
                let absent = try await console.get("/api/v1/sessions/\(RecordID(at: .wall()))\(path)", ada)
                #expect(
                    refused.status == 404 && refused.body == absent.body,
                    "what is not theirs looks like what is not there")
            }
        }
    }

    @Test func pagesMeetWithoutGapOrOverlap() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            for limit in 1...6 {
                var found: [String] = []
                var cursor: String?
                repeat {
                    let page = try await console.get(
                        "/api/v1/sessions?limit=\(limit)" + (cursor.map { "&cursor=" + $0 } ?? ""), auditor)
                    #expect(page.items.count <= limit)
                    found += page.items.compactMap { $0["id"] as? String }
                    cursor = page.json["next"] as? String
                } while cursor != nil
                #expect(found == Self.sessions.map(\.view.id), "limit \(limit)")
            }
        }
    }

    @Test func recordingsPageByExchange() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            for limit in 1...4 {
                var texts: [String] = []
                var cursor: String?
                repeat {
                    let page = try await console.get(
                        "/api/v1/sessions/\(Self.ofBob)/recording?limit=\(limit)"
                            + (cursor.map { "&cursor=" + $0 } ?? ""), auditor)
                    let exchanges = page.json["exchanges"] as? [[String: Any]] ?? []
                    texts += exchanges.compactMap { $0["text"] as? String }
                    cursor = page.json["next"] as? String
                } while cursor != nil
                #expect(texts == ["SELECT 2, 1", "SELECT 2, 2", "SELECT 2, 3"], "limit \(limit)")
            }
        }
    }

    @Test func aRecordingTellsEverythingOfACommand() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer = try await console.get("/api/v1/sessions/\(Self.ofBob)/recording", console.token("bob"))
            let exchange = try #require((answer.json["exchanges"] as? [[String: Any]])?.first)
            #expect(exchange["verdict"] as? String == "allow" && exchange["rules"] as? [String] == ["reads"])
            #expect((exchange["outcome"] as? [String: Any])?["tag"] as? String == "SELECT 1")
            #expect(exchange["duration_micros"] as? Int == 1500 && exchange["rows"] as? Int == 1)
            let parameters = exchange["parameters"] as? [Any] ?? []
            #expect(
                parameters.count == 3 && parameters[0] as? String == "a" && parameters[1] is NSNull
                    && parameters[2] as? String == "\\x00ff")
            let result = ((exchange["answer"] as? [String: Any])?["results"] as? [[String: Any]])?.first
            #expect(result?["rows"] as? [[String]] == [["SELECT 2, 1"]])
        }
    }

    @Test func entriesAreTheLeavesByteForByte() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer = try await console.get("/api/v1/sessions/\(Self.ofBob)/events?limit=2", console.token("bob"))
            let leaves = Self.sessions[2].entries.prefix(2).map { String(decoding: $0.leaf, as: UTF8.self) }
            #expect(answer.text == "{\"items\":[\(leaves.joined(separator: ","))],\"next\":\"2\"}")
            let rest = try await console.get(
                "/api/v1/sessions/\(Self.ofBob)/events?limit=100&cursor=2", console.token("bob"))
            #expect(rest.items.count == Self.sessions[2].entries.count - 2 && rest.json["next"] == nil)
        }
    }

    @Test func viewsAreRecordedAndNothingIsShownWhenTheyCannotBe() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            _ = try await console.get("/api/v1/sessions/\(Self.ofBob)", auditor)
            #expect(console.types.isEmpty, "a list or its line is no view of content")
            _ = try await console.get("/api/v1/sessions/\(Self.ofBob)/recording", auditor)
            _ = try await console.get("/api/v1/sessions/\(Self.ofBob)/events", auditor)
            let drafts = console.appended.withLock { $0 }
            #expect(drafts.map(\.type.rawValue) == ["record.viewed", "record.viewed"])
            #expect(
                drafts.allSatisfy {
                    $0.principal?.subject == "eve" && $0.aboutSession?.description == Self.ofBob
                        && $0.clientAddress?.hasPrefix("127.0.0.1:") == true
                })
            console.failsToAppend.withLock { $0 = true }
            let answer = try await console.get("/api/v1/sessions/\(Self.ofBob)/recording", auditor)
            #expect(answer.status == 503 && !answer.text.contains("SELECT"))
        }
    }

    @Test func onlyAdministratorsEndSessions() async throws {
        var open = FixtureTrail.Recorded.session(RecordID(at: .wall()), of: TestConsole.ada, texts: [])
        open.view.state = "open"
        let id = open.view.id
        try await TestConsole.with([open]) { console in
            for token in [console.token("ada"), console.token("eve", ["security"])] {
                let answer8 = try await console.post("/api/v1/sessions/\(id)/end", token)
                #expect(answer8.status == 403)
                let answer9 = try await console.send("DELETE", "/api/v1/sessions/\(id)", token: token)
                #expect(answer9.status == 403)
            }
            #expect(console.ended.withLock { $0.isEmpty })
            let admin = console.token("root", ["platform"])
            let answer10 = try await console.post("/api/v1/sessions/\(id)/end", admin, #"{"reason":"why"}"#)
            #expect(answer10.status == 204)
            #expect(console.ended.withLock { $0.map(\.description) } == [id])
            #expect(console.types == ["admin.session_end"])
            let answer11 = try await console.post("/api/v1/sessions/\(RecordID(at: .wall()))/end", admin)
            #expect(answer11.status == 404)
        }
    }

    static let badQueries = [
        "limit=0", "limit=501", "limit=x", "limit=-1", "limit=99999999999999999999", "cursor=x", "colour=blue",
        "outcome=nice", "since=yesterday",
        "until=2026-13-01", "connection=a&connection=b", "q=" + String(repeating: "x", count: 600),
    ]

    @Test(arguments: badQueries) func badQueriesAreTold(query: String) async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer = try await console.get("/api/v1/sessions?" + query, console.token("ada"))
            #expect(answer.status == 400 && answer.headers["content-type"] == "application/problem+json")
        }
    }

    @Test(arguments: [
        "since=2026-11-21", "since=2026-11-21T05:00:00Z", "until=2026-11-21T05:00:00.123456Z",
        "since=2026-11-21T05:00:00%2B02:00", "q=a%20b",
    ])
    func goodQueriesAreTaken(query: String) async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer12 = try await console.get("/api/v1/sessions?" + query, console.token("ada"))
            #expect(answer12.status == 200)
        }
    }
}
