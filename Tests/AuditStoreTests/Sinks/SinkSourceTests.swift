import AuditLedger
import AuditStore
import GatewayCore
import Testing

@Suite("Sinks: what they read") struct SinkSourceTests {
    private static let limits = SinkBatchLimits(events: 100, bytes: 1 << 20)

    /// Everything behind a cursor, and the place after it.
    private static func all(
        _ source: SinkSource, after start: SinkCursor, _ limits: SinkBatchLimits = limits
    ) throws -> (lines: [[UInt8]], end: SinkCursor) {
        var (lines, cursor): ([[UInt8]], SinkCursor) = ([], start)
        while true {
            let batch = try source.read(after: cursor, limits, as: .json)
            if batch.isEmpty { return (lines, cursor) }
            #expect(batch.lines.count <= limits.events)
            #expect(batch.bytes <= limits.bytes || batch.lines.count == 1)
            lines += batch.lines
            cursor = SinkCursor(origin: batch.origin, next: batch.end)
        }
    }

    @Test("Every entry in its order, over bundles, with the log's segments gone", arguments: [1, 7, 256, 10_000])
    func everything(_ events: Int) async throws {
        let disk = SimulatedStorage()
        // Small segments, with an index: full ones are filed and removed.
        let folder = try Folder()
        let store = try openStore(folder, disk, segmentSize: 4096, ledger: eagerLedger())
        var position = LogPosition.start
        for _ in 0..<600 { position = try store.appendSystem(EntryDraft(.gatewayStarted)) }
        try await store.durable(position)
        let ledger = try #require(store.ledger)
        try await ledger.published(through: position)
        #expect(ledger.covers(position))
        let source = SinkSource(ledger, storage: disk)
        let found = try Self.all(source, after: source.start, .init(events: events, bytes: 1 << 20))
        #expect(found.lines.count == Int(ledger.head.size))
        let sequences = try found.lines.map { try Leaf($0).sequence }
        #expect(sequences == (0..<UInt64(found.lines.count)).map { $0 })
        #expect(found.end == source.end && source.pending(after: found.end) == 0)
        store.close()
        // Closing files what is left; the bundles stay.
        let offline = try #require(SinkSource(offline: disk))
        #expect(try Self.all(offline, after: offline.start).lines.prefix(600).elementsEqual(found.lines.prefix(600)))
    }

    @Test("A batch ends at its bytes; one entry always goes")
    func bytes() async throws {
        let disk = try await ledgerDisk(entries: 20)
        let source = try #require(SinkSource(offline: disk))
        let batch = try source.read(after: source.start, .init(events: 100, bytes: 1), as: .json)
        #expect(batch.lines.count == 1 && batch.isFull && batch.first == 0 && batch.end == 1)
        let times = try #require(batch.times)
        let made = try Leaf(batch.lines[0]).time
        #expect(times.first == times.last && times.first == made)
        let whole = try source.read(after: source.start, Self.limits, as: .json)
        #expect(whole.lines.count == 20 && !whole.isFull)
        let some = try source.read(
            after: source.start, .init(events: 100, bytes: whole.bytes - whole.lines[19].count - 1), as: .json)
        #expect(some.lines.count < 20 && some.isFull)
    }

    @Test("Only what is signed goes out")
    func signed() async throws {
        let disk = try await ledgerDisk(entries: 10)
        let source = try #require(SinkSource(offline: disk))
        #expect(source.end.next == 10)
        #expect(try source.read(after: source.end, Self.limits, as: .json).isEmpty)
    }

    @Test("After `new-log` the rest of the old log comes first, then the new one from its start")
    func newLog() async throws {
        let disk = try await ledgerDisk(entries: 300)
        let old = try #require(SinkSource(offline: disk))
        let (half, end) = (SinkCursor(origin: old.end.origin, next: 290), old.end)
        let folder = try Folder()
        let who = Principal(issuer: "i", subject: "s", groups: [], isPersonIssuer: true)
        let options = StoreOptions(
            vaultKey: vaultKey, ledger: eagerLedger(), segmentSize: 4096, watermark: 1 << 20, keepsIndex: false)
        let result = try await NewLog.begin(
            directory: folder.path, options: options, storage: disk, reason: "restored", by: who, now: wallClock)
        let source = try #require(SinkSource(offline: disk))
        #expect(source.end.origin == result.key.name && source.start.origin == end.origin)
        let new = try leaves(of: disk).suffix(Int(source.end.next))
        let found = try Self.all(source, after: half)
        #expect(found.lines.count == 10 + Int(source.end.next))
        #expect(source.pending(after: half) == UInt64(found.lines.count))
        #expect(found.lines.suffix(new.count).elementsEqual(new))
        #expect(found.end == source.end)
        // At the old log's very end too.
        #expect(try Self.all(source, after: end).lines.count == Int(source.end.next))
    }

    @Test("A cursor of no known log starts again; one behind the end is brought back to it")
    func corrected() async throws {
        let disk = try await ledgerDisk(entries: 10)
        let source = try #require(SinkSource(offline: disk))
        let origin = source.end.origin
        #expect(source.corrected(SinkCursor(origin: origin, next: 10)) == nil)
        #expect(source.corrected(SinkCursor(origin: origin, next: 11)) == SinkCursor(origin: origin, next: 10))
        #expect(source.corrected(SinkCursor(origin: "other", next: 5)) == SinkCursor(origin: origin, next: 0))
        #expect(try Self.all(source, after: SinkCursor(origin: "other", next: 5)).lines.count == 10)
    }

    @Test("A bundle that is damaged is told, and nothing of it goes out")
    func damaged() async throws {
        let disk = try await ledgerDisk(entries: 300)
        let source = try #require(SinkSource(offline: disk))
        disk.edit("ledger/tile/entries/000") { $0.removeLast(3) }
        #expect(throws: GatewayError.self) { try source.read(after: source.start, Self.limits, as: .json) }
    }

    @Test("Read while the ledger grows: every entry once")
    func growing() async throws {
        let disk = SimulatedStorage()
        let store = try openLedger(disk)
        defer { store.close() }
        let ledger = try #require(store.ledger)
        let source = SinkSource(ledger, storage: disk)
        let writer = Task {
            var position = LogPosition.start
            for _ in 0..<800 {
                position = try store.appendSystem(EntryDraft(.gatewayStarted))
                await Task.yield()
            }
            try await store.durable(position)
            try await ledger.published(through: position)
        }
        var (cursor, lines): (SinkCursor, [[UInt8]]) = (source.start, [])
        while lines.count < 800 {
            let batch = try source.read(after: cursor, .init(events: 50, bytes: 1 << 20), as: .json)
            lines += batch.lines
            cursor = SinkCursor(origin: batch.origin, next: batch.end)
            await Task.yield()
        }
        try await writer.value
        #expect(try lines.map { try Leaf($0).sequence } == (0..<UInt64(800)).map { $0 })
    }
}
