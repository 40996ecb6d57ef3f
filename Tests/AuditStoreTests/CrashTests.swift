import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Testing

@Suite struct CrashTests {
    /// What a run was told is durable: each session's highest sequence.
    private struct Acknowledged {
        var entries: [RecordID: UInt64] = [:]
        var isComplete = false
    }

    /// Two sessions, some rolls of the segment, a tidy end; stops at the first error.
    private func work(_ storage: SimulatedStorage) async throws -> Acknowledged {
        var acknowledged = Acknowledged()
        let folder = try Folder()
        guard let store = try? openStore(folder, storage, segmentSize: 4096) else { return acknowledged }
        defer { store.close() }
        do {
            for round in 0..<2 {
                let context = newContext()
                let recorder = try store.makeRecorder(context)
                var position = try recorder.append(EntryDraft(.sessionOpen))
                for number in 1...5 {
                    position = try recorder.command(UInt64(number), "SELECT \(number)")
                    if round == 1 { try store.writeNow() }
                    if number % 2 == 0 { store.syncAlone() }
                    try await store.durable(position)
                    acknowledged.entries[context.session] = UInt64(number) * 2 - 1
                    try recorder.answer(UInt64(number), [UInt8](repeating: 65, count: 300))
                    position = try recorder.outcome(UInt64(number))
                    try await store.durable(position)
                    acknowledged.entries[context.session] = UInt64(number) * 2
                }
                try await store.durable(recorder.close())
                acknowledged.entries[context.session] = 11
            }
            acknowledged.isComplete = true
        } catch is GatewayError {}
        return acknowledged
    }

    private func check(_ acknowledged: Acknowledged, _ disk: SimulatedStorage, _ label: String) async throws {
        let folder = try Folder()
        let store: AuditStore
        do { store = try openStore(folder, disk, segmentSize: 4096) } catch {
            Issue.record("\(label): does not open: \(error)")
            return
        }
        let archive = try #require(store.archive)
        for (session, sequence) in acknowledged.entries {
            let entries = try archive.entries(of: session, from: 0, limit: 100)
            #expect(entries.count > sequence, "\(label): \(entries.count) entries, \(sequence + 1) were acknowledged")
            for entry in entries.prefix(Int(sequence) + 1) {
                let leaf = try Leaf(entry.leaf)
                #expect(
                    entry.content.count == leaf.commitments.count,
                    "\(label): content of \(leaf.type?.rawValue ?? "") is lost")
                if leaf.type == .commandOutcome, let commitment = leaf.commitments.first, let item = entry.content.first
                {
                    let answer = try archive.chunks(of: session, exchange: leaf.exchange ?? 0, .answer, limit: 1000)
                        .bytes
                    #expect(Commitment(kind: .answer, salt: item.salt, content: answer) == commitment, "\(label)")
                }
            }
        }
        try await store.durable(store.appendSystem(EntryDraft(.gatewayStarted)))
        store.close()
        let end = store.progress.synced
        #expect(try LogCheck.run(disk) { _, _ in } <= end, "\(label)")
    }

    @Test func nothingAcknowledgedIsLostWhereverTheMachineStops() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Seeded(state: seed)
        let dry = SimulatedStorage()
        let whole = try await work(dry)
        #expect(whole.isComplete)
        let total = dry.calls
        #expect(total > 60)
        print("figure: \(total) storage calls, seed \(seed)")
        for at in 1...total {
            let storage = SimulatedStorage(fault: .init(at: at, number: 5, isCrash: true))
            let acknowledged = try await work(storage)
            try await check(acknowledged, storage.rebooted(), "crash at \(at)")
            try await check(
                acknowledged, storage.rebooted { Bool.random(using: &random) },
                "crash at \(at), sectors kept at random, seed \(seed)")
        }
    }

    @Test(arguments: [Int32(5), 28]) func nothingAcknowledgedIsLostWhicheverCallFails(_ number: Int32) async throws {
        let dry = SimulatedStorage()
        _ = try await work(dry)
        for at in 1...dry.calls {
            let storage = SimulatedStorage(fault: .init(at: at, number: number, isCrash: false))
            let acknowledged = try await work(storage)
            try await check(acknowledged, storage.rebooted(), "call \(at) failed with \(number)")
        }
    }

    /// A log of ten synced entries whose last batch is the last thing written.
    private func log() async throws -> (disk: SimulatedStorage, ends: [LogPosition]) {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, segmentSize: 64 << 10, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        for _ in 0..<10 { try await store.durable(recorder.append(EntryDraft(.commandAllowed, exchange: 1))) }
        let disk = storage.rebooted()
        var ends: [LogPosition] = []
        try LogCheck.run(disk) { _, end in ends.append(end) }
        store.close()
        #expect(ends.count == 10)
        return (disk, ends)
    }

    private static let segment = "wal/0000000000000001.seg"
    private static let header = 64

    @Test func aTornTailIsCutWhereverItTears() async throws {
        let (disk, ends) = try await log()
        let start = Self.header + Int(ends[8].offset)
        let end = Self.header + Int(ends[9].offset)
        for cut in start..<end {
            let torn = disk.copied()
            torn.edit(Self.segment) { bytes in for index in cut..<bytes.count { bytes[index] = 0 } }
            let store = try openStore(Folder(), torn, segmentSize: 64 << 10, keepsIndex: false)
            try await store.durable(store.appendSystem(EntryDraft(.gatewayStarted)))
            store.close()
            var count = 0
            try LogCheck.run(torn) { _, _ in count += 1 }
            #expect(count == 10, "cut at \(cut): nine entries and the new one, not \(count)")
        }
    }

    @Test func aTornTailOfShortFileIsCut() async throws {
        let (disk, ends) = try await log()
        for cut in stride(from: Self.header + Int(ends[8].offset), to: Self.header + Int(ends[9].offset), by: 7) {
            let torn = disk.copied()
            torn.edit(Self.segment) { $0.removeLast($0.count - cut) }
            let store = try openStore(Folder(), torn, segmentSize: 64 << 10, keepsIndex: false)
            store.close()
        }
    }

    @Test func damageInTheMiddleStopsTheStart() async throws {
        let (disk, ends) = try await log()
        for byte in 0..<Int(ends[4].offset) {
            let damaged = disk.copied()
            damaged.edit(Self.segment) { $0[Self.header + byte] ^= 1 << UInt8(byte % 8) }
            do {
                let store = try openStore(Folder(), damaged, segmentSize: 64 << 10, keepsIndex: false)
                store.close()
                Issue.record("a flipped bit at \(byte) went unseen")
            } catch let error as GatewayError {
                #expect(error.code == .logCorrupt)
                #expect(error.message.contains(Self.segment), "\(error.message)")
                #expect(error.message.contains("byte "), "\(error.message)")
            }
        }
    }

    @Test func aDamagedHeaderStopsTheStart() async throws {
        let (disk, _) = try await log()
        for byte in [0, 8, 16, 24, 40, 60] {
            let damaged = disk.copied()
            damaged.edit(Self.segment) { $0[byte] ^= 1 }
            #expect(throws: GatewayError.self, "byte \(byte)") {
                try openStore(Folder(), damaged, segmentSize: 64 << 10, keepsIndex: false)
            }
        }
    }

    @Test func aMissingSegmentStopsTheStart() async throws {
        let storage = SimulatedStorage()
        let store = try openStore(Folder(), storage, segmentSize: 4096, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        for number in 1...60 { try await store.durable(recorder.command(UInt64(number), "SELECT 1")) }
        let disk = storage.rebooted()
        store.close()
        let names = disk.paths.filter { $0.hasPrefix("wal/") }
        #expect(names.count > 4)
        for name in [names[0], names[2]] {
            let damaged = disk.copied()
            try damaged.remove(name)
            #expect(throws: GatewayError.self, "\(name)") {
                try openStore(Folder(), damaged, segmentSize: 4096, keepsIndex: false)
            }
        }
    }

    @Test func aLogShorterThanItsIndexStopsTheStart() async throws {
        let (first, second) = (SimulatedStorage(), SimulatedStorage())
        let folder = try Folder()
        let store = try openStore(folder, first)
        try await store.durable(store.appendSystem(EntryDraft(.gatewayStarted)))
        store.close()
        #expect(throws: GatewayError.self) { try openStore(folder, second) }
    }
}
