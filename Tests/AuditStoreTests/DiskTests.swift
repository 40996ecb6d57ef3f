import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

/// A disk that fills up under a running store, and has room again.
@Suite struct DiskTests {
    private static let segment = 64 << 10
    private static let watermark: UInt64 = 256 << 10
    private static let reserve: UInt64 = 192 << 10

    private func open(_ folder: Folder, _ storage: SimulatedStorage) throws(GatewayError) -> AuditStore {
        var options = StoreOptions(
            vaultKey: vaultKey, ledger: LedgerOptions(sealingKey: SymmetricKey(data: [UInt8](repeating: 3, count: 32))),
            segmentSize: Self.segment, watermark: Self.watermark)
        options.reserve = Self.reserve
        return try AuditStore.open(directory: folder.path, options: options, storage: storage, now: wallClock)
    }

    private func disk() -> SimulatedStorage {
        let storage = SimulatedStorage()
        storage.state.withLock { $0.capacity = 2 << 20 }
        return storage
    }

    /// Leaves so many bytes free.
    private func fill(_ storage: SimulatedStorage, leaving: Int) throws {
        let free = Int(try #require(storage.freeBytes()))
        let file = try storage.open("filler", create: true)
        let size = Int(try file.size())
        if free >= leaving {
            try file.preallocate(UInt64(size + free - leaving))
        } else {
            try file.truncate(UInt64(max(0, size + free - leaving)))
        }
    }

    private func begin(_ store: AuditStore) throws -> SessionRecorder {
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        return recorder
    }

    private func say(_ recorder: SessionRecorder, _ store: AuditStore, _ number: UInt64, bytes: Int = 4000) async throws
    {
        try recorder.command(number, "SELECT \(number)")
        try recorder.answer(number, (0..<bytes).map { _ in UInt8.random(in: 0...255) })
        try await store.durable(recorder.outcome(number))
    }

    private func types(_ store: AuditStore) async throws -> [String] {
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        return try archive.gatewaySessions().flatMap { try archive.entries(of: $0, from: 0, limit: 1000) }
            .compactMap { try Leaf($0.leaf).type?.rawValue }
    }

    @Test func belowTheWatermarkNoSessionBeginsAndOpenOnesGoOn() async throws {
        let (folder, storage) = (try Folder(), disk())
        let store = try open(folder, storage)
        defer { store.close() }
        #expect(storage.bytes(of: "reserve")?.count == Int(Self.reserve))
        #expect(try store.watchDisk() == .ample)
        #expect(store.admissionProblem == nil)
        let running = try begin(store)
        try fill(storage, leaving: Int(Self.watermark) - 1)
        #expect(try store.watchDisk() == .low)
        #expect(store.admissionProblem?.code == .diskFull)
        try await say(running, store, 1)
        // A little room more does not change it, some does.
        try fill(storage, leaving: Int(Self.watermark) + 1000)
        #expect(try store.watchDisk() == .low)
        #expect(store.admissionProblem?.code == .diskFull)
        try fill(storage, leaving: Int(Self.watermark) * 2)
        #expect(try store.watchDisk() == .ample)
        #expect(store.admissionProblem == nil)
        try await store.durable(running.close())
        let told = try await types(store)
        #expect(told.filter { $0.hasPrefix("admin.disk") } == ["admin.disk_low", "admin.disk_recovered"])
    }

    /// Everything that is written while nothing is left: log, tree, state and checkpoint.
    @Test func onAFullDiskOpenSessionsAreStillClosed() async throws {
        let (folder, storage) = (try Folder(), disk())
        var store = try open(folder, storage)
        let running = try begin(store)
        try await say(running, store, 1)
        try fill(storage, leaving: 0)
        var number: UInt64 = 2
        // More than what was made ahead: the reserve has to be used.
        while storage.bytes(of: "reserve") != nil, number < 100 {
            try await say(running, store, number)
            number += 1
        }
        #expect(number < 100 && number > 2)
        #expect(store.failure == nil)
        #expect(try store.watchDisk() == .closing)
        try await store.durable(running.close())
        let end = store.progress.synced
        _ = try await store.ledger?.published(through: end)
        #expect(store.failure == nil && store.admissionProblem?.code == .diskFull)
        // What is there can be read.
        let archive = try #require(store.archive)
        #expect(try archive.entries(of: running.session, from: 0, limit: 1).count == 1)

        // So it is after a restart on the full disk.
        store.close()
        store = try open(folder, storage)
        #expect(try store.watchDisk() == .closing)
        #expect(store.admissionProblem?.code == .diskFull)
        #expect(try await store.archive?.caughtUp() == true)
        #expect(try store.archive?.session(running.session)?.closed != nil)

        // With room again it goes on by itself: reserve, sessions, recordings.
        try fill(storage, leaving: 1 << 20)
        #expect(try store.watchDisk() == .ample)
        #expect(store.admissionProblem == nil)
        #expect(storage.bytes(of: "reserve")?.count == Int(Self.reserve))
        let later = try begin(store)
        for number in 1...40 { try await say(later, store, UInt64(number)) }
        try await store.durable(later.close())
        try await eventually("recordings are written") {
            storage.paths.contains { $0.hasSuffix("\(running.session).rec") } && store.indexProblem == nil
        }
        let entries = try #require(store.archive).entries(of: running.session, from: 0, limit: 1000)
        #expect(entries.count == 2 * Int(number - 1) + 2)
        store.close()
    }

    /// Without room for recordings the filer waits, and loses nothing.
    @Test func filingGoesOnWhenThereIsRoom() async throws {
        let (folder, storage) = (try Folder(), disk())
        let store = try open(folder, storage)
        defer { store.close() }
        storage.state.withLock {
            $0.fault = .init(at: 0, call: .create, path: "recordings/", number: 28, isCrash: false)
        }
        let one = try begin(store)
        for number in 1...30 { try await say(one, store, UInt64(number)) }
        try await store.durable(one.close())
        try await eventually("filing has failed") { store.indexProblem?.code == .diskFull }
        // The log goes on.
        let two = try begin(store)
        try await say(two, store, 1)
        storage.state.withLock { $0.fault = nil }
        try await eventually("filing goes on") {
            store.indexProblem == nil && storage.paths.contains { $0.hasSuffix("\(one.session).rec") }
        }
        #expect(try store.archive?.entries(of: one.session, from: 0, limit: 1000).count == 62)
    }

    @Test func aReserveThatCannotBeMadeKeepsSessionsOutAndNothingElse() throws {
        let (folder, storage) = (try Folder(), disk())
        storage.state.withLock {
            $0.fault = .init(at: 0, call: .preallocate, path: "reserve", number: 5, isCrash: false)
        }
        let store = try open(folder, storage)
        defer { store.close() }
        #expect(try store.watchDisk() == .low)
        #expect(store.admissionProblem?.code == .diskFull)
        storage.state.withLock { $0.fault = nil }
        #expect(try store.watchDisk() == .ample)
        #expect(store.admissionProblem == nil)
    }
}
