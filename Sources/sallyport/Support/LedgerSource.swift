import AuditLedger
import AuditStore
import CredentialVault
import GatewayConfiguration
import GatewayCore
import GatewayServer

/// The ledger in a data folder on this machine.
enum LedgerSource {
    /// The log's verifier key. Errors: `CommandFailure`.
    static func key(_ configuration: Configuration) throws(CommandFailure) -> NoteVerifierKey {
        do throws(GatewayError) {
            let options = try StoreOptions(configuration, vault: configuration.vaultKey.load())
            guard let ledger = options.ledger,
                let key = try LedgerKey.read(PosixStorage(root: configuration.data), ledger)
            else {
                throw GatewayError(
                    .notFound, "\(configuration.data) holds no log yet; the gateway makes it at its first start.")
            }
            return key
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The check of the whole folder. Errors: `CommandFailure`, `LedgerProblem`.
    static func check(_ configuration: Configuration) throws -> LedgerCheck {
        do {
            let options = try StoreOptions(configuration, vault: configuration.vaultKey.load())
            guard let ledger = options.ledger else { throw CommandFailure("\(configuration.data) keeps no ledger.") }
            var check = try LedgerCheck.folder(configuration.data, vaultKey: options.vaultKey, ledger: ledger)
            check.witnesses = configuration.ledger.witnesses.map(\.key)
            return check
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }
}
