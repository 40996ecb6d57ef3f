package import GatewayCore
import Synchronization

/// The cursors of all sinks, one small file each under `sinks/`, replaced in one durable step.
package final class SinkCursors: Sendable {
    package static let folder = "sinks"
    private static let limit = 16 << 10

    private let storage: any LogStorage
    private let isFolderDurable = Atomic<Bool>(false)

    /// `storage` is the data folder's.
    package init(storage: any LogStorage) {
        self.storage = storage
    }

    private func path(_ name: String) -> String { Self.folder + "/" + name }

    /// Nil for a sink that never ran. Errors: `sink_failed` when the file cannot be read or is no cursor.
    package func load(_ name: String) throws(GatewayError) -> SinkCursor? {
        let bytes: [UInt8]?
        do throws(StorageFailure) {
            bytes = try storage.contents(of: path(name), limit: Self.limit)
        } catch {
            throw GatewayError(.sinkFailed, "The cursor data/\(path(name)) cannot be read.", cause: error)
        }
        guard let bytes else { return nil }
        guard let cursor = SinkCursor(bytes) else {
            throw GatewayError(
                .sinkFailed,
                "The cursor data/\(path(name)) is damaged. Remove it while the gateway is stopped to send every entry again."
            )
        }
        return cursor
    }

    /// Durable when it returns. After an error either the old or the new one is there; both are true.
    package func save(_ cursor: SinkCursor, of name: String) throws(GatewayError) {
        do throws(StorageFailure) {
            // Once a start: the folder may be there from before a crash, its own name never synced.
            if !isFolderDurable.load(ordering: .acquiring) {
                try storage.makeDirectory(Self.folder)
                try storage.syncDirectory("")
                isFolderDurable.store(true, ordering: .releasing)
            }
            try storage.replace(path(name), with: cursor.bytes)
        } catch {
            throw GatewayError(
                error.isDiskFull ? .diskFull : .sinkFailed, "The cursor data/\(path(name)) cannot be written.",
                cause: error)
        }
    }
}

extension GatewayError.Code {
    /// A sink cannot read what it should send, or cannot keep its cursor.
    package static let sinkFailed = GatewayError.Code("sink_failed")
}
