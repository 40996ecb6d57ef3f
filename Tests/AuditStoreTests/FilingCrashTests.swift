import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Testing

/// The filer's own writes: at each of them the machine stops, or the call fails. The index lies on the real disk, so it is
/// either as far as the filer came, or gone.
@Suite struct FilingCrashTests {
    private struct Said {
        var session: RecordID
        var texts: [String] = []
        var isClosed = false
    }

    /// Four sessions over some segments; ends when everything is filed, or filing or the log has failed.
    private func work(_ folder: Folder, _ storage: SimulatedStorage) async throws -> [Said] {
        guard let store = try? openStore(folder, storage, segmentSize: 4096) else { return [] }
        defer { store.close() }
        var said: [Said] = []
        for round in 0..<4 {
            var one = Said(session: RecordID(high: 0, low: 0))
            do {
                let context = newContext()
                one.session = context.session
                let recorder = try store.makeRecorder(context)
                try recorder.append(EntryDraft(.sessionOpen))
                for number in 1...3 {
                    let text = "SELECT \(round), \(number)"
                    try recorder.command(UInt64(number), text)
                    try recorder.answer(UInt64(number), [UInt8](repeating: 65, count: 700))
                    try await store.durable(recorder.outcome(UInt64(number)))
                    one.texts.append(text)
                }
                if round % 2 == 0 {
                    try await store.durable(recorder.close())
                    one.isClosed = true
                }
                said.append(one)
            } catch {
                said.append(one)
                return said
            }
        }
        for _ in 0..<400 {
            let left = storage.paths.filter { $0.hasPrefix("wal/") && $0.hasSuffix(".seg") }.count
            if left <= 2 || store.indexProblem != nil || store.failure != nil { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        return said
    }

    private func check(_ said: [Said], _ folder: Folder, _ disk: SimulatedStorage, _ label: String) async throws {
        let store: AuditStore
        do { store = try openStore(folder, disk, segmentSize: 4096) } catch {
            Issue.record("\(label): does not open: \(error)")
            return
        }
        let archive = try #require(store.archive)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        for look in ["at once", "later"] {
            for one in said where !one.texts.isEmpty {
                do {
                    let entries = try archive.entries(of: one.session, from: 0, limit: 100)
                    let leaves = try entries.map { try Leaf($0.leaf) }
                    #expect(leaves.map(\.sequence) == (0..<UInt64(entries.count)).map { $0 }, "\(label) \(look)")
                    let texts = zip(leaves, entries).filter { $0.0.type == .commandAllowed }.map {
                        String(decoding: $0.1.content.first?.bytes ?? [], as: UTF8.self)
                    }
                    #expect(Array(texts.prefix(one.texts.count)) == one.texts, "\(label) \(look)")
                    for number in one.texts.indices {
                        let answer = try archive.chunks(
                            of: one.session, exchange: UInt64(number + 1), .answer, limit: 1000)
                        #expect(answer.bytes.count == 700, "\(label) \(look)")
                    }
                } catch {
                    Issue.record("\(label) \(look): \(error)")
                }
            }
            // The second look comes when the filer has done it all again.
            for _ in 0..<400 {
                let left = disk.paths.filter { $0.hasPrefix("wal/") && $0.hasSuffix(".seg") }.count
                if left <= 3 || store.indexProblem != nil { break }
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(store.indexProblem == nil, "\(label) \(look)")
        }
        store.close()
    }

    @Test func nothingIsLostWhereverTheMachineStops() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let dry = SimulatedStorage()
        _ = try await work(Folder(), dry)
        let total = dry.calls
        #expect(dry.paths.contains { $0.hasPrefix("recordings/") })
        for at in stride(from: 1, through: total, by: 1) {
            let (folder, storage) = (try Folder(), SimulatedStorage(fault: .init(at: at, number: 5, isCrash: true)))
            let said = try await work(folder, storage)
            // The index as it was, and one that has to be made again from what is left.
            try await check(
                said, folder, storage.rebooted { Bool.random(using: &random) }, "crash at \(at), seed \(seed)")
            try await check(said, Folder(), storage.rebooted(), "crash at \(at), index lost, seed \(seed)")
        }
    }

    @Test(arguments: [Int32(5), 28]) func nothingIsLostWhicheverCallFails(_ number: Int32) async throws {
        let dry = SimulatedStorage()
        _ = try await work(Folder(), dry)
        for at in 1...dry.calls {
            let (folder, storage) = (
                try Folder(), SimulatedStorage(fault: .init(at: at, number: number, isCrash: false))
            )
            let said = try await work(folder, storage)
            try await check(said, folder, storage.rebooted(), "call \(at) failed with \(number)")
        }
    }
}
