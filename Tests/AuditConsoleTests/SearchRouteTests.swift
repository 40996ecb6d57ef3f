import AuditConsole
import AuditLedger
import GatewayCore
import Synchronization
import Testing

@Suite struct SearchRouteTests {
    static let sessions = SessionRouteTests.sessions

    @Test func everyoneFindsTheirOwnAndAuditorsAll() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let all = try await console.get("/api/v1/search?q=select", console.token("eve", ["security"]))
            #expect(all.status == 200 && all.items.count == 15)
            let bobs = try await console.get("/api/v1/search?q=select", console.token("bob"))
            #expect(bobs.items.count == 3)
            #expect(Set(bobs.items.map { $0["session"] as? String }) == [SessionRouteTests.ofBob])
            // Naming another widens nothing; an agent acting for an auditor is none.
            for query in ["q=select&principal=bob", "session=\(SessionRouteTests.ofBob)"] {
                let others = try await console.get("/api/v1/search?" + query, console.token("ada"))
                #expect(others.items.allSatisfy { $0["session"] as? String != SessionRouteTests.ofBob })
            }
            let nobody = try await console.get("/api/v1/search", console.token("eve"))
            #expect(nobody.status == 200 && nobody.items.isEmpty)
            let stranger = try await console.send("GET", "/api/v1/search")
            #expect(stranger.status == 401)
        }
    }

    @Test func pagesAndTheirLag() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            var found = 0
            var cursor: String?
            repeat {
                let page = try await console.get(
                    "/api/v1/search?limit=4" + (cursor.map { "&cursor=" + $0 } ?? ""), auditor)
                #expect((page.json["behind_bytes"] as? Int) == (cursor == nil ? 7 : nil))
                found += page.items.count
                cursor = page.json["next"] as? String
            } while cursor != nil
            #expect(found == 15)
        }
    }

    @Test func eachSearchIsAnEntryBeforeItsAnswer() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            _ = try await console.get("/api/v1/search?q=se%20cret&agent=a&verdict=block&since=2026-11-21", auditor)
            _ = try await console.get("/api/v1/sessions?q=hidden", auditor)
            _ = try await console.get("/api/v1/sessions", auditor)
            let drafts = console.appended.withLock { $0 }
            #expect(drafts.map(\.type.rawValue) == ["record.searched", "record.searched"])
            #expect(drafts[0].principal?.subject == "eve")
            #expect(drafts[0].clientAddress?.hasPrefix("127.0.0.1:") == true)
            #expect(
                drafts[0].details == [
                    "view": "commands", "agent": "a", "verdict": "block", "since": "2026-11-21T00:00:00.000000Z",
                ])
            // What was looked for is content: sealed, never in the leaf.
            #expect(drafts.map(\.content) == [[ContentItem(.query, "se cret")], [ContentItem(.query, "hidden")]])
            console.failsToAppend.withLock { $0 = true }
            let answer = try await console.get("/api/v1/search?q=select", auditor)
            #expect(answer.status == 503 && !answer.text.contains("SELECT"))
        }
    }

    @Test func aFloodIsCounted() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let auditor = console.token("eve", ["security"])
            for _ in 0..<150 { _ = try await console.get("/api/v1/search?q=x", auditor) }
            // A minute may end in between.
            #expect((60...121).contains(console.types.count))
            // Another viewer's are told apart.
            let before = console.types.count
            _ = try await console.get("/api/v1/search?q=x", console.token("ada"))
            #expect(console.types.count == before + 1)
        }
    }

    static let badQueries = [
        "limit=0", "limit=501", "colour=blue", "outcome=nice", "verdict=maybe", "approval=1", "session=x",
        "since=yesterday",
        "q=a&q=b", "q=%20", "q=%22%22%22" + String(repeating: "%20x", count: 20),
        "q=" + String(repeating: "x", count: 600),
        "q=" + String(repeating: "x", count: 60_000), "principal=" + String(repeating: "%41", count: 513),
    ]

    @Test(arguments: badQueries) func badQueriesAreTold(query: String) async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer = try await console.get("/api/v1/search?" + query, console.token("ada"))
            #expect(
                answer.status == 400 && answer.headers["content-type"] == "application/problem+json",
                "\(query.prefix(40))")
            #expect((answer.json["detail"] as? String)?.isEmpty == false)
            #expect(console.types.isEmpty)
        }
    }

    @Test(arguments: [
        "q=%00", "q=%FF%FE", "q=%22", "q=%27%3B--", "q=NEAR(a", "q=%25", "q=a+b", "q=%F0%9F%98%80", "object=%00",
        "q=%22select%200%2C%22",
    ])
    func oddQueriesAreTaken(query: String) async throws {
        try await TestConsole.with(Self.sessions) { console in
            let answer = try await console.get("/api/v1/search?" + query, console.token("ada"))
            #expect(answer.status == 200, "\(query)")
        }
    }
}
