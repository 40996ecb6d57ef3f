import GatewayCore
import Identity
import Synchronization
import Testing

/// RFC 7662: whether a token still holds is the issuer's word, and no answer is no yes.
@Suite struct TokenIntrospectorTests {
    /// An issuer that answers what it is told to.
    private final class FakeIssuer: DocumentFetcher, FormPoster {
        struct State {
            var metadata =
                #"{"issuer":"https://idp.example.com","introspection_endpoint":"https://idp.example.com/ask"}"#
            var answer: String? = #"{"active":true}"#
            var asked: [(url: String, form: String, authorization: String)] = []
            var now = Timestamp(microseconds: 1_000_000_000)
        }
        let state = Mutex(State())

        func fetch(_ url: String, limit: Int) async throws(GatewayError) -> FetchedDocument {
            FetchedDocument(body: Array(state.withLock { $0.metadata }.utf8))
        }

        func post(
            _ url: String, form: String, authorization: String, limit: Int
        ) async throws(GatewayError) -> [UInt8] {
            let answer = state.withLock { state in
                state.asked.append((url, form, authorization))
                return state.answer
            }
            guard let answer else { throw GatewayError(.issuerUnavailable, "down") }
            return Array(answer.utf8)
        }
    }

    private let issuer = FakeIssuer()

    private func introspector(id: String = "gw") throws -> TokenIntrospector {
        TokenIntrospector(
            TokenIntrospector.Settings(clientID: id) { Array("s:e&c ret".utf8) },
            discovery: try Discovery(issuer: "https://idp.example.com", fetcher: issuer), poster: issuer,
            now: { [issuer] in issuer.state.withLock { $0.now } })
    }

    private func code(_ body: () async throws(GatewayError) -> Void) async -> String {
        do throws(GatewayError) {
            try await body()
            return "active"
        } catch {
            return error.code.description
        }
    }

    @Test func asksAsTheSpecificationSays() async throws {
        let introspector = try introspector(id: "gate way")
        #expect(try await introspector.isActive("a.b.c"))
        let asked = issuer.state.withLock { $0.asked }
        #expect(asked.map(\.url) == ["https://idp.example.com/ask"])
        #expect(asked[0].form == "token=a.b.c&token_type_hint=access_token")
        // Both parts form-encoded: gate%20way:s%3Ae%26c%20ret
        #expect(asked[0].authorization == "Basic Z2F0ZSUyMHdheTpzJTNBZSUyNmMlMjByZXQ=")
    }

    @Test func anAnswerCountsForItsInterval() async throws {
        let introspector = try introspector()
        #expect(try await introspector.isActive("a.b.c"))
        issuer.state.withLock { $0.answer = #"{"active":false}"# }
        #expect(try await introspector.isActive("a.b.c"))
        #expect(
            await code { () throws(GatewayError) in try await introspector.requireActive("d.e.f") } == "token.revoked")
        issuer.state.withLock { $0.now = $0.now.advanced(bySeconds: 2) }
        #expect(
            await code { () throws(GatewayError) in try await introspector.requireActive("a.b.c") } == "token.revoked")
        #expect(issuer.state.withLock { $0.asked.count } == 3)
    }

    @Test(
        arguments: [
            (#"{"active":"true"}"#, "issuer.invalid"), (#"{"active":1}"#, "issuer.invalid"), ("{}", "issuer.invalid"),
            ("[true]", "issuer.invalid"), ("", "issuer.invalid"), (nil, "issuer.unavailable"),
        ] as [(String?, String)])
    func whatIsNoAnswerIsNoYes(_ answer: String?, _ expected: String) async throws {
        let introspector = try introspector()
        issuer.state.withLock { $0.answer = answer }
        #expect(await code { () throws(GatewayError) in try await introspector.requireActive("a.b.c") } == expected)
        // Not kept: the next question is asked.
        issuer.state.withLock { $0.answer = #"{"active":true}"# }
        #expect(await code { () throws(GatewayError) in try await introspector.requireActive("a.b.c") } == "active")
    }

    @Test(arguments: [
        #"{"issuer":"https://idp.example.com"}"#,
        #"{"issuer":"https://idp.example.com","introspection_endpoint":"http://idp.example.com/ask"}"#,
        #"{"issuer":"https://else.example.com","introspection_endpoint":"https://idp.example.com/ask"}"#,
    ])
    func unacceptableEndpointsAreNotAsked(_ metadata: String) async throws {
        issuer.state.withLock { $0.metadata = metadata }
        let introspector = try introspector()
        #expect(
            await code { () throws(GatewayError) in try await introspector.requireActive("a.b.c") } == "issuer.invalid")
        #expect(issuer.state.withLock { $0.asked.isEmpty })
    }

    @Test func revokedTokensAreRefusedAtEveryDoor() async throws {
        let forge = TokenForge()
        let configuration = IssuerConfiguration(url: TokenForge.issuer, audiences: ["sallyport"])
        issuer.state.withLock {
            $0.metadata =
                "{\"issuer\":\"\(TokenForge.issuer)\",\"introspection_endpoint\":\"https://idp.example.com/ask\"}"
            $0.answer = #"{"active":false}"#
        }
        let introspector = TokenIntrospector(
            TokenIntrospector.Settings(clientID: "gw") { [] },
            discovery: try Discovery(issuer: TokenForge.issuer, fetcher: issuer), poster: issuer)
        let verifier = TokenVerifier(
            issuers: [(configuration, try await KeySet(json: try forge.keySet([(.es256, "k")])))],
            introspectors: [introspector], now: { TokenForge.now })
        let token = try forge.token(.es256, kid: "k")
        #expect(await code { () throws(GatewayError) in _ = try await verifier.verify(token) } == "token.revoked")
        // A forged one is not worth a question.
        let asked = issuer.state.withLock { $0.asked.count }
        #expect(await code { () throws(GatewayError) in _ = try await verifier.verify(token + "A") } != "token.revoked")
        #expect(issuer.state.withLock { $0.asked.count } == asked)
    }

    @Test func aWatchedTokenShowsItselfToNobody() async throws {
        let forge = TokenForge()
        let introspector = TokenIntrospector(
            TokenIntrospector.Settings(clientID: "gw") { [] },
            discovery: try Discovery(issuer: TokenForge.issuer, fetcher: issuer), poster: issuer)
        let keys = try await KeySet(json: try forge.keySet([(.es256, "k")]))
        let verifier = TokenVerifier(
            issuers: [(IssuerConfiguration(url: TokenForge.issuer), keys)], introspectors: [introspector],
            now: { TokenForge.now })
        issuer.state.withLock {
            $0.metadata =
                "{\"issuer\":\"\(TokenForge.issuer)\",\"introspection_endpoint\":\"https://idp.example.com/ask\"}"
        }
        let token = try forge.token(.es256, kid: "k")
        let watched = try #require(verifier.watched(token, of: try await verifier.verify(token)))
        var dumped = ""
        dump(watched, to: &dumped)
        #expect(!"\(watched)\(String(reflecting: watched))\(dumped)".contains(token))
        #expect(try await watched.isActive())
    }
}
