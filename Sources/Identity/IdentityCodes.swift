package import GatewayCore

extension GatewayError.Code {
    /// Not three strict base64url parts, too long, or not the JSON object that it must be.
    package static let tokenMalformed = Self("token.malformed")
    /// `alg` is missing, not on the allow-list of the issuer, or not one that the key can verify.
    package static let tokenAlgorithm = Self("token.algorithm")
    /// A header field that would let the token choose its own key or rules (`crit`, `jwk`, `jku`, `x5u`, `x5c`), or a
    /// foreign `typ`.
    package static let tokenHeader = Self("token.header")
    /// `iss` is missing or is no configured issuer.
    package static let tokenIssuer = Self("token.issuer")
    /// No key of the issuer goes by the token's `kid`.
    package static let tokenKey = Self("token.key")
    package static let tokenSignature = Self("token.signature")
    package static let tokenAudience = Self("token.audience")
    package static let tokenExpired = Self("token.expired")
    /// `nbf` or `iat` lies in the future.
    package static let tokenNotYetValid = Self("token.not_yet_valid")
    /// `exp`, `nbf` or `iat` is missing where required or no number in range.
    package static let tokenTime = Self("token.time")
    /// The issuer says that the token does not hold any more (RFC 7662).
    package static let tokenRevoked = Self("token.revoked")
    package static let tokenSubject = Self("token.subject")
    package static let tokenGroups = Self("token.groups")
    /// Another claim that identity rests on has the wrong type or size.
    package static let tokenClaim = Self("token.claim")
    /// The issuer's keys cannot be had, and none are left that may still be used.
    package static let issuerUnavailable = Self("issuer.unavailable")
    /// The issuer's discovery document or key set is not acceptable.
    package static let issuerInvalid = Self("issuer.invalid")
    /// The embedded issuer's key cannot be made or read safely.
    package static let issuerKey = Self("issuer.key")
    /// A request to mint a token or a ticket is out of bounds.
    package static let mintInvalid = Self("mint.invalid")
    /// The ticket is unknown, expired, used up or revoked; which of these is not told.
    package static let ticketRefused = Self("ticket.refused")
    /// Unknown connection or not allowed; which of these is not told.
    package static let accessDenied = Self("access.denied")
}
