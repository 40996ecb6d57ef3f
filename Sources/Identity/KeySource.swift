package import GatewayCore

/// Where a verifier gets an issuer's keys from.
package protocol KeySource: Sendable {
    /// The keys that may have signed a token with this `kid`, empty when the issuer has none.
    /// Errors: `issuer.unavailable`, `issuer.invalid`.
    func candidates(for keyID: String?) async throws(GatewayError) -> [VerificationKey]
}

extension KeySet: KeySource {}
