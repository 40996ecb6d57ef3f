import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Glibc
import Testing

@Suite(.serialized) struct ThroughputTests {
    /// `count` clients at once, each waiting for its command's and its outcome's sync.
    private func run(clients: Int, exchanges: Int) async throws -> (store: StoreCounters, time: Duration) {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 16 << 20, keepsIndex: false)
        defer { store.close() }
        let time = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<clients {
                    group.addTask {
                        let recorder = try store.makeRecorder(newContext())
                        for number in 1...UInt64(exchanges) {
                            try await store.durable(recorder.command(number, "SELECT abalance FROM pgbench_accounts WHERE aid = 1"))
                            try recorder.answer(number, [UInt8](repeating: 1, count: 100))
                            try await store.durable(recorder.outcome(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        return (store.counters, time)
    }

    private static func threadTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    @Test func syncsAreShared() async throws {
        for clients in [1, 2, 16] {
            let exchanges = 2000 / clients
            let (counters, time) = try await run(clients: clients, exchanges: exchanges)
            let total = Double(clients * exchanges)
            let each = Double(counters.syncs) / total
            print(
                "figure: \(clients) clients: \(Int(total / (time / .seconds(1)))) exchanges/s, \(each) syncs per exchange,",
                "sync p50 \(counters.syncLatency.quantile(0.5) / 1000) us p99 \(counters.syncLatency.quantile(0.99) / 1000) us,",
                "largest batch \(counters.largestBatch), \(Int(Double(counters.bytes) / total)) bytes per exchange")
            if clients == 1 { #expect(each <= 2.1) }
            if clients == 16 { #expect(each <= 0.4) }
        }
    }

    @Test func recordingCosts() throws {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 64 << 20, keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        let rounds = 10_000
        let answer = [UInt8](repeating: 1, count: 100)
        let begin = Self.threadTime()
        for number in 1...UInt64(rounds) {
            try recorder.command(number, "SELECT abalance FROM pgbench_accounts WHERE aid = 1")
            try recorder.answer(number, answer)
            try recorder.outcome(number)
        }
        let time = Duration.nanoseconds(Self.threadTime() - begin)
        print("figure: recording one exchange (2 entries, 1 chunk) costs its loop \(time / rounds) of processor time")
        #expect(time / rounds < .milliseconds(1))
    }

    @Test func anIdleRecorderIsSmall() throws {
        let folder = try Folder()
        let store = try openStore(folder, keepsIndex: false)
        defer { store.close() }
        var recorders: [SessionRecorder] = []
        recorders.reserveCapacity(2000)
        // Resident pages of the whole process: coarse, but nothing escapes it.
        func used() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .ascii).split(separator: " ")
            return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
        }
        let before = try used()
        for number in 0..<2000 {
            let recorder = try store.makeRecorder(newContext())
            try recorder.append(EntryDraft(.sessionOpen))
            try recorder.command(1, "SELECT \(number)")
            try recorder.answer(1, [UInt8](repeating: 1, count: 8000))
            try recorder.outcome(1)
            recorders.append(recorder)
            if number % 20 == 0 { try store.writeNow() }
        }
        let each = (try used() - before) / recorders.count
        print("figure: an idle recorder holds \(each) bytes")
        #expect(each < 8192)
    }
}
