package import AuditStore
import Dispatch
package import GatewayConfiguration
import Synchronization

/// Appends batches to a file, each durable before the cursor moves.
package final class FileSink: SinkSender {
    private let configuration: FileSinkConfiguration
    private let storage: any LogStorage
    /// Nil until the first batch and after an error.
    private let file: Mutex<SinkFile?> = Mutex(nil)
    private let queue: DispatchQueue
    private let onReplaced: @Sendable () -> Void

    /// `storage` is the folder that the file lies in; nil for the real one. `onReplaced` hears that the file was not as it was
    /// left, so that lines may be missing from it or stand in it twice.
    package init(
        _ configuration: FileSinkConfiguration, storage: (any LogStorage)? = nil,
        onReplaced: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        let end = configuration.path.lastIndex(of: "/") ?? configuration.path.startIndex
        let folder = String(configuration.path[..<end])
        self.storage =
            storage ?? PosixStorage(root: folder.isEmpty ? "/" : folder, fileMode: configuration.mode)
        queue = DispatchQueue(label: "sallyport.sink.file")
        self.onReplaced = onReplaced
    }

    package func shutdown() async {}

    /// The end of the file as it is found must be known before a line is added: else a crash in between would leave a torn line
    /// that nobody could tell from somebody else's.
    package func prepare(_ cursor: SinkCursor) async throws -> SinkCursor? {
        try await onQueue {
            try self.use { open in
                open = nil
                let file = try self.makeFile(cursor)
                open = file
                return file.place == cursor.file
                    ? nil : SinkCursor(origin: cursor.origin, next: cursor.next, file: file.place)
            }
        }
    }

    package func send(_ batch: SinkBatch, after cursor: SinkCursor) async throws -> SinkCursor {
        try await onQueue {
            try self.use { open in
                let known = open
                // After an error none is open, and the next one is made from the cursor.
                open = nil
                var file = try known.flatMap { $0.place == cursor.file ? $0 : nil } ?? self.makeFile(cursor)
                try file.append(batch.lines)
                open = file
                return SinkCursor(origin: batch.origin, next: batch.end, file: file.place)
            }
        }
    }

    private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    private func use<Value: Sendable>(_ body: (inout SinkFile?) throws -> Value) throws -> Value {
        do {
            return try file.withLock { try body(&$0) }
        } catch let error as StorageFailure {
            throw SinkFailure(Self.reason(error))
        }
    }

    private func makeFile(_ cursor: SinkCursor) throws(StorageFailure) -> SinkFile {
        let file = try SinkFile(
            storage: storage, path: configuration.path,
            rotation: .init(size: UInt64(configuration.size), keep: configuration.keep), at: cursor.file)
        if file.wasReplaced { onReplaced() }
        return file
    }

    private static func reason(_ error: StorageFailure) -> String {
        if error.isDiskFull { return "the disk is full" }
        let what = [2: "no such folder", 13: "permission denied", 30: "read-only", 40: "a symbolic link"][error.number]
        return "\(error.call) failed: \(what ?? "error \(error.number)")"
    }
}
