package import GatewayCore

/// Checks tokens against the configured issuers; one for the whole process.
///
/// Errors carry a stable `token.*` or `issuer.*` code and never any part of the token.
package final class TokenVerifier: Sendable {
    /// The audience name of the session door: there the issuer's configured audiences count. Any other name must be in
    /// `aud` itself.
    package static let sessionAudience = "sallyport"
    package static let approvalAudience = "sallyport:approve"

    /// What a check came to: an identity, or why not and who the token claimed to be.
    package enum Check: Sendable {
        case accepted(VerifiedIdentity)
        case refused(GatewayError, ClaimedIdentity)
    }

    private let issuers: [(configuration: IssuerConfiguration, keys: any KeySource)]
    /// By issuer.
    private let introspectors: [String: TokenIntrospector]
    private let now: @Sendable () -> Timestamp

    package init(
        issuers: [(configuration: IssuerConfiguration, keys: any KeySource)],
        introspectors: [TokenIntrospector] = [],
        now: @escaping @Sendable () -> Timestamp = Timestamp.wall
    ) {
        self.issuers = issuers
        self.introspectors = Dictionary(introspectors.map { ($0.issuer, $0) }) { first, _ in first }
        self.now = now
    }

    /// The issuers whose tokens are accepted.
    package var issuerURLs: [String] { issuers.map(\.configuration.url) }

    /// The identity that `token` proves at the door named `audience`.
    package func verify(_ token: String, audience: String = sessionAudience) async throws(GatewayError)
        -> VerifiedIdentity
    {
        switch await check(token, audience: audience) {
        case .accepted(let identity): return identity
        case .refused(let error, _): throw error
        }
    }

    /// Like `verify`, and tells on refusal who the token claimed to be, for the entry of the refusal.
    package func check(_ token: String, audience: String = sessionAudience) async -> Check {
        let compact: CompactToken
        do {
            compact = try CompactToken(token)
        } catch {
            return .refused(error, ClaimedIdentity())
        }
        do {
            let identity = try await identity(of: compact, audience: audience)
            try await introspectors[identity.principal.issuer]?.requireActive(token)
            return .accepted(identity)
        } catch {
            return .refused(error, ClaimedIdentity(payload: compact.payload))
        }
    }

    /// What a session that `token` opened must be watched by; nil when its issuer is not asked.
    package func watched(_ token: String, of identity: VerifiedIdentity) -> WatchedToken? {
        introspectors[identity.principal.issuer].map { WatchedToken(token, $0) }
    }

    private func identity(of token: CompactToken, audience: String) async throws(GatewayError) -> VerifiedIdentity {
        guard let claimed = token.payload["iss"]?.string,
            let issuer = issuers.first(where: { $0.configuration.url.utf8.elementsEqual(claimed.utf8) })
        else {
            throw GatewayError(.tokenIssuer, "The token's issuer is not configured here.")
        }
        guard issuer.configuration.algorithms.contains(token.algorithm) else {
            throw GatewayError(.tokenAlgorithm, "The token's algorithm is not accepted from this issuer.")
        }
        let candidates = try await issuer.keys.candidates(for: token.keyID)
        guard !candidates.isEmpty else {
            throw GatewayError(.tokenKey, "No key of the issuer goes by the token's key id.")
        }
        let fitting = candidates.filter { $0.algorithms.contains(token.algorithm) }
        guard !fitting.isEmpty else {
            throw GatewayError(.tokenAlgorithm, "The token's algorithm is not the one of the key that it names.")
        }
        guard fitting.contains(where: { $0.verifies(token.signature, over: token.signed, with: token.algorithm) })
        else {
            throw GatewayError(.tokenSignature, "The token's signature does not hold.")
        }
        // Only now is what the token says the issuer's word; before, a refusal would tell a forger what to change.
        return try ClaimReader(payload: token.payload, issuer: issuer.configuration).identity(
            audience: audience, now: now())
    }
}
