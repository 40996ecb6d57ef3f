import AuditLedger
import GRDB
import GatewayCore

/// A session that has an opening and no closing entry.
struct OpenSession {
    var context: SessionContext
    var nextSequence: UInt64
}

/// The SQLite projection of the log: which sessions there are, where their entries and chunks lie. Holds no content; it
/// can be
/// thrown away and made again from the log, so it is written with synchronous=NORMAL.
final class SearchIndex: Sendable {
    /// Raise it when the tables change: an index of another version is made again.
    static let version = 2

    let pool: DatabasePool

    /// `isReader`: another process writes.
    init(path: String, isReader: Bool) throws(GatewayError) {
        do {
            var configuration = Configuration()
            configuration.readonly = isReader
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 4
            pool = try DatabasePool(path: path, configuration: configuration)
            guard !isReader else { return }
            try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = NORMAL") }
            try pool.write { db in
                guard try Int.fetchOne(db, sql: "PRAGMA user_version") != Self.version else { return }
                try Self.create(db)
            }
            let level = try pool.writeWithoutTransaction { db in try Int.fetchOne(db, sql: "PRAGMA synchronous") }
            guard level == 1 else {
                throw GatewayError(.indexFailed, "The search index does not run with synchronous=NORMAL.")
            }
        } catch {
            throw Self.failure(error)
        }
    }

    static func failure(_ error: any Error) -> GatewayError {
        (error as? GatewayError)
            ?? GatewayError(
                .indexFailed,
                "The search index failed; stop the gateway, remove index.sqlite* from the data folder and start it again.",
                cause: error)
    }

    private static func create(_ db: Database) throws {
        for table in ["progress", "segments", "sessions", "entries", "chunks"] {
            try db.execute(sql: "DROP TABLE IF EXISTS \(table)")
        }
        try db.execute(
            sql: """
                CREATE TABLE progress (segment INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER);
                INSERT INTO progress VALUES (0, 0, NULL);
                CREATE TABLE segments (number INTEGER PRIMARY KEY, first INTEGER NOT NULL);
                CREATE INDEX segments_first ON segments (first);
                CREATE TABLE sessions (
                    sid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, connection TEXT NOT NULL,
                    issuer TEXT, subject TEXT, name TEXT, agent TEXT, model TEXT, run TEXT, purpose TEXT, on_behalf_of TEXT,
                    traceparent TEXT, trust TEXT, address TEXT NOT NULL, database TEXT, role TEXT, durability TEXT,
                    opened INTEGER, closed INTEGER, first INTEGER NOT NULL, closing TEXT, reason TEXT, next INTEGER NOT NULL,
                    commands INTEGER NOT NULL, blocked INTEGER NOT NULL, held INTEGER NOT NULL, errors INTEGER NOT NULL,
                    rows INTEGER NOT NULL, outcomes INTEGER NOT NULL);
                CREATE INDEX sessions_open ON sessions (sid) WHERE closed IS NULL;
                CREATE INDEX sessions_run ON sessions (run) WHERE run IS NOT NULL;
                CREATE TABLE entries (
                    sid INTEGER NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER,
                    PRIMARY KEY (sid, seq)) WITHOUT ROWID;
                CREATE TABLE chunks (
                    sid INTEGER NOT NULL, exchange INTEGER NOT NULL, position INTEGER NOT NULL, direction INTEGER NOT NULL,
                    PRIMARY KEY (sid, exchange, position)) WITHOUT ROWID;
                PRAGMA user_version = \(version);
                """)
    }

    /// Segment and position up to which the log is filed; segment 0 when nothing is.
    func progress() throws(GatewayError) -> (segment: UInt64, position: UInt64) {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT segment, position FROM progress") else { return (0, 0) }
            return (UInt64(clamping: row[0] as Int64), UInt64(clamping: row[1] as Int64))
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(GatewayError) -> Value {
        do { return try pool.read(body) } catch { throw Self.failure(error) }
    }

    func openSessions() throws(GatewayError) -> [OpenSession] {
        try read { db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT * FROM sessions WHERE closed IS NULL AND opened IS NOT NULL AND kind <> 'gateway' ORDER BY sid"
            )
            .compactMap { row in
                guard let session = ArchivedSession(row) else { return nil }
                return OpenSession(context: session.context, nextSequence: UInt64(clamping: row["next"] as Int64))
            }
        }
    }
}
