import AuditStore
import CredentialVault
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity

/// A gateway's data folder that a command works on itself, while no gateway runs on it.
enum DataFolder {
    /// Small: the log gets a segment for each start.
    private static let segmentSize = 1 << 20

    /// Who is at the machine, for what is recorded of a command.
    static var principal: Principal {
        Principal(issuer: EmbeddedIssuer.defaultURL, subject: Source.operatorName, groups: [], isPersonIssuer: true)
    }

    /// A folder without a log is no record, and must not become one by being looked at.
    static func existing(_ configuration: Configuration) throws(CommandFailure) -> PosixStorage {
        let storage = PosixStorage(root: configuration.data)
        guard let found = try? storage.list(""), found.contains("wal") else {
            throw CommandFailure("\(configuration.data) holds no record; check `data:` in the configuration.")
        }
        return storage
    }

    /// Opens the store, which takes the folder's lock, runs `body` and closes it again.
    ///
    /// Errors: `CommandFailure`, also when a gateway or another command has the folder, or it is another user's.
    static func write<Value: Sendable>(
        _ configuration: Configuration, vault: VaultKey? = nil, _ body: (AuditStore) async throws -> Value
    ) async throws -> Value {
        _ = try existing(configuration)
        try requireOwner(of: configuration.data)
        do {
            var options = try StoreOptions(configuration, vault: vault ?? configuration.vaultKey.load())
            options.segmentSize = segmentSize
            // They are asked before anything is published, which takes a gateway.
            options.ledger?.signs = configuration.ledger.witnesses.isEmpty
            // What the gateway set aside may be used here, but is the gateway's to make.
            options.reserve = 0
            let store = try AuditStore.open(directory: configuration.data, options: options, now: Timestamp.wall)
            defer { store.close() }
            return try await body(store)
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }

    /// Files that another user made, the gateway could not open afterwards.
    static func requireOwner(of folder: String) throws {
        let owner = try FileManager.default.attributesOfItem(atPath: folder)[.ownerAccountID] as? Int
        guard owner == Int(geteuid()) else {
            let name = owner.flatMap { getpwuid(uid_t($0)) }.map { String(cString: $0.pointee.pw_name) } ?? "its owner"
            throw CommandFailure(
                "\(folder) is another user's: run this as \(name), e.g. sudo -u \(name), or ask the running gateway.")
        }
    }
}
