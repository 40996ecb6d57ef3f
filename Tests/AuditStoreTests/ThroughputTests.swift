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
                            try await store.durable(
                                recorder.command(number, "SELECT abalance FROM pgbench_accounts WHERE aid = 1"))
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

    @Test func filingKeepsUp() async throws {
        let folder = try Folder()
        var store = try openStore(folder, keepsIndex: false)
        let exchanges = 10_000
        for _ in 0..<10 {
            let recorder = try store.makeRecorder(newContext())
            try recorder.append(EntryDraft(.sessionOpen))
            for number in 1...UInt64(exchanges / 10) {
                try recorder.command(number, "SELECT abalance FROM pgbench_accounts WHERE aid = 1")
                try recorder.answer(number, [UInt8](repeating: 1, count: 100))
                try recorder.outcome(number)
            }
            _ = try recorder.close()
        }
        try await store.durable(store.appendSystem(EntryDraft(.gatewayStopped)))
        store.close()
        // Opening files what the index lacks: here, all.
        let time = try ContinuousClock().measure { store = try openStore(folder) }
        defer { store.close() }
        print("figure: filing one exchange (2 entries, 1 chunk) takes \(time / exchanges)")
        let sessions = try #require(store.archive).sessions(SessionQuery(limit: 100))
        #expect(sessions.map(\.commands) == Array(repeating: exchanges / 10, count: 10))
        #expect(time / exchanges < .milliseconds(5))
    }

    @Test func anIdleRecorderIsSmall() throws {
        let store = try openStore(Folder(), SimulatedStorage(), keepsIndex: false)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.command(1, String(repeating: "x", count: 1 << 20))
        #expect(recorder.retainedCapacity <= 4096)
        try recorder.answer(1, [UInt8](repeating: 1, count: 1 << 20))
        #expect(recorder.retainedCapacity <= 4096)
        try recorder.outcome(1)
        #expect(recorder.retainedCapacity <= 4096)
    }
}
