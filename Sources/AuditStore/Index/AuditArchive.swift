import AuditLedger
package import Crypto
import GRDB
package import GatewayCore

/// One entry with its content.
package struct ArchivedEntry: Sendable {
    /// The canonical leaf.
    package var leaf: [UInt8]
    /// In the order of the leaf's commitments; empty when there is none or the key was erased.
    package var content: [SaltedContent]
    /// The entry has content, but the session's key was erased.
    package var isErased: Bool
}

/// The reading side of the record. Every call blocks while it reads; results are bounded by their limits.
package final class AuditArchive: Sendable {
    let index: SearchIndex
    let storage: any LogStorage
    let vaultKey: SymmetricKey

    init(index: SearchIndex, storage: any LogStorage, vaultKey: SymmetricKey) {
        self.index = index
        self.storage = storage
        self.vaultKey = vaultKey
    }

    /// Opens a data folder to read it, while a gateway runs on it or not; without one the index is brought up to date
    /// first.
    package static func open(directory: String, vaultKey: SymmetricKey) throws(GatewayError) -> AuditArchive {
        let storage = PosixStorage(root: directory)
        do throws(StorageFailure) {
            guard try storage.list("").contains("wal") else {
                throw StorageFailure(call: "open", path: "wal", number: 2)
            }
        } catch {
            throw GatewayError(
                .notFound, "\(directory) holds no record; check `data:` in the configuration.", cause: error)
        }
        // A folder that cannot be locked belongs to a running gateway, or may only be read.
        if (try? storage.lock()) == true {
            defer { storage.unlock() }
            let end = try LogRecovery.run(storage).end
            let filer = try Filer.open(directory: directory, storage: storage, end: end)
            return AuditArchive(index: filer.index, storage: storage, vaultKey: vaultKey)
        }
        return AuditArchive(
            index: try SearchIndex(path: directory + "/index.sqlite", isReader: true), storage: storage,
            vaultKey: vaultKey)
    }

    /// Waits, at most a second, until everything in the log at the time of the call can be found; false when it still
    /// cannot.
    package func caughtUp() async throws -> Bool {
        let end = try logEnd()
        for _ in 0..<100 {
            if try index.progress().position >= end { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private func logEnd() throws -> UInt64 {
        var (segment, position) = try index.progress()
        segment = max(segment, 1)
        let folder = SegmentFolder(storage: storage)
        while var reader = try folder.open(segment), reader.first <= position {
            reader.seek(position)
            while try reader.next() != nil {}
            position = reader.position
            segment += 1
        }
        return position
    }

    // MARK: Sessions

    /// Newest first.
    package func sessions(_ query: SessionQuery) throws -> [ArchivedSession] {
        var found: [ArchivedSession] = []
        var before = query.before
        let words = query.text.map { $0.lowercased().split(whereSeparator: \.isWhitespace).map(String.init) } ?? []
        while found.count < query.limit {
            let batch = try sessions(query, before: before, limit: words.isEmpty ? query.limit - found.count : 200)
            guard let last = batch.last else { break }
            before = last.context.session
            for session in batch where found.count < query.limit {
                if try words.isEmpty || holds(words, session.context.session) { found.append(session) }
            }
        }
        return found
    }

    private func sessions(_ query: SessionQuery, before: RecordID?, limit: Int) throws -> [ArchivedSession] {
        var conditions = ["kind <> 'gateway'"]
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            guard values.allSatisfy({ $0 != nil }) else { return }
            conditions.append(condition)
            arguments += values
        }
        add("issuer = ? AND subject = ?", query.owner?.issuer, query.owner?.subject)
        add("(subject = ? OR name = ?)", query.principal, query.principal)
        add("agent = ?", query.agent)
        add("run = ?", query.run)
        add("connection = ?", query.connection)
        if let outcome = query.outcome {
            let bit = OutcomeKind(rawValue: outcome).flatMap { IndexBatch.outcomeKinds.firstIndex(of: $0) }
            add("outcomes & ? <> 0", bit.map { 1 << $0 } ?? 0)
        }
        add("opened >= ?", query.since?.microseconds)
        add("opened <= ?", query.until?.microseconds)
        add("id < ?", before?.description)
        arguments.append(limit)
        let sql = "SELECT * FROM sessions WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?"
        return try index.read { db in
            try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments)).compactMap(ArchivedSession.init)
        }
    }

    package func session(_ id: RecordID) throws -> ArchivedSession? {
        try index.read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM sessions WHERE id = ?", arguments: [id.description]).flatMap(
                ArchivedSession.init)
        }
    }

    private func holds(_ words: [String], _ session: RecordID) throws -> Bool {
        var from: UInt64 = 0
        while true {
            let page = try entries(of: session, from: from, limit: 200)
            for entry in page {
                for item in entry.content where item.kind == .text {
                    let text = String(decoding: item.bytes, as: UTF8.self).lowercased()
                    if words.allSatisfy({ text.contains($0) }) { return true }
                }
            }
            guard page.count == 200, let last = page.last, let sequence = try Leaf(last.leaf).sequence else {
                return false
            }
            from = sequence + 1
        }
    }

    /// The gateway's own sessions, one for each of its runs, oldest first: they hold the entries without a session.
    package func gatewaySessions() throws -> [RecordID] {
        try index.read { db in
            try String.fetchAll(db, sql: "SELECT id FROM sessions WHERE kind = 'gateway' ORDER BY sid")
                .compactMap { RecordID($0) }
        }
    }

    // MARK: Entries and chunks

    /// At most `limit` entries of a session whose sequence is `from` or later, in their order.
    package func entries(of session: RecordID, from: UInt64, limit: Int) throws -> [ArchivedEntry] {
        let places = try index.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT position, content FROM entries WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND seq >= ?
                    ORDER BY seq LIMIT ?
                    """, arguments: [session.description, Int64(clamping: from), limit]
            ).map {
                (position: UInt64(clamping: $0[0] as Int64), content: ($0[1] as Int64?).map(UInt64.init(clamping:)))
            }
        }
        var fetcher = try RecordFetcher(index: index, storage: storage, vaultKey: vaultKey)
        return try places.map { place in
            var entry = ArchivedEntry(leaf: [], content: [], isErased: false)
            if let content = place.content {
                let plain = try fetcher.open(fetcher.record(at: content), session: session)
                entry.content = try plain.map { try SealedRecord.decode($0) } ?? []
                entry.isErased = plain == nil
            }
            entry.leaf = try fetcher.record(at: place.position).payload
            return entry
        }
    }

    /// Calls `body` with each recorded chunk of one exchange in its order, until it returns false.
    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: ChunkDirection, _ body: ([UInt8]) throws -> Bool
    ) throws {
        let positions = try index.read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT position FROM chunks WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND exchange = ? AND direction = ?
                    ORDER BY position
                    """, arguments: [session.description, Int64(clamping: exchange), Int64(direction.rawValue)])
        }
        guard !positions.isEmpty else { return }
        var fetcher = try RecordFetcher(index: index, storage: storage, vaultKey: vaultKey)
        for position in positions {
            let record = try fetcher.record(at: UInt64(clamping: position))
            guard var plain = try fetcher.open(record, session: session) else { return }
            if record.kind == .content {
                let kind: ContentItem.Kind = direction == .answer ? .answer : .input
                plain = try SealedRecord.decode(plain).first { $0.kind == kind }?.bytes ?? []
            }
            if try !body(plain) { return }
        }
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
}
