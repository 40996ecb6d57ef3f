package import GatewayCore

/// The usable keys of an issuer, read from a JSON Web Key Set (RFC 7517 section 5).
package struct KeySet: Sendable {
    /// Most keys read from one set.
    package static let keyLimit = 64
    /// Most keys tried for one token: keys of different kinds may share an id (RFC 7517 section 4.5), and each costs a
    /// signature check.
    package static let candidateLimit = 8

    package let keys: [VerificationKey]

    package init(keys: [VerificationKey]) {
        self.keys = keys
    }

    /// Reads a key set; keys that are not for verifying signatures, of an unknown kind or too weak are left out.
    /// Errors: `issuer.invalid` when it is no key set, has too many keys, or none that can be used.
    package init(json bytes: [UInt8]) async throws(GatewayError) {
        guard let list = JSONReader.read(bytes)?["keys"]?.array, list.count <= Self.keyLimit else {
            throw GatewayError(
                .issuerInvalid, "The issuer's key set is not a JSON key set of at most \(Self.keyLimit) keys.")
        }
        var keys: [VerificationKey] = []
        for member in list {
            if let key = await VerificationKey(member) { keys.append(key) }
        }
        guard !keys.isEmpty else {
            throw GatewayError(.issuerInvalid, "The issuer's key set has no key that can verify an accepted algorithm.")
        }
        self.keys = keys
    }

    /// The keys that go by `keyID`, the first `candidateLimit` of them; without an id, the only key of a set of one.
    package func candidates(for keyID: String?) -> [VerificationKey] {
        guard let keyID else { return keys.count == 1 ? keys : [] }
        let named = keys.lazy.filter { key in key.keyID.map { $0.utf8.elementsEqual(keyID.utf8) } ?? false }
        return Array(named.prefix(Self.candidateLimit))
    }
}
