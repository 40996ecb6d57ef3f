package import Crypto

/// A public key that checks signatures of notes, in the form that is handed around: `name+id+base64(algorithm ‖ key)`
/// (C2SP signed-note).
package struct NoteVerifierKey: Hashable, Sendable {
    package enum Algorithm: UInt8, Sendable {
        /// A plain Ed25519 signature over the note's text.
        case ed25519 = 0x01
        /// An Ed25519 cosignature with a time (C2SP tlog-cosignature, `cosignature/v1`).
        case cosignatureV1 = 0x04
    }

    package let name: String
    package let algorithm: Algorithm
    /// The 32 bytes of RFC 8032.
    package let publicKey: [UInt8]
    /// The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ key): a hint, not a proof.
    package let id: UInt32

    /// Throws when `name` may not be the name of a key.
    package init(
        name: String, algorithm: Algorithm, publicKey: Curve25519.Signing.PublicKey
    ) throws(LedgerFormatError) {
        guard KeyName.isValid(name) else {
            throw LedgerFormatError("verifier key", "the name is empty or has a space, a plus or a control character")
        }
        self.init(name: name, algorithm: algorithm, bytes: Array(publicKey.rawRepresentation))
    }

    /// Reads the handed-around form; throws unless every part of it is right, the id included.
    package init(_ text: String) throws(LedgerFormatError) {
        // Only the key may have a plus in it, so the first two are the separators.
        let parts = text.utf8.split(separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
        guard text.utf8.count <= 1024, parts.count == 3, let name = String(parts[0]), KeyName.isValid(name) else {
            throw LedgerFormatError("verifier key", "not of the form name+id+key")
        }
        guard let bytes = Base64.decode(ArraySlice(parts[2])), let first = bytes.first else {
            throw LedgerFormatError("verifier key", "the key is not base64")
        }
        guard let algorithm = Algorithm(rawValue: first) else {
            throw LedgerFormatError("verifier key", "algorithm \(first) is not known here")
        }
        guard bytes.count == 33, (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes[1...])) != nil else {
            throw LedgerFormatError("verifier key", "an Ed25519 key has 32 bytes")
        }
        self.init(name: name, algorithm: algorithm, bytes: Array(bytes[1...]))
        guard parts[1].elementsEqual(idText.utf8) else {
            throw LedgerFormatError("verifier key", "the id does not belong to name and key")
        }
    }

    private init(name: String, algorithm: Algorithm, bytes: [UInt8]) {
        self.name = name
        self.algorithm = algorithm
        publicKey = bytes
        var hash = SHA256()
        (Array(name.utf8) + [UInt8(ascii: "\n"), algorithm.rawValue] + bytes).withUnsafeBytes {
            hash.update(bufferPointer: $0)
        }
        id = hash.finalize().prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    package var text: String { "\(name)+\(idText)+\(Base64.text([algorithm.rawValue] + publicKey))" }

    private var idText: String {
        Hexadecimal.text([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: id >> UInt32($0)) })
    }

    /// What the signature says when it is this key's over `text`; nil when it is not.
    func verify(_ signature: NoteSignature, of text: [UInt8]) -> VerifiedSignature? {
        guard signature.isBy(self), let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            return nil
        }
        switch algorithm {
        case .ed25519:
            guard key.isValidSignature(signature.signature, for: text) else { return nil }
            return VerifiedSignature(key: self, time: nil)
        case .cosignatureV1:
            guard let (time, bare) = Cosignature.parts(of: signature.signature),
                key.isValidSignature(bare, for: Cosignature.message(text: text, time: time))
            else { return nil }
            return VerifiedSignature(key: self, time: time)
        }
    }
}

/// A signature that was checked.
package struct VerifiedSignature: Hashable, Sendable {
    package let key: NoteVerifierKey
    /// Seconds since 1970 that a cosignature states; nil for a plain signature.
    package let time: UInt64?
}
