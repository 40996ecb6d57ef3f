import AuditConsole
import AuditLedger
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct ErasureRouteTests {
    private static let sessions = SessionRouteTests.sessions

    @Test func onlyAdministratorsErase() async throws {
        try await TestConsole.with(Self.sessions) { console in
            let path = "/api/v1/sessions/\(SessionRouteTests.ofBob)/erase"
            for (subject, groups) in [("bob", []), ("eve", ["security"]), ("app", ["approvers"])] {
                let token = console.token(subject, groups)
                for target in [path, "/api/v1/erasures"] {
                    let answer = try await console.post(target, token, #"{"reason":"x","principal":"bob"}"#)
                    #expect(answer.status == 403, "\(subject) \(target)")
                }
            }
            #expect(console.erased.withLock { $0 }.isEmpty)
            let admin = console.token("root", ["platform"])
            for body in ["", "{}", #"{"reason":""}"#, #"{"reason":"x","all":"1"}"#] {
                let answer = try await console.post(path, admin, body)
                #expect(answer.status == 400, "\(body)")
            }
            let answer = try await console.post(path, admin, #"{"reason":"asked for"}"#)
            #expect(answer.status == 200)
            #expect(answer.json["erased"] as? Int == 1)
            #expect(console.erased.withLock { $0 }.map(\.description) == [SessionRouteTests.ofBob])
            let draft = console.appended.withLock { $0 }.last
            #expect(draft?.type == .admin("erased"))
            #expect(draft?.principal?.subject == "root")
            #expect(draft?.content == [ContentItem(.reason, "asked for")])
        }
    }

    /// More than a page of them, with those of others between, and of one who goes by that subject as a name.
    @Test func allOfAPrincipalsSessionsAreErased() async throws {
        let namesake = Principal(
            issuer: EmbeddedIssuer.defaultURL, subject: "x9", name: "ada", groups: [], isPersonIssuer: true)
        let foreign = Principal(issuer: "https://other", subject: "ada", groups: [], isPersonIssuer: true)
        // Newest first, and the oldest of all is ada's.
        let people = [namesake, foreign, TestConsole.ada]
        var sessions: [FixtureTrail.Recorded] = []
        for place in 0..<3600 {
            let id = RecordID(high: 1, low: UInt64(10_000 - place))
            sessions.append(.session(id, of: people[place % 3], texts: []))
        }
        try await TestConsole.with(sessions) { [sessions] console in
            let admin = console.token("root", ["platform"])
            let answer = try await console.post(
                "/api/v1/erasures", admin, #"{"principal":"ada","issuer":"sallyport:local","reason":"x"}"#)
            #expect(answer.json["erased"] as? Int == 1200)
            let erased = console.erased.withLock { Set($0.map(\.description)) }
            let hers = sessions.map(\.view).filter {
                $0.principal?.issuer == "sallyport:local" && $0.principal?.subject == "ada"
            }
            #expect(erased == Set(hers.map(\.id)))
        }
        // One that is open far back stops it before anything is destroyed.
        sessions[3599].view.state = "open"
        try await TestConsole.with(sessions) { console in
            let admin = console.token("root", ["platform"])
            let refused = try await console.post("/api/v1/erasures", admin, #"{"principal":"ada","reason":"x"}"#)
            #expect(refused.status == 409)
            #expect(console.erased.withLock { $0 }.isEmpty)
            let other = try await console.post(
                "/api/v1/erasures", admin, #"{"principal":"ada","issuer":"https://other","reason":"x"}"#)
            #expect(other.json["erased"] as? Int == 1200)
        }
    }

    @Test func aPrincipalsSessionsGoTogetherOrNotAtAll() async throws {
        var sessions = Self.sessions
        try await TestConsole.with(sessions) { console in
            let admin = console.token("root", ["platform"])
            let other = try await console.post(
                "/api/v1/erasures", admin, #"{"principal":"ada","issuer":"https://other","reason":"x"}"#)
            #expect(other.json["erased"] as? Int == 0)
            let answer = try await console.post("/api/v1/erasures", admin, #"{"principal":"ada","reason":"x"}"#)
            #expect(answer.json["erased"] as? Int == 4)
            #expect(console.erased.withLock { $0 }.count == 4)
            for body in [
                #"{"reason":"x"}"#, #"{"session":"x","reason":"x"}"#, #"{"session":"x","principal":"y","reason":"x"}"#,
            ] {
                let refused = try await console.post("/api/v1/erasures", admin, body)
                #expect(refused.status == 400, "\(body)")
            }
        }
        sessions[0].view.state = "open"
        try await TestConsole.with(sessions) { console in
            let admin = console.token("root", ["platform"])
            let refused = try await console.post("/api/v1/erasures", admin, #"{"principal":"ada","reason":"x"}"#)
            #expect(refused.status == 409)
            #expect(refused.json["code"] as? String == "session_open")
            #expect(console.erased.withLock { $0 }.isEmpty)
        }
    }
}
