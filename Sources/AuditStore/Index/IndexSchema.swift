import GRDB

/// The tables of the search index.
///
/// A command is one row of small numbers; what many commands share lies apart, once: `texts` holds each masked text
/// with its shape (what the leaf tells of its meaning), `shapes` each shape. A command is numbered by the ledger's
/// index of its first leaf, so numbers grow with time and come out the same when the index is made again.
enum IndexSchema {
    /// Raise it when the tables change: an index of another version is made again.
    static let version = 4

    /// `grams` keeps no positions and no copy of the texts: it only tells which texts may hold three characters in a
    /// row, and what it finds is compared with the text itself. `commands_outcome` leaves out what succeeded, which is
    /// most.
    static let sql = """
        CREATE TABLE progress (
            segment INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER, leaf INTEGER NOT NULL, pending BLOB);
        INSERT INTO progress VALUES (0, 0, NULL, 0, NULL);
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
        CREATE INDEX sessions_subject ON sessions (subject);
        CREATE INDEX sessions_name ON sessions (name) WHERE name IS NOT NULL;
        CREATE INDEX sessions_agent ON sessions (agent) WHERE agent IS NOT NULL;
        CREATE INDEX sessions_run ON sessions (run) WHERE run IS NOT NULL;
        CREATE INDEX sessions_connection ON sessions (connection);
        CREATE TABLE entries (
            sid INTEGER NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER,
            PRIMARY KEY (sid, seq)) WITHOUT ROWID;
        CREATE TABLE chunks (
            sid INTEGER NOT NULL, exchange INTEGER NOT NULL, position INTEGER NOT NULL, direction INTEGER NOT NULL,
            PRIMARY KEY (sid, exchange, position)) WITHOUT ROWID;
        CREATE TABLE spans (
            first INTEGER PRIMARY KEY, last INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL);
        CREATE TABLE shapes (
            shape INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, classes TEXT NOT NULL, verb TEXT,
            objects TEXT NOT NULL, rules TEXT NOT NULL, verdict TEXT);
        CREATE TABLE shape_names (
            kind INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE, shape INTEGER NOT NULL,
            PRIMARY KEY (kind, name, shape)) WITHOUT ROWID;
        CREATE TABLE texts (
            text INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, shape INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB);
        CREATE INDEX texts_shape ON texts (shape);
        CREATE VIRTUAL TABLE grams USING fts5(body, content='', columnsize=0, detail=none, tokenize='trigram');
        CREATE TABLE commands (
            command INTEGER PRIMARY KEY, sid INTEGER NOT NULL, exchange INTEGER NOT NULL, text INTEGER NOT NULL,
            time INTEGER NOT NULL, outcome INTEGER, code TEXT, rows INTEGER);
        CREATE INDEX commands_session ON commands (sid, exchange);
        CREATE INDEX commands_text ON commands (text);
        CREATE INDEX commands_outcome ON commands (outcome) WHERE outcome > 0;
        CREATE TABLE approvals (
            approval BLOB PRIMARY KEY, sid INTEGER NOT NULL, exchange INTEGER NOT NULL) WITHOUT ROWID;
        PRAGMA user_version = \(version);
        """

    static func create(_ db: Database) throws {
        try db.execute(sql: sql)
        try RecordingIndex.create(db)
    }
}
