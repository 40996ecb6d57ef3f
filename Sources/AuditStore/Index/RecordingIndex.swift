import Foundation
import GRDB
import GatewayCore

/// How far the log is filed into recordings, and where each recording ends: kept with the index, so that both change in
/// one transaction. It can be made again from the recordings.
enum RecordingIndex {
    static func create(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE recordings (
                    session BLOB PRIMARY KEY, slot INTEGER NOT NULL, length INTEGER NOT NULL, chunks INTEGER NOT NULL,
                    sequence INTEGER NOT NULL, exchange INTEGER NOT NULL, finished INTEGER NOT NULL) WITHOUT ROWID;
                CREATE TABLE filing (segment INTEGER NOT NULL, position INTEGER NOT NULL);
                INSERT INTO filing VALUES (1, 0);
                """)
        try PendingErasures.create(db)
    }

    /// What lies in a session's recording for good.
    struct Row: Sendable {
        var slot: UInt64
        var end: RecordingEnd
    }

    static func row(_ session: RecordID, _ db: Database) throws -> Row? {
        let find = try db.cachedStatement(
            sql: "SELECT slot, length, chunks, sequence, exchange, finished FROM recordings WHERE session = ?")
        return try GRDB.Row.fetchOne(find, arguments: [session.blob]).map { row in
            Row(
                slot: row.position(0),
                end: RecordingEnd(
                    length: row.position(1), chunks: UInt32(clamping: row.position(2)), sequence: row.position(3),
                    exchange: row.position(4), isFinished: row.value(5) ?? false))
        }
    }

    static func save(_ row: Row, of session: RecordID, _ db: Database) throws {
        let save = try db.cachedStatement(sql: "INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, ?, ?, ?)")
        let end = row.end
        try save.execute(arguments: [
            session.blob, Int64(clamping: row.slot), Int64(clamping: end.length), Int64(end.chunks),
            Int64(clamping: end.sequence), Int64(clamping: end.exchange), end.isFinished,
        ])
    }

    static func erase(_ session: RecordID, _ db: Database) throws {
        try db.execute(sql: "DELETE FROM recordings WHERE session = ?", arguments: [session.blob])
    }

    /// The first segment that is not in recordings yet, and the position where it begins.
    static func filing(_ db: Database) throws -> (segment: UInt64, position: UInt64) {
        guard let row = try GRDB.Row.fetchOne(db, sql: "SELECT segment, position FROM filing") else { return (1, 0) }
        return (row.position(0), row.position(1))
    }

    /// Everything before `position`, where `segment` begins, is in recordings.
    static func setFiling(segment: UInt64, position: UInt64, _ db: Database) throws {
        let position = Int64(clamping: position)
        try db.execute(
            sql: "UPDATE filing SET segment = ?, position = ?", arguments: [Int64(clamping: segment), position])
        // A recording is searched by its own chunks.
        try db.execute(sql: "DELETE FROM chunks WHERE position < ?", arguments: [position])
    }
}

extension RecordID {
    var blob: DatabaseValue { Data(bytes).databaseValue }
}
