import Crypto

/// A public key of an issuer that may verify signatures, read from a JSON Web Key (RFC 7517, RFC 8037).
package struct VerificationKey: Sendable {
    private enum Material: Sendable {
        case rsa(RSAVerifier)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    package let keyID: String?
    /// The algorithms that this key verifies; one when the key names it.
    package let algorithms: Set<TokenAlgorithm>
    private let material: Material

    /// Reads one member of a key set; nil if it is not a public signature key of an accepted kind and strength.
    package init?(_ key: JSONValue) async {
        if let use = key["use"], use.string != "sig" { return nil }
        if let operations = key["key_ops"] {
            guard let list = operations.array, list.contains(.string("verify")) else { return nil }
        }
        guard key["d"] == nil, let (material, kinds) = await Self.material(key) else { return nil }
        if let named = key["alg"] {
            guard let algorithm = named.string.flatMap(TokenAlgorithm.init(rawValue:)), kinds.contains(algorithm) else {
                return nil
            }
            self.algorithms = [algorithm]
        } else {
            self.algorithms = kinds
        }
        if let keyID = key["kid"] {
            guard let text = keyID.string, text.utf8.count <= 256 else { return nil }
            self.keyID = text
        } else {
            self.keyID = nil
        }
        self.material = material
    }

    /// The embedded issuer's own key.
    init(keyID: String, p256 key: P256.Signing.PublicKey) {
        self.keyID = keyID
        self.algorithms = [.es256]
        self.material = .p256(key)
    }

    private static func material(_ key: JSONValue) async -> (Material, Set<TokenAlgorithm>)? {
        func bytes(_ name: String) -> [UInt8]? {
            key[name]?.string.flatMap { Base64URL.decode($0.utf8) }
        }
        switch (key["kty"]?.string, key["crv"]?.string) {
        case ("RSA", nil):
            guard let modulus = bytes("n"), let exponent = bytes("e"),
                let verifier = await RSAVerifier(modulus: modulus, exponent: exponent)
            else { return nil }
            return (.rsa(verifier), [.rs256, .ps256])
        case ("EC", "P-256"):
            guard let x = bytes("x"), let y = bytes("y"), x.count == 32, y.count == 32,
                let point = try? P256.Signing.PublicKey(rawRepresentation: x + y)
            else { return nil }
            return (.p256(point), [.es256])
        case ("EC", "P-384"):
            guard let x = bytes("x"), let y = bytes("y"), x.count == 48, y.count == 48,
                let point = try? P384.Signing.PublicKey(rawRepresentation: x + y)
            else { return nil }
            return (.p384(point), [.es384])
        case ("OKP", "Ed25519"):
            guard let x = bytes("x"), x.count == 32, let point = try? Curve25519.Signing.PublicKey(rawRepresentation: x)
            else {
                return nil
            }
            return (.ed25519(point), [.eddsa])
        default:
            return nil
        }
    }

    /// Whether `signature` was made over `signed` with this key and exactly this algorithm.
    package func verifies(_ signature: [UInt8], over signed: [UInt8], with algorithm: TokenAlgorithm) -> Bool {
        guard algorithms.contains(algorithm) else { return false }
        switch (material, algorithm) {
        case (.rsa(let verifier), .rs256), (.rsa(let verifier), .ps256):
            return verifier.verifies(signature, over: signed, probabilistic: algorithm == .ps256)
        case (.p256(let key), .es256):
            guard signature.count == 64, let parsed = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(parsed, for: SHA256.hash(data: signed))
        case (.p384(let key), .es384):
            guard signature.count == 96, let parsed = try? P384.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(parsed, for: SHA384.hash(data: signed))
        case (.ed25519(let key), .eddsa):
            return signature.count == 64 && key.isValidSignature(signature, for: signed)
        default:
            return false
        }
    }
}
