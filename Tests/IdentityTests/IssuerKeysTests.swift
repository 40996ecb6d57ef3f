import GatewayCore
import Identity
import Synchronization
import Testing

/// An issuer in memory whose answers and clock the test sets.
private final class FakeIssuer: DocumentFetcher {
    struct State {
        var now = TokenForge.now
        var keySet: [UInt8] = []
        var issuer = TokenForge.issuer
        var jwksURI = "https://id.example.test/keys"
        var isDown = false
        var maxAge: Int64?
        var keyFetches = 0
    }

    let state = Mutex(State())

    func fetch(_ url: String, limit: Int) async throws(GatewayError) -> FetchedDocument {
        await Task.yield()
        let document = state.withLock { state -> FetchedDocument? in
            if url.hasSuffix("/keys") { state.keyFetches += 1 }
            if state.isDown { return nil }
            if url.hasSuffix("/keys") { return FetchedDocument(body: state.keySet, maxAge: state.maxAge) }
            return FetchedDocument(body: Array(#"{"issuer":"\#(state.issuer)","jwks_uri":"\#(state.jwksURI)"}"#.utf8))
        }
        guard let document else { throw GatewayError(.issuerUnavailable, "down") }
        return document
    }

    func advance(_ seconds: Int64) { state.withLock { $0.now = $0.now.advanced(bySeconds: seconds) } }
    var fetches: Int { state.withLock { $0.keyFetches } }

    func keys() throws -> IssuerKeys {
        IssuerKeys(
            discovery: try Discovery(issuer: TokenForge.issuer, fetcher: self), now: { self.state.withLock { $0.now } })
    }
}

@Suite struct IssuerKeysTests {
    let forge = TokenForge.shared

    @Test func rotationAndAStormOfUnknownKeys() async throws {
        let issuer = FakeIssuer()
        let first = try forge.keySet([(.es256, "one")])
        let second = try forge.keySet([(.es256, "one"), (.eddsa, "two")])
        issuer.state.withLock { $0.keySet = first }
        let keys = try issuer.keys()
        #expect(try await keys.candidates(for: "one").count == 1)
        #expect(issuer.fetches == 1)
        issuer.state.withLock { $0.keySet = second }
        #expect(try await keys.candidates(for: "two").count == 1, "the first unknown key id is asked for at once")
        #expect(issuer.fetches == 2)
        #expect(try await keys.candidates(for: "three").isEmpty, "the rate limit holds from then on")
        #expect(issuer.fetches == 2)
        issuer.advance(30)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 { group.addTask { _ = try? await keys.candidates(for: "made-up-\(number)") } }
        }
        #expect(issuer.fetches == 3)
    }

    @Test func staleKeysServeForABoundedTime() async throws {
        let issuer = FakeIssuer()
        let set = try forge.keySet([(.es256, "one")])
        issuer.state.withLock {
            $0.keySet = set; $0.maxAge = 600
        }
        let keys = try issuer.keys()
        _ = try await keys.candidates(for: "one")
        issuer.state.withLock { $0.isDown = true }
        issuer.advance(600 + 3599)
        #expect(try await keys.candidates(for: "one").count == 1)
        issuer.advance(1)
        #expect(await code { _ = try await keys.candidates(for: "one") } == "issuer.unavailable")
        issuer.state.withLock { $0.isDown = false }
        issuer.advance(30)
        #expect(try await keys.candidates(for: "one").count == 1)
    }

    @Test func discoveryOfAnotherIssuerOrPlainKeysIsRefused() async throws {
        let set = try forge.keySet([(.es256, "one")])
        for (name, uri) in [
            ("https://evil.test", "https://id.example.test/keys"), (TokenForge.issuer, "http://id.example.test/keys"),
        ] {
            let issuer = FakeIssuer()
            issuer.state.withLock {
                $0.keySet = set; $0.issuer = name; $0.jwksURI = uri
            }
            let keys = try issuer.keys()
            #expect(await code { _ = try await keys.candidates(for: "one") } == "issuer.unavailable")
            #expect(issuer.fetches == 0)
        }
        let urls = [
            "http://id.example.test", "ftp://x", "https://", "https://a@b", "http://127.0.0.1.evil.test", "https://a b",
            "http://localhost:x",
        ]
        for url in urls {
            #expect(await code { _ = try Discovery(issuer: url, fetcher: FakeIssuer()) } == "issuer.invalid", "\(url)")
        }
        _ = try Discovery(issuer: "http://127.0.0.1:8080/realm", fetcher: FakeIssuer())
    }
}
