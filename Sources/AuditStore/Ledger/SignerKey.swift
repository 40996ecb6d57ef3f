import AuditLedger
import Crypto
import GatewayCore

/// The ledger's signing key at rest: `signer/key` holds the verifier key in clear and the private key sealed (AES-GCM)
/// under a key derived from the vault key, bound to the verifier key.
enum SignerKey {
    static let folder = "signer"
    static let path = folder + "/key"
    private static let title = "sallyport ledger key v1"
    private static let sealedLength = 12 + 32 + 16

    /// The key that was given, or the one at rest; nil when there is none yet.
    ///
    /// Errors: `ledger_corrupt` when the file is none, `wrong_vault_key`, `ledger_refused` when the configured name is
    /// another than the one the key was made with.
    static func load(_ storage: any LogStorage, _ options: LedgerOptions) throws(GatewayError) -> NoteSigner? {
        if let key = options.givenKey {
            return try signer(LogOrigin.make(name: options.name ?? LedgerOptions.standardName, key: key.publicKey), key)
        }
        let bytes: [UInt8]?
        do throws(StorageFailure) {
            bytes = try storage.contents(of: path, limit: 4096)
        } catch {
            throw .ledgerFailure(error)
        }
        guard let bytes else { return nil }
        let signer = try open(bytes, options.sealingKey)
        let origin = signer.verifierKey.name
        if let name = options.name, !LogOrigin.has(origin, name: name) {
            throw GatewayError(
                .ledgerRefused,
                "The log's origin is \(origin), but ledger.origin is now \(name). Put the old name back; a new name needs a new log: sallyport audit new-log --reason TEXT"
            )
        }
        return signer
    }

    /// Makes a key; the file is durable when it returns.
    static func make(_ options: LedgerOptions) throws(GatewayError) -> (signer: NoteSigner, file: [UInt8]) {
        let key = Curve25519.Signing.PrivateKey()
        let origin = LogOrigin.make(name: options.name ?? LedgerOptions.standardName, key: key.publicKey)
        let signer = try signer(origin, key)
        return (signer, try seal(signer.verifierKey, key, options.sealingKey))
    }

    /// The file under another sealing key; nil when that one opens it already. Errors: `wrong_vault_key` when neither does.
    static func reseal(
        _ bytes: [UInt8], from old: SymmetricKey, to new: SymmetricKey
    ) throws(GatewayError) -> [UInt8]? {
        if (try? unseal(bytes, new)) != nil { return nil }
        let (stated, key) = try unseal(bytes, old)
        return try seal(stated, key, new)
    }

    private static func seal(
        _ verifier: NoteVerifierKey, _ key: Curve25519.Signing.PrivateKey, _ sealingKey: SymmetricKey
    ) throws(GatewayError) -> [UInt8] {
        let header = Array("\(title)\n\(verifier.text)\n".utf8)
        do {
            let sealed = try AES.GCM.seal(key.rawRepresentation, using: sealingKey, authenticating: header)
            guard let combined = sealed.combined, combined.count == sealedLength else {
                throw CryptoKitError.incorrectKeySize
            }
            return header + combined
        } catch {
            throw GatewayError(.ledgerFailed, "The ledger's signing key could not be sealed.", cause: error)
        }
    }

    private static func open(_ bytes: [UInt8], _ sealingKey: SymmetricKey) throws(GatewayError) -> NoteSigner {
        let (stated, key) = try unseal(bytes, sealingKey)
        let signer = try signer(stated.name, key)
        guard signer.verifierKey == stated else { throw .ledgerDamage(path, "it holds another key than it says") }
        return signer
    }

    /// What the file says that it is, and the key in it.
    private static func unseal(
        _ bytes: [UInt8], _ sealingKey: SymmetricKey
    ) throws(GatewayError) -> (stated: NoteVerifierKey, key: Curve25519.Signing.PrivateKey) {
        guard bytes.count > sealedLength else { throw .ledgerDamage(path, "too short") }
        let header = Array(bytes.dropLast(sealedLength))
        let lines = header.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count == 3, lines[2].isEmpty, lines[0].elementsEqual(title.utf8),
            let text = String(validating: lines[1], as: UTF8.self), let stated = try? NoteVerifierKey(text)
        else { throw .ledgerDamage(path, "not a key of this version") }
        do {
            let box = try AES.GCM.SealedBox(combined: bytes.suffix(sealedLength))
            return (
                stated, try .init(rawRepresentation: AES.GCM.open(box, using: sealingKey, authenticating: header))
            )
        } catch {
            throw GatewayError(
                .wrongVaultKey,
                "The vault key does not open the ledger's signing key \(path); use the key that the data was written with.",
                cause: error)
        }
    }

    private static func signer(_ origin: String, _ key: Curve25519.Signing.PrivateKey) throws(GatewayError)
        -> NoteSigner
    {
        do throws(LedgerFormatError) {
            return try NoteSigner(name: origin, privateKey: key)
        } catch {
            throw GatewayError(
                .ledgerRefused, "The origin \(origin) cannot be a log's name: change ledger.origin.", cause: error)
        }
    }
}
