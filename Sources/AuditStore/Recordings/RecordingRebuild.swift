import AuditLedger
import Crypto
import GRDB
import GatewayCore

/// Makes the index again from the recordings, up to where the log begins.
struct RecordingRebuild {
    private static let recordsPerTransaction = 4000

    let index: SearchIndex
    let storage: any LogStorage
    /// The content of the entry that the log begins with, when a segment ended between the two.
    private var pending: RecordingItem?

    init(index: SearchIndex, storage: any LogStorage) {
        self.index = index
        self.storage = storage
    }

    mutating func run(before log: LogRecovery, _ opener: inout RecordOpener) throws {
        try index.clear()
        var later: [RecordID] = []
        for session in try sessions() {
            // The gateway's own entries tell of other sessions, which must be known by then.
            if try isGateways(session, &opener) {
                later.append(session)
            } else {
                try add(session, before: log, &opener)
            }
        }
        for session in later { try add(session, before: log, &opener) }
        // Last: what is not finished is begun anew at the next start.
        try index.write { batch, db in
            batch.move(to: log.firstLeaf)
            if let pending { try Self.add(content: pending, to: &batch) }
            try batch.finish(segment: log.firstSegment, position: log.first)
            // Made session by session, they do not follow each other in time.
            try db.execute(
                sql: """
                    DELETE FROM spans;
                    INSERT INTO spans SELECT min(command), max(command), min(time), max(time) FROM commands
                        GROUP BY command / 4096;
                    """)
            try RecordingIndex.setFiling(segment: log.firstSegment, position: log.first, db)
        }
    }

    private static func add(content item: RecordingItem, to batch: inout IndexBatch) throws {
        // In the log its payload was sealed; here only its place counts.
        try batch.add(
            LogRecord(kind: .content, position: item.position, payload: []), content: SealedRecord.decode(item.payload))
    }

    /// All that have a recording, oldest first.
    private func sessions() throws -> [RecordID] {
        var found: [RecordID] = []
        for folder in try storage.list("recordings") where folder.utf8.count == 2 {
            for name in try storage.list("recordings/" + folder) where name.hasSuffix(".rec") {
                if let session = RecordID(name.dropLast(4)) { found.append(session) }
            }
        }
        return found.sorted()
    }

    /// Nil when the session's key was erased, or the file is no recording.
    private func open(
        _ session: RecordID, _ opener: inout RecordOpener
    ) throws -> (reader: RecordingReader, file: any LogFile, slot: UInt64, key: SymmetricKey)? {
        let file = try storage.open(RecordingHeader.path(of: session), create: false)
        guard let header = try RecordingHeader.decode(file.read(RecordingHeader.length, at: 0)),
            header.session == session, let key = try opener.key(slot: header.slot, session: session)
        else { return nil }
        let reader = try RecordingReader(file, session: session, key: key, length: file.size())
        return (reader, file, header.slot, key)
    }

    private func isGateways(_ session: RecordID, _ opener: inout RecordOpener) throws -> Bool {
        guard var reader = try open(session, &opener)?.reader else { return false }
        // What a crash left of the first chunk is filed again.
        while let item = try? reader.next() {
            if item.kind == .leaf { return (try? Leaf(item.payload))?["kind"]?.string == "gateway" }
        }
        return false
    }

    private mutating func add(_ session: RecordID, before log: LogRecovery, _ opener: inout RecordOpener) throws {
        guard case (var whole, let file, let slot, let key)? = try open(session, &opener) else { return }
        // What came from segments that are still there is filed again.
        var end = whole.extent { $0.segment < log.firstSegment }
        guard end.chunks > 0 else { return }
        var reader = try RecordingReader(file, session: session, key: key, length: end.length)
        var isAtEnd = false
        while !isAtEnd {
            try index.write { batch, db in
                var count = 0
                while count < Self.recordsPerTransaction {
                    guard let item = try reader.next() else {
                        isAtEnd = true
                        break
                    }
                    try add(item, to: &batch, &end, log)
                    count += 1
                }
                if isAtEnd { try RecordingIndex.save(.init(slot: slot, end: end), of: session, db) }
                try batch.finish(segment: 0, position: 0)
            }
        }
    }

    private mutating func add(
        _ item: RecordingItem, to batch: inout IndexBatch, _ end: inout RecordingEnd, _ log: LogRecovery
    ) throws {
        end.exchange = max(end.exchange, item.exchange)
        switch item.kind {
        case .mark, .chunk: return
        case .content:
            let sealed = RecordFormat.headerLength + SealedRecord.clearLength + SessionCipher.tagLength
            if item.position &+ UInt64(sealed + item.payload.count) == log.first {
                pending = item
            } else {
                try Self.add(content: item, to: &batch)
            }
        case .leaf:
            if let summary = item.payload.withUnsafeBytes({ LeafSummary($0) }) {
                end.sequence = max(end.sequence, summary.sequence &+ 1)
                end.exchange = max(end.exchange, summary.exchange ?? 0)
            }
            try batch.add(
                LogRecord(kind: .leaf, position: item.position, payload: item.payload, leaf: item.leaf), content: [])
        }
    }
}
