import AuditLedger
import AuditStore
import Crypto
import Foundation
import GRDB
import GatewayCore
import Testing

/// The check of a whole data folder: log, content, recordings and index against the tree.
@Suite struct RecordCheckTests {
    private func problem(_ check: LedgerCheck) throws -> LedgerProblem? {
        do {
            _ = try check.run()
            return nil
        } catch let problem as LedgerProblem {
            return problem
        }
    }

    @Test func aWholeFolderIsAccepted() async throws {
        let record = try await RecordedLedger()
        let summary = try record.check().run()
        #expect(summary.hasRecord)
        #expect(summary.sessions == 2)
        #expect(summary.openSessions == 1)
        #expect(summary.logEntries == summary.size)
        // Texts 8, answers 8 of which one is recorded in part, an error text.
        #expect(summary.contents == 16 && summary.partial == 1 && summary.erased == 0)
    }

    @Test func theSignersStateMustGoWithTheCheckpoint() async throws {
        let record = try await RecordedLedger()
        var check = try record.check()
        check.lastSigned = record.ledger.tree.head
        #expect(try problem(check) == nil)
        check.lastSigned = TreeHead(size: record.ledger.tree.size, root: MerkleTree.emptyRoot)
        #expect(try problem(check)?.kind == .signer)
        check.lastSigned = TreeHead(size: record.ledger.tree.size - 1, root: record.ledger.tree.root)
        #expect(try problem(check)?.kind == .signer)
        check.lastSigned = TreeHead(size: record.ledger.tree.size + 1, root: record.ledger.tree.root)
        #expect(try problem(check)?.kind == .signer)
    }

    /// After a crash the log may be ahead of the checkpoint, and files that were written ahead must be the log's.
    @Test func whatIsAheadOfTheCheckpointMustBeTheLogs() async throws {
        var record = try await RecordedLedger()
        let head = record.ledger.tree.head
        // Without an index nobody copies full segments, so that the log is still whole to be read here.
        let store = try openStore(record.folder, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext("clara"))
        try await store.durable(recorder.append(EntryDraft(.sessionOpen)))
        store.close()
        var leaves: [[UInt8]] = []
        try LogCheck.run(record.storage) { leaf, _ in leaves.append(leaf) }
        #expect(leaves.count > Int(head.size))
        var check = try record.check()
        check.lastSigned = head
        let summary = try check.run()
        #expect(summary.size == head.size && summary.uncovered > 0)

        for leaf in leaves.dropFirst(Int(head.size)) { try record.ledger.append(leaf) }
        try record.ledger.write()
        check.lastSigned = record.ledger.tree.head
        #expect(try problem(check) == nil)
        // The same width with another entry in it.
        let name = "tile/entries/000.p/\(record.ledger.tree.size)"
        var bytes = try record.ledger.get(name)
        bytes[bytes.count - 20] ^= 1
        try record.ledger.put(bytes, name)
        #expect(try problem(check)?.file == "ledger/" + name)
        bytes[bytes.count - 20] ^= 1
        try record.ledger.put(bytes, name)
        #expect(try problem(check) == nil)
        try record.ledger.put(bytes + bytes, "tile/entries/001")
        #expect(try problem(check)?.kind == .file)
    }

    @Test func theLogMustHoldTheTreesEntries() async throws {
        let record = try await RecordedLedger()
        var other = record.ledger
        var entries: [[UInt8]] = []
        try LogCheck.run(record.storage) { leaf, _ in entries.append(leaf) }
        // A tree that is whole in itself, of one entry more than the log has.
        let last = try Leaf(try #require(entries.last))
        #expect(last.session == record.open)
        var text = String(decoding: try #require(entries.last), as: UTF8.self)
        let sequence = try #require(last.sequence)
        text = text.replacing("\"seq\":\(sequence)", with: "\"seq\":\(sequence + 1)")
        try other.append(Array(text.utf8))
        try other.publish()
        var check = try record.check()
        check.archive = nil
        #expect(try problem(check)?.kind == .log)
        check = try record.check()
        check.hasLog = false
        #expect(try problem(check)?.session == record.open)
    }

    @Test(arguments: [
        ("UPDATE sessions SET commands = commands + 1 WHERE closed IS NOT NULL", LedgerProblem.Kind.index),
        ("UPDATE sessions SET closed = NULL WHERE kind <> 'gateway'", .index),
        ("DELETE FROM sessions WHERE closed IS NOT NULL AND kind <> 'gateway'", .index),
        ("DELETE FROM entries WHERE seq = 5", .recording),
        ("UPDATE entries SET position = (SELECT position FROM entries WHERE seq = 1) WHERE seq = 3", .recording),
        ("DELETE FROM chunks WHERE exchange = 2", .content),
    ])
    func theIndexMustBeTheTrees(sql: String, kind: LedgerProblem.Kind) async throws {
        let record = try await RecordedLedger()
        let pool = try DatabasePool(path: record.folder.path + "/index.sqlite")
        try await pool.write { try $0.execute(sql: sql) }
        try pool.close()
        let found = try problem(record.check())
        #expect(found?.kind == kind, "\(String(describing: found))")
    }

    /// A destroyed key is an erasure only with the entry that says so.
    @Test func aKeyThatNobodyErasedIsMissed() async throws {
        let record = try await RecordedLedger()
        let keys = try record.storage.open("keys/keys.log", create: false)
        let size = try keys.size()
        for slot in stride(from: UInt64(0), to: size, by: 80) {
            let whole = try keys.read(80, at: slot)
            guard whole.starts(with: withUnsafeBytes(of: record.closed.high.bigEndian) { Array($0) }),
                whole[8..<16].elementsEqual(withUnsafeBytes(of: record.closed.low.bigEndian) { Array($0) })
            else { continue }
            try keys.write([UInt8](repeating: 0, count: 80), at: slot)
        }
        let found = try problem(record.check())
        #expect(found?.kind == .content && found?.session == record.closed, "\(String(describing: found))")
    }

    /// One bit of the log at a time: what lies in a record that anything depends on is never passed over.
    @Test func noByteOfTheLogCanBeFlipped() async throws {
        let record = try await RecordedLedger()
        let seed = UInt64.random(in: 0..<1 << 32)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let end = try LogCheck.run(record.storage) { _, _ in }.offset
        for _ in 0..<20 {
            let copy = try Folder()
            try FileManager.default.removeItem(atPath: copy.path)
            try FileManager.default.copyItem(atPath: record.folder.path, toPath: copy.path)
            let storage = PosixStorage(root: copy.path)
            let name = try #require(try storage.list("wal").first { $0.hasSuffix(".seg") })
            let log = try storage.open("wal/" + name, create: false)
            let place = 64 + UInt64.random(in: 0..<end, using: &random)
            let byte = try log.read(1, at: place)
            try log.write([byte[0] ^ 1 << UInt8.random(in: 0..<8, using: &random)], at: place)
            let isSeen: Bool
            do {
                var check = LedgerCheck(storage: storage, key: record.ledger.key)
                check.hasLog = true
                check.archive = try AuditArchive.open(directory: copy.path, vaultKey: vaultKey)
                isSeen = try problem(check) != nil
            } catch {
                // The folder does not even open.
                isSeen = true
            }
            #expect(isSeen, "byte \(place)")
        }
    }

    /// With the store's own ledger: what it publishes is accepted while it runs, after it has closed, and beside it.
    @Test func theStoresOwnLedgerIsAccepted() async throws {
        let folder = try Folder()
        let options = LedgerOptions(name: "test.example", sealingKey: SymmetricKey(size: .bits256))
        let store = try openStore(folder, ledger: options)
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        for number in UInt64(1)...40 {
            try recorder.command(number, "SELECT \(number)")
            try recorder.answer(number, [1, 2, 3])
            try recorder.outcome(number)
        }
        let end = try recorder.append(EntryDraft(EntryType(rawValue: "notice")))
        try await store.durable(end)
        try await store.ledger?.published(through: end)
        let ended = AsyncStream<BackgroundCheck.State>.makeStream()
        try store.startCheck { ended.continuation.yield($0) }
        var states = ended.stream.makeAsyncIterator()
        guard case .passed(let summary, _) = await states.next() else {
            Issue.record("\(store.check.state)")
            return
        }
        #expect(summary.size >= 82 && summary.contents == 80)
        #expect(store.check.problem == nil)
        let live = try LedgerCheck.folder(folder.path, vaultKey: vaultKey, ledger: options)
        #expect(live.isLive)
        #expect(try live.run().size >= 82)
        try await store.durable(recorder.close())
        _ = try await store.archive?.caughtUp()
        try await store.erase([recorder.session], as: EntryDraft(.admin("erased")))
        store.close()
        let alone = try LedgerCheck.folder(folder.path, vaultKey: vaultKey, ledger: options)
        #expect(!alone.isLive)
        let whole = try alone.run()
        #expect(whole.uncovered == 0 && whole.hasRecord && whole.openSessions <= 1)
        #expect(whole.erasedSessions == 1 && whole.contents == 0)
    }

    /// A record that was changed under the gateway's feet: no new session, and why.
    @Test func aBadRecordAdmitsNoNewSession() async throws {
        let folder = try Folder()
        let options = LedgerOptions(name: "test.example", sealingKey: SymmetricKey(size: .bits256))
        let store = try openStore(folder, ledger: options)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        for number in UInt64(1)...300 { try recorder.command(number, "SELECT \(number)") }
        let end = try recorder.append(EntryDraft(.sessionOpen))
        try await store.durable(end)
        try await store.ledger?.published(through: end)
        let storage = PosixStorage(root: folder.path)
        let file = try storage.open("ledger/tile/entries/000", create: false)
        let byte = try file.read(1, at: 5000)
        try file.write([byte[0] ^ 1], at: 5000)
        let ended = AsyncStream<BackgroundCheck.State>.makeStream()
        try store.startCheck { ended.continuation.yield($0) }
        var states = ended.stream.makeAsyncIterator()
        guard case .failed(let problem) = await states.next() else {
            Issue.record("\(store.check.state)")
            return
        }
        #expect(problem.file?.hasPrefix("ledger/tile/") == true)
        #expect(store.admissionProblem?.code == .ledgerCorrupt)
    }
}
