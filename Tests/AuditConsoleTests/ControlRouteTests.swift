import AuditConsole
import AuditLedger
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct ControlRouteTests {
    @Test func ticketsAreExchangedListedAndRevoked() async throws {
        try await TestConsole.with { console in
            let ada = console.token("ada", ["agents"])
            let made = try await console.post("/api/v1/tickets", ada, #"{"ttl":60,"use":"once"}"#)
            #expect(made.status == 201)
            let secret = try #require(made.json["secret"] as? String)
            #expect(secret.hasPrefix(TicketStore.prefix))
            let listed = try await console.get("/api/v1/tickets", ada)
            #expect(listed.items.count == 1 && !listed.text.contains(secret))
            let answer1 = try await console.get("/api/v1/tickets", console.token("bob"))
            #expect(answer1.items.isEmpty)
            let id = try #require(made.json["id"] as? String)
            let answer2 = try await console.send("DELETE", "/api/v1/tickets/\(id)", token: console.token("bob"))
            #expect(answer2.status == 404)
            let answer3 = try await console.send("DELETE", "/api/v1/tickets/\(id)", token: ada)
            #expect(answer3.status == 204)
            #expect(throws: GatewayError.self) { try console.tickets.redeem(secret) }
            #expect(console.types == ["ticket.issued", "ticket.revoked"])
            #expect(!console.appended.withLock { "\($0)" }.contains(secret))
        }
    }

    @Test func aTicketWithoutItsEntryDoesNotLive() async throws {
        try await TestConsole.with { console in
            console.failsToAppend.withLock { $0 = true }
            let answer4 = try await console.post("/api/v1/tickets", console.token("ada"))
            #expect(answer4.status == 503)
            #expect(console.tickets.list().isEmpty)
        }
    }

    @Test(arguments: [
        #"{"ttl":0}"#, #"{"ttl":-1}"#, #"{"ttl":1.5}"#, #"{"ttl":"60"}"#, #"{"use":"twice"}"#, #"{"colour":1}"#, "[]",
        "{", #"{"ttl":1,"ttl":2}"#,
    ])
    func badTicketRequestsAreRefused(body: String) async throws {
        try await TestConsole.with { console in
            let answer = try await console.post("/api/v1/tickets", console.token("ada"), body)
            #expect((400...422).contains(answer.status), "\(answer.status)")
            #expect(console.tickets.list().isEmpty)
        }
    }

    @Test func locksAreForAdministrators() async throws {
        try await TestConsole.with { console in
            let admin = console.token("root", ["platform"])
            for token in [console.token("ada"), console.token("eve", ["security"])] {
                let answer5 = try await console.post("/api/v1/locks", token, #"{"principal":"bob","reason":"x"}"#)
                #expect(answer5.status == 403)
            }
            #expect(console.locks.all.isEmpty)
            let made = try await console.post("/api/v1/locks", admin, #"{"principal":"bob","reason":"left"}"#)
            #expect(made.status == 201 && console.locks.all.count == 1)
            #expect(made.json["ended"] as? Int == 3, "who sets it learns what it did")
            #expect(console.locks.all.first?.target == .principal(issuer: nil, subject: "bob"))
            let answer6 = try await console.get("/api/v1/locks", console.token("eve", ["security"]))
            #expect(answer6.items.count == 1)
            let id = try #require(made.json["id"] as? String)
            let answer7 = try await console.send("DELETE", "/api/v1/locks/\(id)", token: admin)
            #expect(answer7.status == 204)
            let answer8 = try await console.send("DELETE", "/api/v1/locks/\(id)", token: admin)
            #expect(answer8.status == 404)
            #expect(console.locks.all.isEmpty)
        }
    }

    @Test(arguments: [
        "{}", #"{"principal":"a"}"#, #"{"reason":"a"}"#, #"{"principal":"a","agent":"b","reason":"c"}"#,
        #"{"agent":"a","issuer":"b","reason":"c"}"#,
        #"{"principal":7,"reason":"c"}"#,
    ])
    func badLocksAreRefused(body: String) async throws {
        try await TestConsole.with { console in
            let answer9 = try await console.post("/api/v1/locks", console.token("root", ["platform"]), body)
            #expect(answer9.status == 400)
            #expect(console.locks.all.isEmpty)
        }
    }

    /// What can match nothing must not answer "locked".
    @Test func aLockNamesSomethingThatThereIs() async throws {
        let subject = String(repeating: "s", count: 1024)
        let named = Principal(
            issuer: EmbeddedIssuer.defaultURL, subject: "7f3a", name: "Carol", groups: [], isPersonIssuer: true)
        let session = FixtureTrail.Recorded.session(RecordID(at: .wall()), of: named, texts: [])
        try await TestConsole.with([session]) { console in
            let admin = console.token("root", ["platform"])
            for (target, status) in [
                (#""connection":"ordres""#, 422), (#""connection":"orders""#, 201),
                (#""principal":"ada","issuer":"https://idp.example.com""#, 422),
                (#""principal":"ada","issuer":"sallyport:local""#, 201), (#""principal":"Carol""#, 422),
                (#""principal":"7f3a""#, 201), (#""principal":"nobody-yet""#, 201), (#""agent":"new""#, 201),
                (#""principal":"\#(subject)""#, 201), (#""principal":"\#(subject)s""#, 400),
                (#""principal":"a\u0000b""#, 400), (#""run":"a\u202eb""#, 400),
            ] {
                let before = console.locks.all.count
                let answer = try await console.post("/api/v1/locks", admin, "{\(target),\"reason\":\"x\"}")
                #expect(answer.status == status, "\(target.prefix(60))")
                #expect(console.locks.all.count == before + (status == 201 ? 1 : 0), "\(target.prefix(60))")
                if target.contains("Carol") { #expect(answer.text.contains("7f3a")) }
                if target.contains(subject), status == 201 {
                    #expect(answer.json["value"] as? String == subject)
                }
            }
        }
    }
}
