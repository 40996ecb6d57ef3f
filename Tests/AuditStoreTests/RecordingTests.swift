import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

/// Waits, at most ten seconds, until `condition` holds.
func eventually(_ what: String, _ condition: () throws -> Bool) async throws {
    for _ in 0..<2000 {
        if try condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("never: \(what)")
}

/// What a session was made to say: text and answer of each exchange.
struct Said {
    var context: SessionContext
    var texts: [[UInt8]] = []
    var answers: [[UInt8]] = []
}

@Suite struct RecordingTests {
    /// Exchanges of several sessions, mixed at random.
    private func work(
        _ store: AuditStore, _ random: inout Seeded, sessions: Int, exchanges: Int, largest: Int, closing: Bool = true
    ) throws -> [Said] {
        var said = (0..<sessions).map { _ in Said(context: newContext()) }
        let recorders = try said.map { try store.makeRecorder($0.context) }
        for recorder in recorders { try recorder.append(EntryDraft(.sessionOpen)) }
        for _ in 0..<sessions * exchanges {
            let index = Int.random(in: 0..<sessions, using: &random)
            let number = UInt64(said[index].texts.count + 1)
            let text = Array("SELECT \(random.next())".utf8)
            var draft = EntryDraft(.commandAllowed, exchange: number)
            draft.content = [ContentItem(.text, text)]
            try recorders[index].append(draft)
            var answer: [UInt8] = []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let chunk = (0..<Int.random(in: 1...largest, using: &random)).map { _ in
                    UInt8(truncatingIfNeeded: random.next())
                }
                answer += chunk
                try recorders[index].answer(number, chunk)
            }
            try recorders[index].outcome(number)
            said[index].texts.append(text)
            said[index].answers.append(answer)
        }
        if closing { for recorder in recorders { _ = try recorder.close() } }
        return said
    }

    private func check(_ said: [Said], _ archive: AuditArchive, _ label: String) throws {
        for one in said {
            let session = one.context.session
            let entries = try archive.entries(of: session, from: 0, limit: 10_000)
            let leaves = try entries.map { try Leaf($0.leaf) }
            #expect(leaves.map(\.sequence) == (0..<UInt64(entries.count)).map { $0 }, "\(label)")
            let texts = zip(entries, leaves).filter { $0.1.type == .commandAllowed }.map { $0.0.content.first?.bytes }
            #expect(texts == one.texts, "\(label)")
            for (index, answer) in one.answers.enumerated() {
                let found = try archive.chunks(
                    of: session, exchange: UInt64(index + 1), .answer, limit: answer.count + 1)
                #expect(found.bytes == answer, "\(label): exchange \(index + 1)")
            }
            for from in [UInt64(1), UInt64(entries.count / 2), UInt64(entries.count)] {
                let page = try archive.entries(of: session, from: from, limit: 3)
                #expect(page.map(\.leaf) == entries.dropFirst(Int(from)).prefix(3).map(\.leaf), "\(label) from \(from)")
            }
        }
    }

    private func segments(_ folder: Folder) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/wal").filter { $0.hasSuffix(".seg") }.count
    }

    @Test func fullSegmentsBecomeRecordingsAndGo() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let folder = try Folder()
        var store = try openStore(folder, segmentSize: 128 << 10)
        let said = try work(store, &random, sessions: 7, exchanges: 30, largest: 9000)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        try check(said, try #require(store.archive), "at once, seed \(seed)")
        try await eventually("the full segments are gone") { try segments(folder) <= 3 }
        try check(said, try #require(store.archive), "after filing, seed \(seed)")
        store.close()
        #expect(try segments(folder) <= 2)
        try check(said, AuditArchive.open(directory: folder.path, vaultKey: vaultKey), "offline, seed \(seed)")
        // And from the recordings alone.
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/index.sqlite" + suffix)
        }
        store = try openStore(folder, segmentSize: 128 << 10)
        try check(said, try #require(store.archive), "index made again, seed \(seed)")
        let more = try work(store, &random, sessions: 3, exchanges: 60, largest: 9000)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        try await eventually("caught up") {
            try more.allSatisfy { try store.archive?.session($0.context.session)?.closed != nil }
        }
        try check(said + more, try #require(store.archive), "gone on, seed \(seed)")
        store.close()
    }

    /// Whoever follows a running session gets each entry once, in order, while segments are filed under him.
    @Test func aLiveTailHasNoGapAndNoDouble() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 64 << 10)
        defer { store.close() }
        let context = newContext()
        let archive = try #require(store.archive)
        let total = 3000
        let isDone = Mutex(false)
        let reading = Task.detached {
            var next: UInt64 = 0
            var faults: [String] = []
            var filed = 0
            while true {
                let wasDone = isDone.withLock { $0 }
                let page = try archive.entries(of: context.session, from: next, limit: 64)
                for entry in page {
                    let leaf = try Leaf(entry.leaf)
                    if leaf.sequence != next { faults.append("\(next): \(leaf.sequence ?? 0)") }
                    if leaf.type == .commandAllowed, entry.content.first?.bytes != Array("SELECT \(next)".utf8) {
                        faults.append("content of \(next)")
                    }
                    if leaf.type == .commandOutcome {
                        let chunk = try archive.chunks(
                            of: context.session, exchange: leaf.exchange ?? 0, .answer, limit: 1000)
                        if chunk.bytes.count != 300 { faults.append("answer \(next): \(chunk.bytes.count)") }
                        filed += 1
                    }
                    next += 1
                }
                if page.isEmpty {
                    if wasDone, next == UInt64(total * 2) { break }
                    try await Task.sleep(for: .milliseconds(1))
                }
                if faults.count > 5 { break }
            }
            return faults
        }
        let recorder = try store.makeRecorder(context)
        for number in 0..<total {
            try recorder.command(UInt64(number + 1), "SELECT \(number * 2)")
            try recorder.answer(UInt64(number + 1), [UInt8](repeating: 65, count: 300))
            try recorder.outcome(UInt64(number + 1))
            if number % 20 == 0 { try await store.durable(store.appendSystem(EntryDraft(.policyLoaded))) }
        }
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        isDone.withLock { $0 = true }
        #expect(try await reading.value == [], "seed \(seed)")
        try await eventually("segments are filed") { try segments(folder) <= 3 }
    }

    @Test func thousandsOfShortSessionsInOneSegment() async throws {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 1 << 20)
        defer { store.close() }
        var said: [Said] = []
        for number in 0..<1500 {
            let context = newContext()
            let recorder = try store.makeRecorder(context)
            try recorder.append(EntryDraft(.sessionOpen))
            if number % 3 > 0 { try recorder.command(1, "SELECT \(number)") }
            _ = try recorder.close()
            said.append(Said(context: context, texts: number % 3 > 0 ? [Array("SELECT \(number)".utf8)] : []))
        }
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        try await eventually("filed") { try segments(folder) <= 2 }
        try check(said, try #require(store.archive), "short sessions")
    }
}
