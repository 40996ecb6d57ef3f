import JWTKit

/// RSA signatures with SHA-256, PKCS #1 v1.5 or PSS, of keys of 2048 to 8192 bits.
struct RSAVerifier: Sendable {
    private let deterministic: any JWTAlgorithm
    private let probabilistic: any JWTAlgorithm
    private let size: Int

    /// Nil for a modulus or exponent that is too small, needlessly large (a verification costs the square of it) or not
    /// canonical.
    init?(modulus: [UInt8], exponent: [UInt8]) async {
        guard let first = modulus.first, first != 0, let last = modulus.last, last & 1 == 1 else { return nil }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard (2048...8192).contains(bits), (1...4).contains(exponent.count), exponent.first != 0 else { return nil }
        let value = exponent.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard value >= 3, value & 1 == 1 else { return nil }
        guard
            let key = try? Insecure.RSA.PublicKey(
                modulus: Base64URL.encode(modulus), exponent: Base64URL.encode(exponent)),
            let plain = try? await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256).getKey(),
            let salted = try? await JWTKeyCollection().add(pss: key, digestAlgorithm: .sha256).getKey()
        else { return nil }
        self.deterministic = plain
        self.probabilistic = salted
        self.size = modulus.count
    }

    func verifies(_ signature: [UInt8], over signed: [UInt8], probabilistic salted: Bool) -> Bool {
        guard signature.count == size else { return false }
        let algorithm = salted ? probabilistic : deterministic
        return (try? algorithm.verify(signature, signs: signed)) ?? false
    }
}
