import AuditLedger
import GRDB
package import GatewayCore
import Synchronization

/// One entry with its content.
package struct ArchivedEntry: Sendable {
    /// The canonical leaf.
    package var leaf: [UInt8]
    /// In the order of the leaf's commitments; empty when there is none or the key was erased.
    package var content: [SaltedContent]
    /// The entry has content, but the session's key was erased.
    package var isErased: Bool
}

/// What a session said and was answered: from its recording as far as that goes, from the log after that.
extension AuditArchive {
    /// At most `limit` entries of a session whose sequence is `from` or later, in their order.
    package func entries(of session: RecordID, from: UInt64, limit: Int) throws -> [ArchivedEntry] {
        var cursor = try EntryCursor(self, session, from: from)
        return try cursor.next(limit)
    }

    /// Calls `body` with each recorded chunk of one exchange in its order, until it returns false.
    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: ChunkDirection, _ body: ([UInt8]) throws -> Bool
    ) throws {
        var cursor = ChunkCursor(archive: self, session: session, exchange: exchange, direction: direction)
        try retrying { try cursor.run { try body($1) } }
    }

    /// What both sides of one exchange said, as the record has it, at most `limit` bytes, and whether that is all.
    package func conversation(
        of session: RecordID, exchange: UInt64, limit: Int
    ) throws -> (pieces: [(direction: ChunkDirection, bytes: [UInt8])], isWhole: Bool) {
        var cursor = ChunkCursor(archive: self, session: session, exchange: exchange, direction: nil)
        var (pieces, left) = ([(direction: ChunkDirection, bytes: [UInt8])](), limit)
        var isWhole = true
        try retrying {
            try cursor.run { direction, bytes in
                isWhole = bytes.count <= left
                pieces.append((direction, Array(bytes.prefix(left))))
                left -= min(left, bytes.count)
                return isWhole
            }
        }
        return (pieces, isWhole)
    }

    /// The recorded bytes of one exchange, at most `limit`, and whether that is all.
    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: ChunkDirection, limit: Int
    ) throws -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        try chunks(of: session, exchange: exchange, direction) { chunk in
            bytes += chunk.prefix(limit + 1 - bytes.count)
            return bytes.count <= limit
        }
        return bytes.count > limit ? (Array(bytes.prefix(limit)), false) : (bytes, true)
    }

    /// A segment may be filed between two looks at it; then the next look finds its records in recordings.
    func retrying<Value>(_ body: () throws -> Value) throws -> Value {
        var attempts = 0
        while true {
            do { return try body() } catch let error as GatewayError where error.code == .recordMoved && attempts < 8 {
                attempts += 1
            }
        }
    }

    /// A reader of what `row` says is in the session's recording; nil when its key was erased.
    func recording(
        _ session: RecordID, _ row: RecordingIndex.Row, _ fetcher: inout RecordFetcher
    ) throws -> RecordingReader? {
        guard let key = try fetcher.key(slot: row.slot, session: session) else { return nil }
        let file: any LogFile
        do throws(StorageFailure) {
            file = try storage.open(RecordingHeader.path(of: session), create: false)
        } catch {
            guard error.number == 2 else { throw error }
            // Erased since, or lost: the next look at the index tells which.
            let isKnown = try index.read { try RecordingIndex.row(session, $0) != nil }
            guard isKnown else { return nil }
            throw GatewayError(.recordingCorrupt, "The recording \(RecordingHeader.path(of: session)) is missing.")
        }
        return try RecordingReader(file, session: session, key: key, length: row.end.length)
    }

    /// What is known of where a recording's chunks begin, kept between calls for the sessions read last.
    func withMap<Value>(of session: RecordID, _ body: (inout ChunkMap) throws -> Value) rethrows -> Value {
        var map = maps.withLock { $0.removeValue(forKey: session) } ?? ChunkMap()
        defer {
            maps.withLock { maps in
                if maps.count >= Self.maximumMaps { maps.removeAll() }
                maps[session] = map
            }
        }
        return try body(&map)
    }
}
