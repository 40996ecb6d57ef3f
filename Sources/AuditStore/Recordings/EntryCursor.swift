import AuditLedger
import GRDB
import GatewayCore

/// Reads one session's entries in their order, page by page. Where the recording ends and the log begins may move between
/// two pages; by their sequence none is passed over and none comes twice.
struct EntryCursor {
    private let archive: AuditArchive
    private let session: RecordID
    /// Sequence of the next entry.
    private var from: UInt64
    private var fetcher: RecordFetcher
    private var reader: RecordingReader?
    /// The content that was read before its leaf.
    private var content: RecordingItem?

    init(_ archive: AuditArchive, _ session: RecordID, from: UInt64) throws {
        self.archive = archive
        self.session = session
        self.from = from
        fetcher = try RecordFetcher(index: archive.index, storage: archive.storage, vaultKey: archive.vaultKey)
    }

    /// At most `limit` entries; fewer only at the end.
    mutating func next(_ limit: Int) throws -> [ArchivedEntry] {
        var found: [ArchivedEntry] = []
        for attempt in 0... {
            do {
                try add(to: &found, limit)
                return found
            } catch let error as GatewayError where error.code == .recordMoved && attempt < 8 {
                continue
            }
        }
        return found
    }

    private struct Place {
        var sequence: UInt64
        var leaf: UInt64
        var content: UInt64?
    }

    /// One look at the index: what is recorded, and where the entries lie that are not.
    private func look(_ limit: Int) throws -> (row: RecordingIndex.Row?, boundary: UInt64, places: [Place]) {
        try archive.index.read { [from, session] db in
            let row = try RecordingIndex.row(session, db)
            let boundary = try RecordingIndex.filing(db).position
            let find = try db.cachedStatement(
                sql: """
                    SELECT seq, position, content FROM entries
                    WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND seq >= ? AND position >= ? ORDER BY seq LIMIT ?
                    """)
            let places = try Row.fetchAll(
                find,
                arguments: [session.description, Int64(clamping: from), Int64(clamping: boundary), limit]
            ).map {
                Place(
                    sequence: $0.position(0), leaf: $0.position(1),
                    content: $0.value(2, as: Int64.self).map(UInt64.init(clamping:)))
            }
            return (row, boundary, places)
        }
    }

    private mutating func add(to found: inout [ArchivedEntry], _ limit: Int) throws {
        let (row, boundary, places) = try look(limit)
        if let row, from < row.end.sequence { try addRecorded(to: &found, limit, row) }
        for place in places where found.count < limit && place.sequence >= from {
            let leaf = try fetcher.record(at: place.leaf).payload
            var entry = ArchivedEntry(leaf: leaf, content: [], isErased: false)
            if let content = place.content {
                let plain =
                    content < boundary
                    ? try recordedContent(at: content, of: place.sequence, row)
                    : try fetcher.open(fetcher.record(at: content), session: session)
                entry.content = try plain.map { try SealedRecord.decode($0) } ?? []
                entry.isErased = plain == nil
            }
            found.append(entry)
            from = place.sequence + 1
        }
    }

    /// Of an entry that begins the log: its content may be the last that was filed.
    private mutating func recordedContent(
        at position: UInt64, of sequence: UInt64, _ row: RecordingIndex.Row?
    ) throws -> [UInt8]? {
        guard let row, var opened = try archive.recording(session, row, &fetcher) else { return nil }
        try archive.withMap(of: session) { try opened.seek(sequence: sequence, &$0) }
        while let item = try opened.next() { if item.position == position { return item.payload } }
        throw GatewayError(
            .recordingCorrupt, "The recording of session \(session) lacks the content of entry \(sequence).")
    }

    private mutating func addRecorded(
        to found: inout [ArchivedEntry], _ limit: Int, _ row: RecordingIndex.Row
    ) throws {
        let isFresh = reader == nil
        if isFresh {
            guard var opened = try archive.recording(session, row, &fetcher) else { return }
            try archive.withMap(of: session) { try opened.seek(sequence: from, &$0) }
            reader = opened
            content = nil
        }
        while found.count < limit, from < row.end.sequence {
            guard let item = try reader?.next() else {
                guard !isFresh else {
                    throw GatewayError(.recordingCorrupt, "The recording of session \(session) lacks entry \(from).")
                }
                // It has grown since it was opened.
                reader = nil
                return try addRecorded(to: &found, limit, row)
            }
            if item.kind == .content { content = item }
            guard item.kind == .leaf else { continue }
            guard let summary = item.payload.withUnsafeBytes({ LeafSummary($0) }) else {
                throw GatewayError(.recordingCorrupt, "The recording of session \(session) holds what is no entry.")
            }
            if summary.sequence >= from {
                var entry = ArchivedEntry(leaf: item.payload, content: [], isErased: false)
                if summary.hasContent, let content { entry.content = try SealedRecord.decode(content.payload) }
                found.append(entry)
                from = summary.sequence + 1
            }
            content = nil
        }
    }
}
