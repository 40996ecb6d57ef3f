import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

@Suite struct EraseTests {
    private static let canary = "canary-7Qx9Zr-4111111111111111"

    /// The value in the forms in which it could lie around.
    private static var forms: [(String, Data)] {
        let bytes = Data(canary.utf8)
        let digest = Data(SHA256.hash(data: bytes))
        func hex(_ data: Data) -> Data { Data(data.map { String(format: "%02x", $0) }.joined().utf8) }
        var base64: [(String, Data)] = []
        for shift in 0..<3 {
            // Whatever stands before it: the letters that depend on it alone.
            let encoded = (Data(repeating: 0, count: shift) + bytes).base64EncodedData()
            base64.append(("base64 at \(shift)", encoded.dropFirst(4).dropLast(8)))
        }
        return [
            ("the value", bytes), ("upper case", Data(canary.uppercased().utf8)), ("hex", hex(bytes)),
            ("its digest", digest), ("its digest in hex", hex(digest)),
            ("its digest in base64", digest.base64EncodedData()),
        ] + base64
    }

    private func find(in folder: Folder) throws -> [String] {
        var found: [String] = []
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            guard let data = FileManager.default.contents(atPath: folder.path + "/" + name) else { continue }
            for (form, bytes) in Self.forms where data.range(of: bytes) != nil { found.append("\(form) in \(name)") }
        }
        return found
    }

    private func session(_ store: AuditStore, canary: Bool, closing: Bool = true) throws -> RecordID {
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        for number in 1...40 {
            try recorder.command(UInt64(number), "SELECT \(number)" + (canary ? ", '\(Self.canary)'" : ""))
            try recorder.answer(
                UInt64(number), Array((canary ? Self.canary : "other").utf8) + [UInt8](repeating: 65, count: 900))
            try recorder.outcome(UInt64(number))
        }
        if closing { _ = try recorder.close() }
        return context.session
    }

    private var draft: EntryDraft {
        var draft = EntryDraft(.admin("erased"))
        draft.content = [ContentItem(.reason, "the person asked for it")]
        return draft
    }

    private func isFiled(_ folder: Folder, _ session: RecordID) -> Bool {
        let path = "\(folder.path)/recordings/\(session.description.suffix(2))/\(session).rec"
        return FileManager.default.fileExists(atPath: path)
    }

    @Test(arguments: [true, false]) func anErasedSessionIsFoundNowhere(_ filed: Bool) async throws {
        let folder = try Folder()
        var store = try openStore(folder, segmentSize: filed ? 16 << 10 : 1 << 20)
        let doomed = try session(store, canary: true)
        let other = try session(store, canary: false)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        if filed { try await eventually("the session is filed") { isFiled(folder, doomed) } }
        let before = try archive.entries(of: doomed, from: 0, limit: 1000)
        #expect(before.count == 82)
        #expect(try !find(in: folder).isEmpty, "the index holds masked texts, so the test would find one")
        // Whoever kept a copy of everything but the keys cannot read it later.
        let backup = try Folder()
        for name in ["recordings", "wal"] {
            try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: backup.path + "/" + name)
        }

        try await store.erase([doomed], as: draft)
        #expect(try find(in: folder) == [])
        #expect(!isFiled(folder, doomed))
        #expect(try archive.session(doomed) == nil)
        #expect(try archive.entries(of: doomed, from: 0, limit: 10).isEmpty)
        #expect(try archive.entries(of: other, from: 0, limit: 1000).count == 82)
        await #expect(throws: GatewayError.self) { try await store.erase([doomed], as: draft) }

        // The erasure itself is on record, with its reason.
        #expect(try await archive.caughtUp())
        let entry = try #require(
            try archive.gatewaySessions().flatMap { try archive.entries(of: $0, from: 0, limit: 1000) }.first {
                try Leaf($0.leaf).type == .admin("erased")
            })
        #expect(try Leaf(entry.leaf)["subject_session"]?.string == doomed.description)
        #expect(entry.content.first.map { String(decoding: $0.bytes, as: UTF8.self) } == "the person asked for it")

        // After a restart, and after more was filed, nothing has come back.
        store.close()
        store = try openStore(folder, segmentSize: filed ? 16 << 10 : 1 << 20)
        _ = try session(store, canary: false)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        _ = try await store.archive?.caughtUp()
        store.close()
        #expect(try find(in: folder) == [])
        // Nor does it with the copy put back.
        for name in ["recordings", "wal"] {
            for file in try FileManager.default.subpathsOfDirectory(atPath: backup.path + "/" + name) {
                let (from, to) = (backup.path + "/\(name)/" + file, folder.path + "/\(name)/" + file)
                if name == "recordings", !FileManager.default.fileExists(atPath: to) {
                    try? FileManager.default.copyItem(atPath: from, toPath: to)
                }
            }
        }
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/index.sqlite" + suffix)
        }
        store = try openStore(folder, segmentSize: filed ? 16 << 10 : 1 << 20)
        _ = try await store.archive?.caughtUp()
        let content = try store.archive?.entries(of: doomed, from: 0, limit: 1000).flatMap(\.content) ?? []
        #expect(content.isEmpty)
        #expect(try store.archive?.entries(of: other, from: 0, limit: 1000).count == 82)
        store.close()
        #expect(try find(in: folder) == [])
    }

    @Test func anOpenSessionAndTheGatewaysOwnAreRefused() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let open = try session(store, canary: true, closing: false)
        let closed = try session(store, canary: false)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        let own = try #require(try archive.gatewaySessions().first)
        for (sessions, code) in [
            ([closed, open], GatewayError.Code.sessionOpen), ([closed, own], .notErasable),
            ([closed, RecordID(high: 1, low: 1)], .notFound),
        ] {
            do {
                try await store.erase(sessions, as: draft)
                Issue.record("erased")
            } catch let error as GatewayError {
                #expect(error.code == code)
            }
        }
        // All or nothing.
        #expect(try archive.entries(of: closed, from: 0, limit: 1000).count == 82)
    }

    /// Every call of an erasure fails in turn: done again, it is complete.
    @Test func anErasureThatWasCutShortCanBeDoneAgain() async throws {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 16 << 10)
        let doomed = try session(store, canary: true)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        try await eventually("the session is filed") { isFiled(folder, doomed) }
        // As if the machine had stopped after the key was gone, before anything else.
        let path = folder.path + "/keys/keys.log"
        var keys = try Data(contentsOf: URL(fileURLWithPath: path))
        keys.replaceSubrange(80..<160, with: Data(count: 80))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: keys)
        try file.close()
        try await store.erase([doomed], as: draft)
        #expect(try find(in: folder) == [])
        store.close()
    }

    /// Key gone, recording and index rows still there: the check knows it by the entry, while it is so and after it was
    /// completed, also with an index that is made again of a session of which a part has left the log.
    @Test func theCheckKnowsAnErasureThatWasCutShort() async throws {
        let (folder, disk) = (try Folder(), SimulatedStorage())
        func passes(_ store: AuditStore, _ label: String) async throws {
            let ended = AsyncStream<BackgroundCheck.State>.makeStream()
            try store.startCheck { ended.continuation.yield($0) }
            var states = ended.stream.makeAsyncIterator()
            _ = await states.next()
            guard case .passed(let summary, _) = store.check.state else {
                Issue.record("\(label): \(store.check.state)")
                return
            }
            #expect(summary.contents > 0, "\(label)")
            #expect(store.admissionProblem == nil, "\(label)")
        }
        var store = try openStore(folder, disk, segmentSize: 16 << 10, ledger: eagerLedger())
        let doomed = try session(store, canary: true)
        _ = try session(store, canary: false)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        try await eventually("segments have gone") { disk.paths.contains("wal/retired") }
        disk.state.withLock { $0.fault = .init(at: 1, call: .remove, path: "recordings/", number: 5, isCrash: false) }
        await #expect(throws: GatewayError.self) { try await store.erase([doomed], as: draft) }
        #expect(try store.archive?.session(doomed) != nil, "it was to be cut short")
        try await passes(store, "while it is cut short")
        store.close()
        store = try openStore(folder, disk, segmentSize: 16 << 10, ledger: eagerLedger())
        #expect(try store.archive?.session(doomed) != nil)
        try await passes(store, "after a start that could not complete it")
        store.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/index.sqlite" + suffix)
        }
        store = try openStore(folder, disk, segmentSize: 16 << 10, ledger: eagerLedger())
        try await passes(store, "with a new index that could not complete it")
        store.close()
        disk.state.withLock { $0.fault = nil }
        store = try openStore(folder, disk, segmentSize: 16 << 10, ledger: eagerLedger())
        defer { store.close() }
        #expect(try store.archive?.session(doomed) == nil)
        try await passes(store, "completed")
    }

    @Test func whoAskedIsToldOfErasures() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let doomed = try session(store, canary: false)
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        let told = Mutex<[RecordID]>([])
        store.afterErasing { sessions in told.withLock { $0 += sessions } }
        try await store.erase([doomed], as: draft)
        #expect(told.withLock { $0 } == [doomed])
    }
}
