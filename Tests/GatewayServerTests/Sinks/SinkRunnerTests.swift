import AuditLedger
import AuditStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity
import Logging
import Synchronization
import Testing

/// A receiver that fails as told and says when something arrived.
private final class Receiver: SinkSender {
    struct State {
        var batches: [SinkBatch] = []
        var prepared = 0
        /// What the next attempts end with; nil for taken.
        var plan: [SinkFailure?] = []
        /// Nothing is taken while it is set.
        var isDown = false
        var attempts = 0
        var largest: Int?
        var waiters: [(least: Int, CheckedContinuation<Void, Never>)] = []
    }

    let state = Mutex(State())

    func prepare(_ cursor: SinkCursor) async throws -> SinkCursor? {
        state.withLock { $0.prepared += 1 }
        return nil
    }

    func send(_ batch: SinkBatch, after cursor: SinkCursor) async throws -> SinkCursor {
        let (failure, woken) = state.withLock { state -> (SinkFailure?, [CheckedContinuation<Void, Never>]) in
            state.attempts += 1
            let planned = state.plan.isEmpty ? nil : state.plan.removeFirst()
            var failure = state.isDown ? SinkFailure("down") : planned
            if let largest = state.largest, batch.lines.count > largest { failure = .init("413", isTooLarge: true) }
            if failure == nil { state.batches.append(batch) }
            let count = state.attempts
            let ready = state.waiters.filter { $0.least <= count }
            state.waiters.removeAll { $0.least <= count }
            return (failure, ready.map(\.1))
        }
        for one in woken { one.resume() }
        if let failure { throw failure }
        return SinkCursor(origin: batch.origin, next: batch.end)
    }

    func shutdown() async {}

    /// Returns after so many attempts.
    func attempts(_ least: Int) async {
        await withCheckedContinuation { continuation in
            let isNow = state.withLock { state in
                if state.attempts >= least { return true }
                state.waiters.append((least, continuation))
                return false
            }
            if isNow { continuation.resume() }
        }
    }

    var indices: [UInt64] { state.withLock { $0.batches.flatMap { $0.first..<$0.end } } }
}

/// Counts lines by level.
private final class Lines: Sendable {
    let all = Mutex<[(Logger.Level, String)]>([])

    func logger() -> Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.all.withLock { $0.append((event.level, "\(event.message) \(event.metadata ?? [:])")) }
        }
    }
}

@Suite("Sinks: one that runs") struct SinkRunnerTests {
    private struct Scene {
        let log: SmallLedger
        let receiver = Receiver()
        let lines = Lines()

        func runner(
            events: Int = 100, from start: SinkConfiguration.Start = .start, sender: (any SinkSender)? = nil
        ) -> SinkRunner {
            var https = HTTPSSinkConfiguration(url: "https://siem.example/secret-path?token=secret")
            https.events = events
            return SinkRunner(
                SinkConfiguration(name: "hook", format: .json, start: start, destination: .https(https)),
                source: log.source, cursors: SinkCursors(storage: log.disk), sender: sender ?? receiver,
                logger: lines.logger(), now: Timestamp.wall, wait: 0.005,
                backOff: BackOff(shortest: 0.001, longest: 0.004))
        }

        var cursor: SinkCursor? { get throws { try SinkCursors(storage: log.disk).load("hook") } }
    }

    @Test("Down while entries come, back again: each entry once, in order, one line of log each way")
    func outage() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 5))
        scene.receiver.state.withLock { $0.isDown = true }
        let runner = scene.runner(events: 100)
        runner.start()
        await scene.receiver.attempts(3)
        try await scene.log.append(700)
        let down = runner.status
        #expect(down.problem == "down" && down.lastError == "down" && down.lastErrorAt != nil && down.errors >= 2)
        #expect(down.pending == 705 && down.lagSeconds >= 0 && down.delivered == 0)
        #expect(try scene.cursor?.next == 0)
        let attempts = scene.receiver.state.withLock { state in
            state.isDown = false
            return state.attempts
        }
        await scene.receiver.attempts(attempts + 8)
        await runner.finish()
        #expect(scene.receiver.indices == Array(0..<705))
        #expect(try scene.cursor?.next == 705)
        let up = runner.status
        #expect(up.problem == nil && up.lastError == "down" && up.pending == 0 && up.delivered == 705)
        #expect(up.lagSeconds == 0)
        let said = scene.lines.all.withLock { $0 }
        #expect(said.map(\.0) == [.warning, .notice], "\(said)")
        #expect(!"\(said)".contains("secret") && up.target == "https://siem.example")
    }

    @Test("A new runner goes on where the last one was; `from: now` begins at the end and stays there")
    func restart() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 20))
        let first = scene.runner(from: .now)
        first.start()
        await first.finish()
        #expect(scene.receiver.indices.isEmpty)
        try await scene.log.append(5)
        let second = scene.runner(from: .now)
        second.start()
        await second.finish()
        #expect(scene.receiver.indices == Array(20..<25))
        try await scene.log.append(5)
        let third = scene.runner(from: .start)
        third.start()
        await third.finish()
        #expect(scene.receiver.indices == Array(20..<30))
    }

    @Test("The cursor cannot be written: the same entries again, none passed over")
    func cursorFails() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 10))
        let first = scene.runner()
        first.start()
        await first.finish()
        try await scene.log.append(10)
        let calls = scene.log.disk.calls
        scene.log.disk.state.withLock { state in
            state.fault = .init(at: calls, call: .rename, path: "sinks/", number: 28, isCrash: false)
        }
        let second = scene.runner()
        second.start()
        await scene.receiver.attempts(4)
        #expect(second.status.problem?.contains("cursor") == true)
        scene.log.disk.state.withLock { $0.fault = nil }
        let attempts = scene.receiver.state.withLock { $0.attempts }
        // The attempt under way may be the first to be noted: only one entry more makes another one sure.
        try await scene.log.append(1)
        await scene.receiver.attempts(attempts + 1)
        await second.finish()
        #expect(Set(scene.receiver.indices) == Set(0..<21))
        #expect(try scene.cursor?.next == 21)
    }

    @Test("Too large: half as many, until it fits; then as many as before")
    func tooLarge() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 40))
        scene.receiver.state.withLock { $0.largest = 5 }
        let runner = scene.runner(events: 32)
        runner.start()
        await runner.finish()
        #expect(scene.receiver.indices == Array(0..<40))
        #expect(runner.status.errors > 0 && runner.status.problem == nil)
    }

    @Test("A single entry that is refused stays, and is offered again")
    func poison() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 3))
        scene.receiver.state.withLock { $0.largest = 0 }
        let runner = scene.runner(events: 2)
        runner.start()
        await scene.receiver.attempts(5)
        #expect(try scene.cursor?.next == 0 && runner.status.pending == 3)
        let attempts = scene.receiver.state.withLock { state in
            state.largest = nil
            return state.attempts
        }
        await scene.receiver.attempts(attempts + 2)
        await runner.finish()
        #expect(scene.receiver.indices == [0, 1, 2])
    }

    @Test("A damaged cursor is an error that lasts; nothing is sent")
    func damagedCursor() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 3))
        try scene.log.disk.makeDirectory("sinks")
        try scene.log.disk.open("sinks/hook", create: true).write(Array("nonsense".utf8), at: 0)
        let runner = scene.runner()
        runner.start()
        while runner.status.errors < 2 { await Task.yield() }
        #expect(runner.status.problem?.contains("damaged") == true)
        #expect(scene.receiver.state.withLock { $0.attempts } == 0)
        await runner.finish()
        #expect(scene.lines.all.withLock { $0.count } == 1)
    }

    private final class Silent: SinkSender {
        let entered = AsyncStream<Void>.makeStream()

        func prepare(_ cursor: SinkCursor) async throws -> SinkCursor? { nil }

        func send(_ batch: SinkBatch, after cursor: SinkCursor) async throws -> SinkCursor {
            entered.continuation.yield()
            try await Task.sleep(for: .seconds(3600))
            return cursor
        }

        func shutdown() async {}
    }

    @Test("A receiver that never answers does not hold a stop up once it is cancelled")
    func hangs() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 3))
        let silent = Silent()
        let runner = scene.runner(sender: silent)
        runner.start()
        for await _ in silent.entered.stream { break }
        let stop = Task { await runner.finish() }
        stop.cancel()
        await stop.value
        #expect(try scene.cursor?.next == 0)
    }

    @Test("Into a file on a disk that dies at every call: after each restart each line is there once")
    func fileAndCursorTogether() async throws {
        let scene = Scene(log: try await SmallLedger(entries: 60))
        let limits = FileSinkConfiguration(path: "/logs/events.jsonl", size: 4000, keep: 1000)
        let dry = SimulatedStorage()
        // The file's disk fails at each of its calls in turn; the cursors lie on another.
        try await run(scene.log, limits, files: dry, cursors: SimulatedStorage())
        for at in 1...dry.calls {
            let (files, cursors) = (
                SimulatedStorage(fault: .init(at: at, call: nil, number: 5, isCrash: true)), SimulatedStorage()
            )
            try await run(scene.log, limits, files: files, cursors: cursors)
            let (after, known) = (files.rebooted(), cursors.rebooted())
            try await run(scene.log, limits, files: after, cursors: known)
            #expect(try Self.sequences(after) == Array(0..<60), "at \(at)")
        }
    }

    private func run(
        _ log: SmallLedger, _ file: FileSinkConfiguration, files: SimulatedStorage, cursors: SimulatedStorage
    ) async throws {
        let runner = SinkRunner(
            SinkConfiguration(name: "siem", format: .json, destination: .file(file)), source: log.source,
            cursors: SinkCursors(storage: cursors), sender: FileSink(file, storage: files), logger: Lines().logger(),
            now: Timestamp.wall, wait: 0.001, backOff: BackOff(shortest: 0.001, longest: 0.001))
        runner.start()
        await runner.finish()
    }

    private static func sequences(_ disk: SimulatedStorage) throws -> [UInt64] {
        let names = disk.paths.filter { $0.hasPrefix("events.jsonl") }
        let lines = names.flatMap { (disk.bytes(of: $0) ?? []).split(separator: 0x0A) }
        return try lines.map { try #require(try Leaf(Array($0)).sequence) }.sorted()
    }
}
