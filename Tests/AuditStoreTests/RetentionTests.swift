import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Synchronization
import Testing

@Suite struct RetentionTests {
    private static let day: Int64 = 86_400

    /// A clock that goes on by itself, from wherever it is put.
    private final class Clock: Sendable {
        private let ahead = Mutex<Int64>(0)

        @Sendable func now() -> Timestamp { wallClock().advanced(bySeconds: ahead.withLock { $0 }) }
        func pass(days: Int64) { ahead.withLock { $0 += days * RetentionTests.day } }
    }

    private func open(
        _ folder: Folder, _ clock: Clock, _ storage: (any LogStorage)? = nil
    ) throws(GatewayError) -> AuditStore {
        try AuditStore.open(
            directory: folder.path,
            options: StoreOptions(vaultKey: vaultKey, segmentSize: 16 << 10, watermark: 1 << 20), storage: storage,
            now: clock.now)
    }

    /// A session of some 20 KiB that does not pack; `closing: false` leaves it open.
    private func session(
        _ store: AuditStore, _ clock: Clock, _ connection: String = "orders", canary: String = "", closing: Bool = true
    ) async throws -> RecordID {
        var context = newContext(connection: connection)
        context.session = RecordID(at: clock.now())
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        for number in 1...4 {
            try recorder.command(UInt64(number), "SELECT \(number), '\(canary)'")
            try recorder.answer(UInt64(number), (0..<5000).map { _ in UInt8.random(in: 0...255) })
            try recorder.outcome(UInt64(number))
        }
        if closing { _ = try recorder.close() }
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        return context.session
    }

    private func known(_ store: AuditStore) async throws -> Set<RecordID> {
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        return Set(try archive.sessions(SessionQuery(limit: 1000)).map(\.context.session))
    }

    private func isFiled(_ folder: Folder, _ session: RecordID) -> Bool {
        let path = "\(folder.path)/recordings/\(session.description.suffix(2))/\(session).rec"
        return FileManager.default.fileExists(atPath: path)
    }

    private func rule(
        _ connections: Set<String>? = nil, days: Int64? = nil, size: UInt64? = nil, name: String = "retention[0]"
    ) -> RetentionRule {
        RetentionRule(name: name, connections: connections, age: days.map { $0 * Self.day }, size: size)
    }

    @Test func whatEndedTooLongAgoIsErasedWithAnEntryThatNamesTheRule() async throws {
        let (folder, clock) = (try Folder(), Clock())
        let store = try open(folder, clock)
        defer { store.close() }
        let old = try await session(store, clock)
        let running = try await session(store, clock, closing: false)
        clock.pass(days: 3)
        let young = try await session(store, clock)
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        #expect(try archive.due([rule(days: 4)], at: clock.now()).isEmpty)
        #expect(try archive.due([rule(days: 2)], at: clock.now()).map(\.session.context.session) == [old])
        // To look is not to erase.
        #expect(try await known(store) == [old, running, young])

        let round = try await store.retain([rule(days: 2)])
        #expect(round.erased.map(\.session.context.session) == [old] && !round.isFull)
        #expect(try await known(store) == [running, young])
        #expect(!isFiled(folder, old))
        let entries = try archive.gatewaySessions().flatMap { try archive.entries(of: $0, from: 0, limit: 1000) }
        let leaf = try #require(try entries.map { try Leaf($0.leaf) }.first { $0.type == .erased })
        #expect(leaf["subject_session"]?.string == old.description)
        #expect(leaf["reason"]?.string == "retention" && leaf["connection"]?.string == "orders")
        #expect(leaf["rules"]?.list?.compactMap(\.string) == ["retention[0]"])
        #expect(leaf["details"]?["because"]?.string == "age")
        #expect(leaf["details"]?["age_seconds"]?.string == String(2 * Self.day))
        #expect(try await store.retain([rule(days: 2)]).erased.isEmpty)
    }

    @Test func theOldestGoUntilAConnectionsRecordingsHaveTheSize() async throws {
        let (folder, clock) = (try Folder(), Clock())
        let store = try open(folder, clock)
        defer { store.close() }
        var sessions: [RecordID] = []
        for _ in 0..<6 { sessions.append(try await session(store, clock)) }
        let other = try await session(store, clock, "billing")
        for _ in 0..<3 { _ = try await session(store, clock, "noise") }
        try await eventually("all are filed") { (sessions + [other]).allSatisfy { isFiled(folder, $0) } }
        let archive = try #require(store.archive)
        try await eventually("the index knows it") {
            (try? archive.due([rule(["orders"], size: 1)], at: clock.now()).count) == 6
        }
        let all = try archive.due([rule(["orders"], size: 1)], at: clock.now())
        #expect(all.allSatisfy { $0.bytes > 20_000 && $0.cause == .size })
        let keep = all.suffix(2).reduce(0) { $0 + $1.bytes }
        // To the byte: what has the size exactly is kept.
        #expect(try archive.due([rule(["orders"], size: keep)], at: clock.now()).count == 4)
        #expect(try archive.due([rule(["orders"], size: keep - 1)], at: clock.now()).count == 5)
        // Bounded, and done in rounds.
        let first = try await store.retain([rule(["orders"], size: keep)], limit: 3)
        #expect(first.erased.map(\.session.context.session) == Array(sessions[..<3]) && first.isFull)
        let second = try await store.retain([rule(["orders"], size: keep)], limit: 3)
        #expect(second.erased.map(\.session.context.session) == [sessions[3]] && !second.isFull)
        let left = try await known(store)
        #expect(left.isSuperset(of: [sessions[4], sessions[5], other]) && left.isDisjoint(with: sessions[..<4]))
    }

    @Test func theFirstRuleThatNamesAConnectionCounts() async throws {
        let (folder, clock) = (try Folder(), Clock())
        let store = try open(folder, clock)
        defer { store.close() }
        let (one, two, three) = (
            try await session(store, clock, "one"), try await session(store, clock, "two"),
            try await session(store, clock, "three")
        )
        clock.pass(days: 10)
        _ = try await known(store)
        let rules = [
            rule(["one"], days: 20, name: "a"), rule(["two"], days: 5, name: "b"), rule(days: 8, name: "c"),
        ]
        let round = try await store.retain(rules)
        #expect(Set(round.erased.map(\.session.context.session)) == [two, three])
        #expect(Set(round.erased.map(\.rule.name)) == ["b", "c"])
        #expect(try await known(store) == [one])
    }

    /// What a record that is damaged still holds may be evidence.
    @Test func nothingIsErasedOnceTheLogHasFailed() async throws {
        let (folder, clock, storage) = (try Folder(), Clock(), SimulatedStorage())
        let store = try open(folder, clock, storage)
        let old = try await session(store, clock)
        clock.pass(days: 3)
        storage.state.withLock {
            $0.fault = .init(at: 0, call: .sync, path: "wal/", number: 5, isCrash: false)
        }
        _ = try? await store.appendSystemDurably(EntryDraft(.policyLoaded))
        #expect(store.failure != nil)
        await #expect(throws: GatewayError.self) { try await store.retain([rule(days: 1)]) }
        #expect(try store.archive?.session(old) != nil)
        store.close()
    }

    /// At each call of a round of retention the machine stops, or the call fails: after the next start, with the index as it
    /// was or made again, a session is either whole or erased, and one that an entry calls erased is gone.
    @Test(arguments: [true, false]) func aRoundThatIsCutShortIsCompleted(_ isCrash: Bool) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let canary = "canary-\(seed)"
        let (made, clock, disk) = (try Folder(), Clock(), SimulatedStorage())
        let store = try open(made, clock, disk)
        var doomed: [RecordID] = []
        for _ in 0..<3 { doomed.append(try await session(store, clock, canary: canary)) }
        clock.pass(days: 3)
        let young = try await session(store, clock)
        try await eventually("the old ones are filed") {
            doomed.allSatisfy { id in disk.paths.contains { $0.hasSuffix("\(id).rec") } }
        }
        _ = try await known(store)
        store.close()

        func round(_ fault: SimulatedStorage.Fault?) async throws -> (Folder, SimulatedStorage) {
            let folder = try Folder()
            for name in try FileManager.default.contentsOfDirectory(atPath: made.path) {
                try FileManager.default.copyItem(
                    atPath: made.path + "/" + name, toPath: folder.path + "/" + name)
            }
            let storage = disk.copied()
            let store = try open(folder, clock, storage)
            _ = try await known(store)
            if let fault {
                storage.state.withLock { state in
                    var fault = fault
                    fault.at += state.calls
                    state.fault = fault
                }
            }
            let before = storage.calls
            _ = try? await store.retain([rule(days: 2)])
            if fault == nil { total = storage.calls - before }
            store.close()
            return (folder, storage)
        }
        var total = 0
        _ = try await round(nil)
        #expect(total > 8)
        for at in 1...total {
            let (folder, storage) = try await round(.init(at: at, number: 5, isCrash: isCrash))
            let label = "call \(at) of \(total), seed \(seed)"
            let again = storage.rebooted { isCrash && Bool.random(using: &random) }
            for place in [folder, try Folder()] {
                let store = try open(place, clock, again.copied())
                let left = try await known(store)
                #expect(left.contains(young), "\(label)")
                let archive = try #require(store.archive)
                let erased = Set(
                    try archive.gatewaySessions().flatMap { try archive.entries(of: $0, from: 0, limit: 1000) }
                        .compactMap { entry in
                            let leaf = try Leaf(entry.leaf)
                            return leaf.type == .erased
                                ? leaf["subject_session"]?.string.flatMap { RecordID($0) } : nil
                        })
                #expect(left.isDisjoint(with: erased), "\(label)")
                for id in doomed where !erased.contains(id) {
                    #expect(try archive.entries(of: id, from: 0, limit: 100).count == 10, "\(label)")
                }
                // The rest goes with the next round.
                _ = try await store.retain([rule(days: 2)])
                #expect(try await known(store) == [young], "\(label)")
                store.close()
                for name in try FileManager.default.contentsOfDirectory(atPath: place.path) {
                    let data = FileManager.default.contents(atPath: place.path + "/" + name) ?? Data()
                    #expect(data.range(of: Data(canary.utf8)) == nil, "\(label): \(name)")
                }
            }
        }
    }
}
