/// The signature algorithms that a token may use (RFC 7518, RFC 8037); `EdDSA` means Ed25519.
///
/// There is no symmetric one and no `none`, so neither can be configured by mistake.
package enum TokenAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case ps256 = "PS256"
    case es256 = "ES256"
    case es384 = "ES384"
    case eddsa = "EdDSA"
}
