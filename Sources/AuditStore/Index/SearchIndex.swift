import AuditLedger
package import Crypto
import GRDB
package import GatewayCore
import Glibc
import Synchronization

/// A session that has an opening and no closing entry.
struct OpenSession {
    var context: SessionContext
    var nextSequence: UInt64
}

/// The SQLite projection of the log: which sessions and commands there are, where their entries and chunks lie. It holds
/// the commands' masked texts and no other content.
///
/// It can be thrown away and made again from the log, so it is written with synchronous=NORMAL.
package final class SearchIndex: Sendable {
    package static let name = "index.sqlite"
    /// The folder in which an index is made again.
    static let rebuildFolder = "reindex"
    /// What is put aside of an index that cannot be read.
    package static let damagedName = "index.damaged.sqlite"

    let pool: DatabasePool
    let path: String
    /// Why the index that was found is made again; nil when it is not.
    package let notice: String?
    private let textKey: SymmetricKey
    private let memory = Mutex(IndexMemory())

    /// Opens `path`, or makes it: also when what is there is of another version, or cannot be read, which is then put
    /// aside.
    ///
    /// `isReader`: another process writes; then nothing is made.
    package init(path: String, isReader: Bool, vaultKey: SymmetricKey) throws(GatewayError) {
        self.path = path
        textKey = IndexKey.derive(vaultKey, "text digests")
        do {
            do {
                pool = try Self.open(path, isReader: isReader)
                notice = nil
            } catch let error as Unusable where !isReader {
                try Self.putAside(path, error)
                pool = try Self.open(path, isReader: false)
                notice = error.notice
            }
        } catch {
            throw Self.failure(error)
        }
    }

    /// An index that must be made again.
    private enum Unusable: Error {
        case version(Int)
        case damaged(DatabaseError)

        var notice: String {
            switch self {
            case .version: "The search index is of another version and is made again from the log."
            case .damaged(let error):
                "The search index cannot be read (\(error.resultCode)); it was put aside as \(SearchIndex.damagedName) and is made again from the log."
            }
        }
    }

    private static func open(_ path: String, isReader: Bool) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.readonly = isReader
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        // What is deleted is overwritten: erasing a session must leave no byte of it.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY") }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            let version = try pool.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
            if isReader {
                guard version == IndexSchema.version else { throw Unusable.version(version) }
                return pool
            }
            if version == 0 { try pool.write { try IndexSchema.create($0) } }
            guard version == 0 || version == IndexSchema.version else { throw Unusable.version(version) }
            let level = try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864")
                try PendingErasures.create(db)
                return try Int.fetchOne(db, sql: "PRAGMA synchronous")
            }
            guard level == 1 else {
                throw GatewayError(.indexFailed, "The search index does not run with synchronous=NORMAL.")
            }
            // A file whose first pages are torn does not answer these.
            _ = try pool.read { db in
                for table in ["progress", "sessions", "commands", "texts", "shapes"] {
                    _ = try Row.fetchOne(db, sql: "SELECT * FROM \(table) LIMIT 1")
                }
                _ = try Row.fetchOne(db, sql: "SELECT rowid FROM grams WHERE grams MATCH '\"abc\"' LIMIT 1")
            }
            return pool
        } catch let error as DatabaseError where isDamage(error) {
            throw Unusable.damaged(error)
        }
    }

    static func isDamage(_ error: DatabaseError) -> Bool {
        // A missing table is damage too: only whole indexes are ever made.
        [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR].contains(error.resultCode)
    }

    private static func putAside(_ path: String, _ why: Unusable) throws {
        if case .damaged = why {
            let aside = path.hasSuffix(name) ? path.dropLast(name.utf8.count) + damagedName : path + ".damaged"
            guard rename(path, String(aside)) == 0 else {
                throw StorageFailure(call: "rename", path: path, number: errno)
            }
        }
        // The log of changes goes with the file it belongs to: with another one it would be applied to it.
        remove(path)
        // Made here so that SQLite's files get its mode.
        let file = Glibc.open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw StorageFailure(call: "open", path: path, number: errno) }
        Glibc.close(file)
    }

    /// Removes an index file with all that SQLite keeps beside it.
    package static func remove(_ path: String) {
        for suffix in ["-wal", "-shm", ""] { unlink(path + suffix) }
    }

    static func failure(_ error: any Error) -> GatewayError {
        if let error = error as? GatewayError { return error }
        if (error as? DatabaseError)?.resultCode == .SQLITE_FULL {
            return GatewayError(
                .indexFull, "The disk has no room for the search index; it goes on when there is some.", cause: error)
        }
        return GatewayError(
            .indexFailed,
            "The search index failed; stop the gateway, make the index again with: sallyport audit reindex, and start it.",
            cause: error)
    }

    // MARK: Writing

    /// Runs `body` in one transaction, which is a whole projected batch or nothing.
    func write<Value>(_ body: (inout IndexBatch, Database) throws -> Value) throws -> Value {
        // Taken out: unless the transaction commits, the next one begins with an empty memory.
        let taken = memory.withLock { memory in
            defer { memory = IndexMemory() }
            return memory
        }
        let (value, kept) = try pool.write { db in
            var batch = try IndexBatch(db, memory: taken, textKey: textKey)
            let value = try body(&batch, db)
            return (value, batch.memory)
        }
        memory.withLock { $0 = kept }
        return value
    }

    /// Forgets what the writer remembers: rows that it knew are gone.
    func forget() {
        memory.withLock { $0 = IndexMemory() }
    }

    /// Empties it: it is made again. A crash in between leaves a file without tables, which are made at the next start.
    func clear() throws {
        try pool.erase()
        try pool.write { try IndexSchema.create($0) }
        forget()
    }

    // MARK: Reading

    /// Segment and position up to which the log is filed; segment 0 when nothing is.
    func progress() throws(GatewayError) -> (segment: UInt64, position: UInt64) {
        try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT segment, position FROM progress") else { return (0, 0) }
            return (row.position(0), row.position(1))
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
                return OpenSession(context: session.context, nextSequence: UInt64(clamping: row.count("next")))
            }
        }
    }
}
