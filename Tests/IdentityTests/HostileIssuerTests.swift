import GatewayCore
import Identity
import Synchronization
import Testing

/// What an issuer, or whoever stands in its place, may do to the gateway over HTTP: waste a bounded time and a bounded
/// amount of memory, and get an error that says what was wrong.
@Suite(.timeLimit(.minutes(1))) struct HostileIssuerTests {
    static let short = PickyFetcher.short
    static let discovery = "/.well-known/openid-configuration"
    static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    static let block = [UInt8](repeating: 0x20, count: 65_536)
    /// One chunk of a chunked body.
    static let chunk = Array("10000\r\n".utf8) + block + Array("\r\n".utf8)

    /// What the server does on the path of the keys, and the words of the error. `%` stands for the server's URL.
    static let attacks: [(name: String, answer: HostileServer.Answer, words: String)] = [
        ("a body without end, chunked", .endless(head: chunked, block: chunk), "longer than 1048576 bytes"),
        (
            "a body without end or length",
            .endless(head: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", block: block),
            "longer than 1048576 bytes"
        ),
        (
            "a length of 10 GB, and silence",
            .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".utf8)),
            "longer than 1048576 bytes"
        ),
        ("more promised than sent", HostileServer.ok(Array("{}".utf8), length: 5000), "cannot be reached"),
        (
            "a negative length", .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".utf8)),
            "cannot be reached"
        ),
        (
            "two lengths", .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 90\r\n\r\n{}".utf8)),
            "cannot be reached"
        ),
        (
            "a chunk of 2^64 bytes", .stall(Array((chunked + "FFFFFFFFFFFFFFFFF\r\n{}").utf8)),
            "cannot be reached"
        ),
        (
            "a head without end", .endless(head: "HTTP/1.1 200 OK\r\n", block: Array("X-A: aaaaaaaaaaaaaaaa\r\n".utf8)),
            "cannot be reached"
        ),
        (
            "interim answers without end", .endless(head: "", block: Array("HTTP/1.1 103 Early Hints\r\n\r\n".utf8)),
            "within \(short) ms"
        ),
        ("no answer", .stall([]), "within \(short) ms"),
        ("half a head", .stall(Array("HTTP/1.1 200 OK\r\nConte".utf8)), "within \(short) ms"),
        ("a dripping body", .drip(head: "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"), "within \(short) ms"),
        ("a dripping head", .drip(head: "HTTP/1.1 200 OK\r\nX-A: a"), "within \(short) ms"),
        ("half closed without a byte", .halfClose([]), "cannot be reached"),
        ("half closed within the head", .halfClose(Array("HTTP/1.1 200".utf8)), "cannot be reached"),
        (
            "half closed within the body", .halfClose(Array("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{".utf8)),
            "cannot be reached"
        ),
        ("closed at once", .bytes([]), "cannot be reached"),
        ("no HTTP", .bytes(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)), "cannot be reached"),
        ("HTML", HostileServer.ok("<html>sign in</html>"), "not a JSON key set"),
        ("nothing", HostileServer.ok(""), "not a JSON key set"),
        ("other JSON", HostileServer.ok(#"{"keys":{}}"#), "not a JSON key set"),
        ("no usable key", HostileServer.ok(#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#), "no key that can verify"),
        ("an error of the server", .bytes(Array("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".utf8)), "answered 503"),
        (
            "a redirect to another host", HostileServer.redirect(302, to: "https://evil.example.test/keys"),
            "answered 302"
        ),
        ("a redirect to clear text", HostileServer.redirect(307, to: "http://evil.example.test/keys"), "answered 307"),
        ("a redirect to itself", HostileServer.redirect(301, to: "/keys"), "answered 301"),
        ("a redirect within the host", HostileServer.redirect(308, to: "/stolen"), "answered 308"),
    ]

    @Test(arguments: attacks.indices)
    func costsBoundedTimeAndMemoryAndSaysWhy(_ index: Int) async throws {
        let attack = Self.attacks[index]
        try await HostileServer.with { server in
            server.answerDiscovery()
            server.answer("/keys", attack.answer)
            server.answer("/stolen", HostileServer.ok(try TokenForge.shared.keySet([(.es256, "one")])))
            let isTimed = attack.words.hasPrefix("within")
            let fetcher = PickyFetcher(hastensAt: isTimed ? "/keys" : nil)
            let keys = IssuerKeys(discovery: try Discovery(issuer: server.url, fetcher: fetcher))
            let message = await refusal(keys)
            #expect(message.contains(attack.words), "\(attack.name): \(message)")
            #expect(message.contains(server.url), "\(attack.name) names the issuer: \(message)")
            #expect(message.utf8.count < 500, "\(attack.name): \(message)")
            // What is not ended by the short limit ends by itself: the long one would be told in the message.
            #expect(message.contains("did not answer within") == isTimed, "\(attack.name): \(message)")
            // The document's limit, and what the two sockets' buffers hold.
            #expect(server.sent < 24 << 20, "\(attack.name): \(server.sent) bytes were taken")
            #expect(fetcher.attempts == 2 && !server.requested.contains("/stolen"), "\(attack.name)")
            await fetcher.shutdown()
            // Ends by the suite's limit when a connection is left open.
            await server.quiet()
        }
    }

    /// The same on the first document: nothing of it may lead to a second request.
    @Test func discoveryIsNoSofter() async throws {
        let other = #"{"issuer":"https://evil.example.test","jwks_uri":"https://evil.example.test/keys"}"#
        let answers: [(HostileServer.Answer, String)] = [
            (.endless(head: Self.chunked, block: Self.chunk), "longer than 262144 bytes"),
            (.stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n".utf8)), "longer than 262144 bytes"),
            (HostileServer.redirect(302, to: "/other"), "answered 302"),
            (HostileServer.ok(other), "of another issuer"),
            (HostileServer.ok(String(repeating: "[", count: 100_000)), "not acceptable JSON"),
            (.drip(head: "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"), "within \(Self.short) ms"),
        ]
        for (answer, words) in answers {
            try await HostileServer.with { server in
                server.answer(Self.discovery, answer)
                server.answer("/other", HostileServer.ok(other))
                let fetcher = PickyFetcher(hastensAt: words.hasPrefix("within") ? Self.discovery : nil)
                let keys = IssuerKeys(discovery: try Discovery(issuer: server.url, fetcher: fetcher))
                let message = await refusal(keys)
                #expect(message.contains(words), "\(message)")
                #expect(fetcher.attempts == 1 && !server.requested.contains("/other"))
                #expect(server.sent < 24 << 20)
                await fetcher.shutdown()
            }
        }
    }

    @Test func keysOnAnotherHostInClearTextAreNotFetched() async throws {
        for address in [
            "http://evil.example.test/keys", "http://127.0.0.1.evil.example.test/", "ftp://127.0.0.1/", "/keys",
        ] {
            try await HostileServer.with { server in
                server.answer(
                    Self.discovery, HostileServer.ok(#"{"issuer":"\#(server.url)","jwks_uri":"\#(address)"}"#))
                let fetcher = PickyFetcher()
                let keys = IssuerKeys(discovery: try Discovery(issuer: server.url, fetcher: fetcher))
                #expect(await code { _ = try await keys.candidates(for: "one") } == "issuer.unavailable")
                #expect(server.requested == [Self.discovery], "\(address)")
                await fetcher.shutdown()
            }
        }
    }

    /// Once keys are known, none of it takes them away before their time, nor keeps them after it.
    @Test(arguments: attacks.indices)
    func knownKeysOutliveItForTheirTimeOnly(_ index: Int) async throws {
        let attack = Self.attacks[index]
        let set = try TokenForge.shared.keySet([(.es256, "one")])
        try await HostileServer.with { server in
            server.answerDiscovery()
            server.answer("/keys", HostileServer.ok(set))
            let now = Mutex(TokenForge.now)
            let fetcher = PickyFetcher()
            var limits = IssuerKeys.Limits()
            limits.freshFor = 900
            limits.staleFor = 3600
            let keys = IssuerKeys(
                discovery: try Discovery(issuer: server.url, fetcher: fetcher), limits: limits,
                now: { now.withLock { $0 } })
            #expect(try await keys.candidates(for: "one").count == 1)
            let good = fetcher.attempts
            server.answer("/keys", attack.answer)
            if attack.words.hasPrefix("within") { fetcher.hasten(at: "/keys") }
            now.withLock { $0 = TokenForge.now.advanced(bySeconds: 900 + 3599) }
            #expect(try await keys.candidates(for: "one").count == 1, "\(attack.name)")
            #expect(fetcher.attempts == good + 2, "\(attack.name): the issuer was asked meanwhile")
            now.withLock { $0 = TokenForge.now.advanced(bySeconds: 900 + 3600) }
            #expect(await code { _ = try await keys.candidates(for: "one") } == "issuer.unavailable", "\(attack.name)")
            await fetcher.shutdown()
        }
    }

    @Test func keySetsAreBounded() async throws {
        let forge = TokenForge.shared
        let key = try forge.jwk(.es256, kid: "one")
        func set(_ keys: [String]) -> [UInt8] { Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8) }
        let tiny = Array(repeating: #"{"kty":"oct"}"#, count: 10_000)
        #expect(await code { _ = try await KeySet(json: set(tiny + [key])) } == "issuer.invalid")
        #expect(await code { _ = try await KeySet(json: set(Array(repeating: key, count: 65))) } == "issuer.invalid")
        #expect(try await KeySet(json: set(Array(repeating: #"{"kty":"oct"}"#, count: 63) + [key])).keys.count == 1)
        // Over HTTP the same 10,000 are one more refusal; whole keys would not even fit.
        try await HostileServer.with { server in
            server.answerDiscovery()
            for (keys, words) in [(tiny, "at most 64 keys"), (Array(repeating: key, count: 10_000), "longer than")] {
                server.answer("/keys", HostileServer.ok(set(keys)))
                let fetcher = PickyFetcher()
                let source = IssuerKeys(discovery: try Discovery(issuer: server.url, fetcher: fetcher))
                let message = await refusal(source)
                #expect(message.contains(words), "\(message)")
                await fetcher.shutdown()
            }
        }
    }

    /// RFC 7517 section 4.5 lets keys of different kinds share an id; a set that repeats one without end costs a bounded
    /// number of signature checks.
    @Test func duplicatedKeyIDs() async throws {
        let forge = TokenForge.shared
        let shared = try await KeySet(json: forge.keySet([(.es256, "k"), (.eddsa, "k"), (.es384, "k")]))
        #expect(shared.candidates(for: "k").count == 3)
        for algorithm in [TokenAlgorithm.es256, .eddsa, .es384] {
            let verifier = TokenVerifier(
                issuers: [(IssuerConfiguration(url: TokenForge.issuer), shared)], now: { TokenForge.now })
            let token = try forge.token(algorithm, kid: "k")
            #expect(await code { _ = try await verifier.verify(token) } == "accepted", "\(algorithm)")
        }
        let repeated = try await KeySet(json: forge.keySet(Array(repeating: (.es256, "k"), count: 64)))
        #expect(repeated.keys.count == 64 && repeated.candidates(for: "k").count == KeySet.candidateLimit)
        #expect(repeated.candidates(for: nil).isEmpty, "without a key id only the one key of a set of one counts")
    }

    /// Why there are no keys; `accepted` when there are.
    private func refusal(_ keys: IssuerKeys) async -> String {
        do throws(GatewayError) {
            _ = try await keys.candidates(for: "one")
            return "accepted"
        } catch {
            return error.message
        }
    }
}
