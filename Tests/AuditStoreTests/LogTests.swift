import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Synchronization
import Testing

@Suite struct LogTests {
    @Test func aPositionIsDurableWhenItIsReported() async throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        let first = try recorder.append(EntryDraft(.sessionOpen))
        let second = try recorder.command(1, "SELECT 1")
        #expect(first < second)
        try await store.durable(second)
        #expect(store.progress.synced >= second)
        var types: [String] = []
        try LogCheck.run(storage.rebooted()) { leaf, _ in types.append(try Leaf(leaf).type?.rawValue ?? "") }
        #expect(types == ["session.open", "command.allowed"])
        store.close()
    }

    @Test func appendingAloneIsSyncedSoon() async throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        let position = try recorder.append(EntryDraft(.sessionOpen))
        // No request: the log's own clock must do it.
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            let once = Mutex<CheckedContinuation<Void, Never>?>(done)
            let waiter = Once(once.withLock { $0.take() })
            _ = store.observe { if $0.synced >= position { waiter.resume() } }
            if store.progress.synced >= position { waiter.resume() }
        }
        #expect(store.progress.synced >= position)
    }

    @Test func relaxedWritesOnTheCallersThread() throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        let position = try recorder.append(EntryDraft(.sessionOpen))
        #expect(store.progress.written < position)
        #expect(try store.writeNow() >= position)
        #expect(store.progress.written >= position)
        var count = 0
        try LogCheck.run(storage.copied()) { _, _ in count += 1 }
        #expect(count == 1)
    }

    @Test func whoWaitsAloneSyncsByItself() throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        for number in 1...20 {
            let position = try recorder.command(UInt64(number), "SELECT 1")
            store.syncAlone()
            // The log's own thread may have been at it just then; its clock is slower than twenty of these.
            if store.progress.synced >= position { return }
        }
        Issue.record("twenty entries by themselves, none synced where it was appended")
    }

    @Test func amongManyTheLogsThreadSyncs() async throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        var position = try recorder.append(EntryDraft(.sessionOpen))
        for number in 1...64 { position = try recorder.command(UInt64(number), "SELECT 1") }
        try await store.durable(position)
        let syncs = store.counters.syncs
        // So many waited for one sync that the next alone is not taken for alone.
        position = try recorder.command(65, "SELECT 1")
        let mine = pthread_self()
        let others = Mutex(0)
        _ = store.observe { _ in if pthread_equal(pthread_self(), mine) == 0 { others.withLock { $0 += 1 } } }
        store.syncAlone()
        try await store.durable(position)
        #expect(others.withLock { $0 } > 0 && store.counters.syncs > syncs)
    }

    @Test func aFailureOfOnesOwnSyncIsToldAtOnce() throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        storage.state.withLock { $0.fault = .init(at: 1, call: .sync, number: 5, isCrash: false) }
        let told = Mutex<GatewayError?>(nil)
        _ = store.observe { progress in told.withLock { $0 = progress.failure } }
        store.syncAlone()
        #expect(store.progress.failure?.code == .logFailed && told.withLock { $0?.code } == .logFailed)
        #expect(throws: GatewayError.self) { try recorder.command(1, "SELECT 1") }
    }

    @Test func aClosedLogTakesNothing() throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        store.close()
        store.close()
        #expect(throws: GatewayError.self) { try recorder.append(EntryDraft(.sessionOpen)) }
    }

    @Test func oversizedContentIsRefusedAndTheLogGoesOn() async throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        var draft = EntryDraft(.commandAllowed, exchange: 1)
        draft.content = [ContentItem(.text, [UInt8](repeating: 1, count: SessionRecorder.maximumContent + 1))]
        #expect(throws: GatewayError.self) { try recorder.append(draft) }
        try await store.durable(recorder.append(EntryDraft(.sessionOpen)))
    }

    @Test func aRecordLargerThanASegmentGetsItsOwn() async throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, segmentSize: 4096, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, String(repeating: "x", count: 100_000))
        try recorder.answer(1, [UInt8](repeating: 1, count: 3 << 20))
        try await store.durable(recorder.outcome(1))
        store.close()
        var count = 0
        try LogCheck.run(storage.rebooted()) { _, _ in count += 1 }
        #expect(count == 3)
    }

    @Test func eightThreadsAppendAtOnce() async throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, segmentSize: 64 << 10, keepsIndex: false)
        let positions = await withTaskGroup(of: [LogPosition].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    guard let recorder = try? store.makeRecorder(newContext()) else { return [] }
                    var positions: [LogPosition] = []
                    for number in 1...200 {
                        guard let position = try? recorder.command(UInt64(number), "SELECT \(number)") else {
                            return []
                        }
                        positions.append(position)
                        if number % 10 == 0 { store.requestSync() }
                        if number % 50 == 0 { _ = try? store.writeNow() }
                    }
                    return positions
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(positions.count == 1600)
        #expect(Set(positions).count == 1600)
        store.close()
        var ends: Set<LogPosition> = []
        try LogCheck.run(storage.rebooted()) { _, end in ends.insert(end) }
        #expect(ends == Set(positions))
    }

    @Test func twoThousandSessions() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        var recorders: [SessionRecorder] = []
        for _ in 0..<2000 {
            let recorder = try store.makeRecorder(newContext())
            try recorder.append(EntryDraft(.sessionOpen))
            recorders.append(recorder)
        }
        var last = LogPosition.start
        for recorder in recorders { last = try recorder.command(1, "SELECT 1") }
        try await store.durable(last)
        let archive = try #require(store.archive)
        while try await !archive.caughtUp() {}
        #expect(try archive.sessions(SessionQuery(limit: 5000)).count == 2000)
    }

    @Test func aFullDiskClosesTheDoor() async throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, keepsIndex: false)
        #expect(store.admissionProblem == nil)
        storage.state.withLock { $0.free = 1000 }
        #expect(store.admissionProblem?.code == .diskFull)
        storage.state.withLock { $0.free = nil }
        let recorder = try store.makeRecorder(newContext())
        try await store.durable(recorder.append(EntryDraft(.sessionOpen)))
        storage.state.withLock { state in state.fault = .init(at: 1, call: .write, number: 28, isCrash: false) }
        let position = try recorder.command(1, "SELECT 1")
        await #expect(throws: GatewayError.self) { try await store.durable(position) }
        #expect(store.failure?.code == .diskFull)
        #expect(store.admissionProblem?.code == .diskFull)
        #expect(throws: GatewayError.self) { try recorder.outcome(1) }
        #expect(throws: GatewayError.self) { try store.writeNow() }
        #expect(throws: GatewayError.self) { try store.makeRecorder(newContext()) }
        // Nothing is tried again on the file, though it would work now.
        func writes() -> Int { storage.state.withLock { $0.log.filter { $0 == .write || $0 == .sync }.count } }
        storage.state.withLock { $0.fault = nil }
        let before = writes()
        store.requestSync()
        store.close()
        #expect(writes() == before)
    }

    @Test func theClockAndTheHistogramAgree() {
        var histogram = LatencyHistogram()
        for value in 1...1000 { histogram.record(UInt64(value) * 1000) }
        #expect((450_000...550_000).contains(histogram.quantile(0.5)))
        #expect((930_000...1_060_000).contains(histogram.quantile(0.99)))
        #expect(LatencyHistogram().quantile(0.5) == 0)
    }
}

/// Resumes a continuation once.
final class Once: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>?) {
        self.continuation = Mutex(continuation)
    }

    func resume() {
        continuation.withLock { $0.take() }?.resume()
    }
}
