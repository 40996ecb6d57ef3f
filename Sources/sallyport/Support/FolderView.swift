import AuditLedger
import AuditStore
import Foundation
import GatewayConfiguration
import GatewayCore

/// The entry of a view that reads the data folder itself, without the gateway: it is appended before anything is shown
/// (DESIGN section 6).
enum FolderView {
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
        let storage = try DataFolder.existing(configuration)
        let isFree: Bool
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
        try await DataFolder.write(configuration) { store in
            var draft = entry
            draft.principal = DataFolder.principal
            draft.details["door"] = "folder"
            try await store.appendSystemDurably(draft)
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
