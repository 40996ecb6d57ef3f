import Foundation
import GRDB
import GatewayCore

/// Sessions that an entry says are erased, until nothing of them is left. The entry itself puts them here when it is
/// indexed, so an erasure that was cut short is completed whatever happened in between, also with an index made again.
enum PendingErasures {
    static func create(_ db: Database) throws {
        try db.execute(
            sql: "CREATE TABLE IF NOT EXISTS erasures (session BLOB PRIMARY KEY) WITHOUT ROWID")
    }

    static func add(_ session: RecordID, _ db: Database) throws {
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO erasures VALUES (?)").execute(arguments: [session.blob])
    }

    static func all(_ db: Database) throws -> [RecordID] {
        try Data.fetchAll(db, sql: "SELECT session FROM erasures ORDER BY session").compactMap { bytes in
            guard bytes.count == 16 else { return nil }
            return bytes.withUnsafeBytes { RecordID(bytes: $0) }
        }
    }

    /// Also for a reader of an index that was made before there were any.
    static func has(_ session: RecordID, _ db: Database) throws -> Bool {
        guard try db.tableExists("erasures") else { return false }
        return try Int.fetchOne(db, sql: "SELECT 1 FROM erasures WHERE session = ?", arguments: [session.blob]) != nil
    }

    /// Whether nothing is left of a session that is in the log, or it is being erased.
    static func isErased(_ session: RecordID, _ db: Database) throws -> Bool {
        try has(session, db)
            || Int.fetchOne(db, sql: "SELECT 1 FROM sessions WHERE id = ?", arguments: [session.description]) == nil
    }

    static func remove(_ sessions: [RecordID], _ db: Database) throws {
        for session in sessions {
            try db.execute(sql: "DELETE FROM erasures WHERE session = ?", arguments: [session.blob])
        }
    }
}
