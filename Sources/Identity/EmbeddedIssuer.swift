import Crypto
package import GatewayCore

/// An issuer inside the gateway, for the first run and tests: who can read the data folder mints tokens with it.
///
/// It needs no server running: `sallyport token` and the gateway use the same key file.
package final class EmbeddedIssuer: Sendable {
    package static let defaultURL = "sallyport:local"

    /// What to put in a token besides the issuer, the times and an id.
    package struct Request: Sendable {
        package var subject: String
        package var groups: [String]
        package var agent: String?
        package var run: String?
        package var purpose: String?
        package var model: String?
        package var audience: String
        /// Seconds, 1 to 30 days.
        package var ttl: Int64

        package init(
            subject: String, groups: [String] = [], agent: String? = nil, run: String? = nil, purpose: String? = nil,
            model: String? = nil, audience: String = TokenVerifier.sessionAudience, ttl: Int64 = 3600
        ) {
            self.subject = subject
            self.groups = groups
            self.agent = agent
            self.run = run
            self.purpose = purpose
            self.model = model
            self.audience = audience
            self.ttl = ttl
        }
    }

    package let url: String
    private let key: P256.Signing.PrivateKey
    private let keyID: String
    private let now: @Sendable () -> Timestamp

    /// Reads the key in `<dataFolder>/issuer/`, or makes it. Errors: `issuer.key`.
    package convenience init(
        dataFolder: String, url: String = defaultURL, now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) throws(GatewayError) {
        self.init(key: try IssuerKeyFile(folder: dataFolder + "/issuer").load(), url: url, now: now)
    }

    init(key: P256.Signing.PrivateKey, url: String, now: @escaping @Sendable () -> Timestamp) {
        self.key = key
        self.url = url
        self.now = now
        self.keyID = Base64URL.encode(SHA256.hash(data: key.publicKey.rawRepresentation).prefix(16))
    }

    /// How a verifier reads this issuer's tokens.
    package var configuration: IssuerConfiguration {
        IssuerConfiguration(url: url, people: true, algorithms: [.es256])
    }

    /// The public key, for a verifier.
    package var keys: KeySet {
        KeySet(keys: [VerificationKey(keyID: keyID, p256: key.publicKey)])
    }

    /// Signs a token (ES256). Errors: `mint.invalid` for what a verifier would refuse.
    package func mint(_ request: Request) throws(GatewayError) -> String {
        guard (1...2_592_000).contains(request.ttl) else {
            throw GatewayError(.mintInvalid, "A token lives 1 s to 30 days.")
        }
        let now = now()
        let seconds = now.microseconds / 1_000_000
        var claims: [String: JSONValue] = [
            "iss": .string(url), "sub": .string(request.subject), "aud": .string(request.audience),
            "iat": .number(Double(seconds)), "exp": .number(Double(seconds + request.ttl)),
            "jti": .string(RecordID(at: now).description), "groups": .array(request.groups.map { .string($0) }),
        ]
        let optional = [
            ("agent", request.agent), ("run", request.run), ("purpose", request.purpose), ("model", request.model),
        ]
        for case (let name, let value?) in optional { claims[name] = .string(value) }
        do {
            let reader = ClaimReader(payload: .object(claims), issuer: configuration)
            _ = try reader.identity(audience: request.audience, now: now)
        } catch {
            throw GatewayError(.mintInvalid, "The token would be refused: \(error.message)")
        }
        let header = JSONValue.object(["alg": .string("ES256"), "typ": .string("JWT"), "kid": .string(keyID)])
        let signed = [header, .object(claims)].map { Base64URL.encode($0.text.utf8) }.joined(separator: ".")
        do {
            let signature = try key.signature(for: SHA256.hash(data: Array(signed.utf8)))
            let token = signed + "." + Base64URL.encode(signature.rawRepresentation)
            guard token.utf8.count <= CompactToken.sizeLimit else {
                throw GatewayError(.mintInvalid, "The token would be longer than \(CompactToken.sizeLimit) bytes.")
            }
            return token
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.mintInvalid, "The token cannot be signed.", cause: error)
        }
    }
}
