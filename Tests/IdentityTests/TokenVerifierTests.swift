import GatewayCore
import Identity
import Testing

@Suite struct TokenVerifierTests {
    let forge = TokenForge.shared

    /// Marks that issuers leave on tokens that programs get with credentials of their own.
    @Test(arguments: [
        ("", false), (#""client_id":"web","azp":"web""#, false), (#""client_id":"alice""#, true),
        (#""azp":"alice""#, true), (#""cid":"alice""#, true), (#""appid":"alice""#, true),
        (#""preferred_username":"service-account-deployer""#, true), (#""preferred_username":"alice""#, false),
        (#""gty":"client-credentials""#, true), (#""gty":["refresh_token","client-credentials"]"#, true),
        (#""gty":"password""#, false), (#""grant_type":"client_credentials""#, true), (#""idtyp":"app""#, true),
        (#""idtyp":"user""#, false), (#""oid":"alice""#, true), (#""oid":"alice","scp":"openid""#, false),
        (#""oid":"other""#, false), (#""azp":7"#, false),
    ])
    func tokensOfProgramsAreToldFromPeoples(_ extra: String, _ isMachine: Bool) async throws {
        let verifier = try await forge.verifier()
        let identity = try await verifier.verify(try forge.token(claims: TokenForge.claims(extra)))
        #expect(identity.isMachine == isMachine, "\(extra)")
    }

    @Test(arguments: [
        ("", true), (#""amr":[]"#, true), (#""amr":"" "#, true), (#""amr":null"#, true), (#""amr":false"#, true),
        (#""amr":["pwd"]"#, false), (#""amr":"mfa""#, false), (#""amr":1800000000"#, false),
        (#""amr":["pwd"],"azp":"alice""#, true),
    ])
    func anIssuerMayProveThatItsPeopleSignedIn(_ extra: String, _ isMachine: Bool) async throws {
        let verifier = try await forge.verifier { $0.interactiveClaim = ["amr"] }
        let identity = try await verifier.verify(try forge.token(claims: TokenForge.claims(extra)))
        #expect(identity.isMachine == isMachine, "\(extra)")
    }

    @Test(arguments: TokenAlgorithm.allCases)
    func acceptsEveryAlgorithmAndNoFlippedBit(_ algorithm: TokenAlgorithm) async throws {
        let verifier = try await forge.verifier([(algorithm, "k")])
        let token = try forge.token(algorithm)
        let identity = try await verifier.verify(token)
        #expect(identity.principal.subject == "alice")
        #expect(identity.principal.groups == ["dev", "ops"])
        let parts = token.split(separator: ".")
        var signature = try #require(Base64URL.decode(parts[2].utf8))
        signature[signature.count / 2] ^= 1
        let bad = "\(parts[0]).\(parts[1])." + Base64URL.encode(signature)
        #expect(await code { _ = try await verifier.verify(bad) } == "token.signature")
        let short = "\(parts[0]).\(parts[1])." + Base64URL.encode(signature.dropLast())
        #expect(await code { _ = try await verifier.verify(short) } == "token.signature")
        let other = try forge.token(algorithm, claims: TokenForge.claims(#""x":1"#)).split(separator: ".")
        #expect(
            await code { _ = try await verifier.verify("\(parts[0]).\(other[1]).\(parts[2])") } == "token.signature")
    }

    @Test(arguments: [
        (#"{"alg":"none","kid":"k"}"#, "token.algorithm"), (#"{"alg":"None","kid":"k"}"#, "token.algorithm"),
        (#"{"alg":"HS256","kid":"k"}"#, "token.algorithm"), (#"{"alg":"es256","kid":"k"}"#, "token.algorithm"),
        (#"{"alg":"RS256","kid":"k"}"#, "token.algorithm"), (#"{"kid":"k"}"#, "token.algorithm"),
        (#"{"alg":["ES256"],"kid":"k"}"#, "token.algorithm"),
        (#"{"alg":"ES256","kid":"k","crit":["exp"]}"#, "token.header"),
        (#"{"alg":"ES256","kid":"k","jwk":{}}"#, "token.header"),
        (#"{"alg":"ES256","kid":"k","jku":"https://evil.test"}"#, "token.header"),
        (#"{"alg":"ES256","kid":"k","x5u":"https://evil.test"}"#, "token.header"),
        (#"{"alg":"ES256","kid":"k","x5c":[]}"#, "token.header"),
        (#"{"alg":"ES256","kid":"k","b64":false}"#, "token.header"),
        (#"{"alg":"ES256","kid":7}"#, "token.header"), (#"{"alg":"ES256","kid":"../../dev/null"}"#, "token.key"),
        (#"{"alg":"ES256","kid":"k' OR 1=1 --"}"#, "token.key"),
        (#"{"alg":"ES256","kid":"k","typ":"logout+jwt"}"#, "token.header"),
        (#"{"alg":"ES256","alg":"none","kid":"k"}"#, "token.malformed"),
        (#"{"alg":"ES256","\u0061lg":"none","kid":"k"}"#, "token.malformed"),
        (#"{"alg":"ES256","kid":"k"}}"#, "token.malformed"),
        (#"["ES256"]"#, "token.malformed"), (#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, "accepted"),
        (#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#, "accepted"), (#"{"alg":"ES256"}"#, "accepted"),
    ])
    func hostileHeaders(_ header: String, _ expected: String) async throws {
        let verifier = try await forge.verifier()
        let token = try forge.token(header: header)
        #expect(await code { _ = try await verifier.verify(token) } == expected, "\(header)")
    }

    @Test(arguments: [
        (#""aud":"other""#, "token.malformed"),
        (#""nbf":1800000060"#, "accepted"), (#""nbf":1800000061"#, "token.not_yet_valid"),
        (#""nbf":"soon""#, "token.time"),
        (#""nbf":-1"#, "token.time"), (#""nbf":1e300"#, "token.time"), (#""jti":7"#, "token.claim"),
        (#""act":{}"#, "token.claim"),
        (#""act":"x""#, "token.claim"), (#""run":"a\u0000b""#, "token.claim"), (#""agent":"a\u202Eb""#, "token.claim"),
        (#""deep":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]"#, "token.malformed"), (#""bad":"\ud800""#, "token.malformed"),
        (#""bad":01"#, "token.malformed"), (#""bad":NaN"#, "token.malformed"), (#""sub":"root""#, "token.malformed"),
    ])
    func hostileClaims(_ extra: String, _ expected: String) async throws {
        let verifier = try await forge.verifier()
        let token = try forge.token(claims: TokenForge.claims(extra))
        #expect(await code { _ = try await verifier.verify(token) } == expected, "\(extra)")
    }

    @Test(arguments: [
        (#"{"sub":"a","aud":"sallyport","exp":1800000600}"#, "token.issuer"),
        (#"{"iss":"https://id.example.test/realm/","sub":"a","aud":"sallyport","exp":1800000600}"#, "token.issuer"),
        (#"{"iss":"https://id.example.test/realm","sub":"a","exp":1800000600}"#, "token.audience"),
        (
            #"{"iss":"https://id.example.test/realm","sub":"a","aud":["x","sallyport:approve"],"exp":1800000600}"#,
            "token.audience"
        ),
        (#"{"iss":"https://id.example.test/realm","sub":"a","aud":["x","sallyport"],"exp":1800000600}"#, "accepted"),
        (#"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport"}"#, "token.time"),
        (#"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1799999941}"#, "accepted"),
        (#"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1799999940}"#, "token.expired"),
        (
            #"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1800000600,"iat":1800000060}"#,
            "accepted"
        ),
        (
            #"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1800000600,"iat":1800000061}"#,
            "token.not_yet_valid"
        ),
        (#"{"iss":"https://id.example.test/realm","aud":"sallyport","exp":1800000600}"#, "token.subject"),
        (#"{"iss":"https://id.example.test/realm","sub":"","aud":"sallyport","exp":1800000600}"#, "token.subject"),
        (#"{"iss":"https://id.example.test/realm","sub":7,"aud":"sallyport","exp":1800000600}"#, "token.subject"),
        (
            #"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1800000600,"groups":[1]}"#,
            "token.groups"
        ),
        (
            #"{"iss":"https://id.example.test/realm","sub":"a","aud":"sallyport","exp":1800000600,"groups":{}}"#,
            "token.groups"
        ),
    ])
    func claimTable(_ claims: String, _ expected: String) async throws {
        let verifier = try await forge.verifier()
        let token = try forge.token(claims: claims)
        #expect(await code { _ = try await verifier.verify(token) } == expected, "\(claims)")
    }

    @Test func shapesThatAreNoToken() async throws {
        let verifier = try await forge.verifier()
        let good = try forge.token()
        let huge = String(repeating: "A", count: 65_537)
        for bad in [
            "", ".", "..", "a.b", good + ".", good + "=", good + " ", " " + good, good + "\n", "\(good).\(good)", huge,
            good.replacing(".", with: ".."),
        ] {
            #expect(await code { _ = try await verifier.verify(bad) } == "token.malformed", "\(bad.prefix(20))")
        }
        #expect(await code { _ = try await verifier.verify(good) } == "accepted")
    }

    @Test func keyOfAnotherKindNeverVerifies() async throws {
        let verifier = try await forge.verifier([(.rs256, "k")])
        #expect(await code { _ = try await verifier.verify(try forge.token(.es256)) } == "token.algorithm")
        let two = try await forge.verifier([(.es256, "a"), (.es384, "b")])
        #expect(await code { _ = try await two.verify(try forge.token(kid: nil)) } == "token.key")
        let narrow = try await forge.verifier { $0.algorithms = [.eddsa] }
        #expect(await code { _ = try await narrow.verify(try forge.token()) } == "token.algorithm")
    }

    @Test func groupsAgentsAndDoors() async throws {
        let nested = try await forge.verifier { $0.groupsClaim = IssuerConfiguration.claimPath("realm_access.roles") }
        let actor = #""realm_access":{"roles":"a, b c"},"act":{"sub":"bot"},"run":"r1","purpose":"p","model":"m""#
        let identity = try await nested.verify(try forge.token(claims: TokenForge.claims(actor)))
        #expect(identity.principal.groups == ["a", "b", "c"])
        #expect(
            identity.agent
                == AgentContext(
                    agent: "bot", model: "m", run: "r1", purpose: "p", onBehalfOf: "alice", trust: .verified))
        #expect(
            await code { _ = try await nested.verify(try forge.token(), audience: "sallyport:approve") }
                == "token.audience")
        let client = try await forge.verifier { $0.agentClaim = ["azp"] }
        let named = try await client.verify(try forge.token(claims: TokenForge.claims(#""azp":"ci""#)))
        #expect(named.agent.agent == "ci" && named.agent.onBehalfOf == nil)
    }

    @Test func refusalTellsClaimsWithoutTheToken() async throws {
        let verifier = try await forge.verifier()
        let token = try forge.token(claims: #"{"iss":"https://evil.test/\u001b[2J","sub":"mallory"}"#)
        guard case .refused(let error, let claimed) = await verifier.check(token) else {
            Issue.record("accepted")
            return
        }
        #expect(claimed == ClaimedIdentity(issuer: "https://evil.test/?[2J", subject: "mallory"))
        #expect(!error.description.contains("mallory") && !error.description.contains("evil"))
    }

    @Test func weakAndForeignKeysAreLeftOut() async throws {
        for extra in [#""use":"enc","#, #""alg":"ES384","#, #""key_ops":["sign"],"#, #""d":"AA","#] {
            let json = #"{"keys":[\#(try forge.jwk(.es256, kid: "k", extra: extra))]}"#
            #expect(await code { _ = try await KeySet(json: Array(json.utf8)) } == "issuer.invalid", "\(extra)")
        }
        let weak = Base64URL.encode([UInt8](repeating: 0xFF, count: 128))
        for json in [
            #"{"keys":[{"kty":"RSA","n":"\#(weak)","e":"AQAB"}]}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
            #"{"keys":[]}"#, "[]",
        ] {
            #expect(await code { _ = try await KeySet(json: Array(json.utf8)) } == "issuer.invalid")
        }
    }

    @Test func base64URLHasOneSpelling() {
        for text in ["A", "AB", "AA=", "AA==", "A A", "A+", "A/", "AAB", "ä"] {
            #expect(Base64URL.decode(text.utf8) == nil, "\(text)")
        }
        var generator = SystemRandomNumberGenerator()
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
        }
    }
}
