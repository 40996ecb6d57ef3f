import AuditLedger
package import Crypto
import GatewayCore

extension LedgerCheck {
    /// The check of a whole data folder, beside a running gateway or without one; then the folder stays locked as long as
    /// the check is kept.
    ///
    /// Errors: `LedgerProblem` when signing key and state are not to be read; `not_found` without a log; `wrong_vault_key`;
    /// those of `AuditArchive.open`.
    package static func folder(
        _ directory: String, vaultKey: SymmetricKey, ledger options: LedgerOptions
    ) throws -> LedgerCheck {
        let storage = PosixStorage(root: directory)
        let archive = try AuditArchive.open(directory: directory, vaultKey: vaultKey)
        // A folder that cannot be locked is a running gateway's; one that cannot be written is nobody's.
        let isLive = (try? storage.lock()) == false
        guard let signer = try SignerKey.load(storage, options) else {
            throw GatewayError(.notFound, "\(directory) has no ledger: \(SignerKey.path) is missing.")
        }
        let state: SignerState?
        do throws(GatewayError) {
            state = try SignerState.load(storage, key: signer.verifierKey)
        } catch {
            throw LedgerProblem(.signer, error.message, file: SignerState.path)
        }
        guard let state else { throw LedgerProblem(.file, "is missing", file: SignerState.path) }
        var check = LedgerCheck(storage: storage, key: signer.verifierKey)
        check.lastSigned = state.head
        check.firstLeaf = state.firstLeaf
        check.hasLog = true
        check.isLive = isLive
        check.archive = archive
        return check
    }
}

extension AuditStore {
    /// The check of the store that runs here; nil while nothing is published, or without ledger or index.
    func ledgerCheck() -> LedgerCheck? {
        guard let ledger, let archive, ledger.published != nil else { return nil }
        var check = LedgerCheck(storage: ledger.folder.storage, key: ledger.verifierKey)
        // Before the checkpoint is read: what is published later was signed later.
        check.firstLeaf = ledger.firstLeaf
        check.hasLog = true
        check.isLive = true
        check.archive = archive
        check.workers = 1
        return check
    }
}
