package import Crypto

/// Signs notes with a log's own key. Whether the log may sign this text is the caller's to know.
package struct NoteSigner: Sendable {
    package let verifierKey: NoteVerifierKey
    private let privateKey: Curve25519.Signing.PrivateKey

    /// Throws when `name` may not be the name of a key; a log takes its origin.
    package init(name: String, privateKey: Curve25519.Signing.PrivateKey) throws(LedgerFormatError) {
        verifierKey = try NoteVerifierKey(name: name, algorithm: .ed25519, publicKey: privateKey.publicKey)
        self.privateKey = privateKey
    }

    /// The signature over a note's text, final newline included.
    package func sign(_ text: [UInt8]) throws -> NoteSignature {
        NoteSignature(
            name: verifierKey.name, keyID: verifierKey.id, signature: Array(try privateKey.signature(for: text)))
    }

    /// A note of this text with this one signature.
    package func note(_ text: [UInt8]) throws -> SignedNote {
        try SignedNote(text: text, signatures: [sign(text)])
    }
}

/// Cosigns checkpoints as a witness does. A witness has a key for nothing else (C2SP tlog-cosignature).
package struct Cosigner: Sendable {
    package let verifierKey: NoteVerifierKey
    private let privateKey: Curve25519.Signing.PrivateKey

    package init(name: String, privateKey: Curve25519.Signing.PrivateKey) throws(LedgerFormatError) {
        verifierKey = try NoteVerifierKey(name: name, algorithm: .cosignatureV1, publicKey: privateKey.publicKey)
        self.privateKey = privateKey
    }

    /// The cosignature over a checkpoint's text, stating `time` in seconds since 1970.
    package func sign(_ text: [UInt8], time: UInt64) throws -> NoteSignature {
        guard time <= Cosignature.maximumTime else { throw LedgerFormatError("cosignature", "time past 2^63 - 1") }
        let signature = try privateKey.signature(for: Cosignature.message(text: text, time: time))
        return NoteSignature(
            name: verifierKey.name, keyID: verifierKey.id,
            signature: Cosignature.encode(time: time, signature: signature))
    }
}
