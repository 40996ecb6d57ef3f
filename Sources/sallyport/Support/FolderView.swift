import AuditLedger
import AuditStore
import CredentialVault
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity

/// The entry of a view that reads the data folder itself, without the gateway: it is appended before anything is shown
/// (DESIGN section 6).
enum FolderView {
    /// Small: the log gets a segment for each start.
    private static let segmentSize = 1 << 20

    /// Returns once the entry is durable, or with a note where nothing can be written at all: a copy of the record on a
    /// read-only file system.
    ///
    /// Errors: `CommandFailure` when a gateway runs on the folder, since only it may write then, and when the folder is
    /// another user's.
    static func record(_ view: String, of session: RecordID?, in configuration: Configuration) async throws {
        var draft = EntryDraft(.recordViewed)
        draft.aboutSession = session
        draft.details["view"] = view
        try await record(draft, in: configuration)
    }

    /// As `record(_:of:in:)`, for an entry of another kind; who looks is added.
    static func record(_ entry: EntryDraft, in configuration: Configuration) async throws {
        let folder = configuration.data
        let storage = PosixStorage(root: folder)
        let isFree: Bool
        // A folder without a log is no record, and must not become one by looking at it.
        guard let found = try? storage.list(""), found.contains("wal") else {
            throw CommandFailure("\(folder) holds no record; check `data:` in the configuration.")
        }
        do throws(StorageFailure) {
            isFree = try storage.lock()
            storage.unlock()
        } catch {
            guard error.number == EROFS else {
                throw CommandFailure("\(folder) cannot be written, so this view cannot be recorded (\(error)).")
            }
            return Output.note("note: \(folder) cannot be written, so this view of it is not recorded.")
        }
        guard isFree else { throw CommandFailure.isRunning(folder) }
        try requireOwner(of: folder)
        do {
            var options = try StoreOptions(configuration, vault: configuration.vaultKey.load())
            options.segmentSize = segmentSize
            let store = try AuditStore.open(directory: folder, options: options, now: Timestamp.wall)
            defer { store.close() }
            var draft = entry
            draft.principal = Principal(
                issuer: EmbeddedIssuer.defaultURL, subject: Source.operatorName, groups: [], isPersonIssuer: true)
            draft.details["door"] = "folder"
            try await store.appendSystemDurably(draft)
        } catch let error as GatewayError {
            throw CommandFailure(error)
        }
    }

    /// Files that another user made, the gateway could not open afterwards.
    private static func requireOwner(of folder: String) throws {
        let owner = try FileManager.default.attributesOfItem(atPath: folder)[.ownerAccountID] as? Int
        guard owner == Int(geteuid()) else {
            let name = owner.flatMap { getpwuid(uid_t($0)) }.map { String(cString: $0.pointee.pw_name) } ?? "its owner"
            throw CommandFailure(
                "\(folder) is another user's: run this as \(name), e.g. sudo -u \(name), or ask the running gateway.")
        }
    }
}

extension CommandFailure {
    static func isRunning(_ folder: String) -> CommandFailure {
        CommandFailure(
            "A gateway runs on \(folder), and its API was not asked or did not answer, so this view cannot be recorded. Use --url URL with a token in SALLYPORT_TOKEN, or stop the gateway."
        )
    }
}
