import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

@Suite struct ArchiveTests {
    @Test func aSessionIsReadBackWithItsContent() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let context = newContext(run: "run-1")
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "SELECT needle FROM customers")
        try recorder.answer(1, Array("first ".utf8))
        try recorder.answer(1, Array("second".utf8))
        try recorder.outcome(1, rows: 2)
        try recorder.command(2, "DROP TABLE x")
        try recorder.outcome(2, .error, rows: 0)
        try await store.durable(recorder.close())

        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        let entries = try archive.entries(of: context.session, from: 0, limit: 100)
        #expect(entries.count == 6)
        #expect(
            entries[1].content.first.map { String(decoding: $0.bytes, as: UTF8.self) } == "SELECT needle FROM customers"
        )
        #expect(entries[4].content.map(\.kind) == [.errorText])
        #expect(!String(decoding: entries[4].leaf, as: UTF8.self).contains("it failed"))
        #expect(try archive.entries(of: context.session, from: 4, limit: 1).map(\.leaf) == [entries[4].leaf])

        // Each commitment is met by what was kept.
        let command = try Leaf(entries[1].leaf)
        let text = entries[1].content[0]
        #expect(command.commitments == [Commitment(kind: .text, salt: text.salt, content: text.bytes)])
        let outcome = try Leaf(entries[2].leaf)
        let chunks = try archive.chunks(of: context.session, exchange: 1, .answer, limit: 100)
        #expect(chunks.isWhole)
        #expect(String(decoding: chunks.bytes, as: UTF8.self) == "first second")
        #expect(
            outcome.commitments == [Commitment(kind: .answer, salt: entries[2].content[0].salt, content: chunks.bytes)])
        #expect(
            try archive.chunks(of: context.session, exchange: 1, .answer, limit: 7) == (Array("first s".utf8), false))
        #expect(try archive.chunks(of: context.session, exchange: 1, .input, limit: 7).bytes == [])

        let session = try #require(try archive.session(context.session))
        #expect((session.commands, session.errors, session.rows) == (2, 1, 2))
        #expect(session.context.agent.run == "run-1")
        #expect(session.closed != nil)
    }

    @Test func bothSidesAreReadInTheirOrder() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "GET /chat")
        let said: [(ChunkDirection, String)] = [
            (.answer, "101 "), (.input, "a"), (.input, "b"), (.answer, String(repeating: "c", count: 100_000)),
            (.input, "d"), (.answer, "e"),
        ]
        for (direction, text) in said {
            var text = text
            _ = try text.withUTF8 {
                try recorder.appendChunk(exchange: 1, direction: direction, .init($0), retained: true)
            }
        }
        func read(_ limit: Int) throws -> ([String], Bool) {
            let (pieces, isWhole) = try #require(store.archive).conversation(
                of: context.session, exchange: 1, limit: limit)
            var turns: [(ChunkDirection, [UInt8])] = []
            for piece in pieces {
                if let last = turns.last, last.0 == piece.direction {
                    turns[turns.count - 1].1 += piece.bytes
                } else {
                    turns.append(piece)
                }
            }
            return (turns.map { ($0.0 == .input ? ">" : "<") + String(decoding: $0.1, as: UTF8.self) }, isWhole)
        }
        let expected = ["<101 ", ">ab", "<" + said[3].1, ">d", "<e"]
        _ = try await store.durable(recorder.flushed())
        #expect(try await #require(store.archive).caughtUp())
        #expect(try read(1 << 20) == (expected, true))
        #expect(try read(6) == (["<101 ", ">ab", "<"], false))
        try recorder.outcome(1, .success, rows: 0)
        try await store.durable(recorder.close())
        #expect(try await #require(store.archive).caughtUp())
        #expect(try read(1 << 20) == (expected, true))
    }

    @Test func contentLiesNowhereInTheClear() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "SELECT Xtext7")
        try recorder.answer(1, Array("Xneedle7".utf8))
        try await store.durable(recorder.outcome(1))
        _ = try await store.archive?.caughtUp()
        store.close()
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        #expect(files.contains { $0.hasPrefix("wal/") })
        for file in files {
            let path = folder.path + "/" + file
            if let data = FileManager.default.contents(atPath: path) {
                #expect(data.range(of: Data("Xneedle7".utf8)) == nil, "\(file)")
                // The search index holds what it finds, and nobody else reads it.
                #expect(data.range(of: Data("Xtext7".utf8)) == nil || file.hasPrefix("index.sqlite"), "\(file)")
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
            #expect(mode & 0o077 == 0, "\(file) has mode \(String(mode, radix: 8))")
        }
    }

    @Test func whatIsNotKeptIsStillCommittedTo() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "SELECT 1")
        try recorder.answer(1, [1, 2, 3])
        try recorder.answer(1, [4, 5], retained: false)
        try await store.durable(recorder.outcome(1))
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        let entry = try #require(try archive.entries(of: context.session, from: 2, limit: 1).first)
        let commitment = try #require(try Leaf(entry.leaf).commitments.first)
        #expect((commitment.size, commitment.kept) == (5, 3))
        #expect(
            commitment.digest
                == Commitment(kind: .answer, salt: entry.content[0].salt, content: [1, 2, 3, 4, 5]).digest)
        #expect(try archive.chunks(of: context.session, exchange: 1, .answer, limit: 9).bytes == [1, 2, 3])
    }

    @Test func filters() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        var ids: [RecordID] = []
        for number in 0..<10 {
            let context = newContext(
                number % 2 == 0 ? "anna" : "bob", run: "run-\(number)", connection: number < 5 ? "orders" : "billing")
            ids.append(context.session)
            let recorder = try store.makeRecorder(context)
            try recorder.append(EntryDraft(.sessionOpen))
            try recorder.command(1, "SELECT word\(number) FROM t")
            try recorder.outcome(1, number == 3 ? .error : .success)
            _ = try recorder.close()
        }
        try await store.durable(store.appendSystem(EntryDraft(.policyLoaded)))
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        func found(_ change: (inout SessionQuery) -> Void) throws -> [RecordID] {
            var query = SessionQuery(limit: 100)
            change(&query)
            return try archive.sessions(query).map(\.context.session)
        }
        let newest = ids.sorted(by: >)
        #expect(try found { _ in } == newest)
        #expect(try found { $0.limit = 3 } == Array(newest.prefix(3)))
        #expect(try found { $0.before = newest[2] } == Array(newest.dropFirst(3)))
        #expect(try found { $0.principal = "bob" }.count == 5)
        #expect(try found { $0.principal = "Bob" }.count == 5)
        #expect(
            try found {
                $0.owner = Principal(issuer: "https://other", subject: "bob", groups: [], isPersonIssuer: false)
            } == [])
        #expect(try found { $0.run = "run-4" } == [ids[4]])
        #expect(try found { $0.connection = "orders" }.count == 5)
        #expect(try found { $0.outcome = "error" } == [ids[3]])
        #expect(try found { $0.outcome = "no such" } == [])
        #expect(try found { $0.text = "WORD7 select" } == [ids[7]])
        #expect(try found { $0.until = Timestamp(microseconds: 1) } == [])
        #expect(try found { $0.principal = "' OR 1=1 --" } == [])
    }

    @Test func theExportHoldsEverything() async throws {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 64 << 10)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        var draft = EntryDraft(.commandAllowed, exchange: 1)
        draft.content = [ContentItem(.text, "SELECT \"é\"\n"), ContentItem(.parameters, [0xFF, 0x00])]
        try recorder.append(draft)
        var answer: [UInt8] = []
        for number in 0..<40 {
            let chunk = [UInt8](repeating: UInt8(number), count: 9973)
            answer += chunk
            try recorder.answer(1, chunk)
        }
        try recorder.outcome(1)
        try await store.durable(recorder.close())
        _ = try await store.archive?.caughtUp()
        store.close()

        // By another process, with no gateway running.
        let archive = try AuditArchive.open(directory: folder.path, vaultKey: vaultKey)
        for lines in [try exported(archive), try exported(archive, session: context.session)] {
            #expect(
                lines.map { $0["type"] as? String } == [
                    "session.open", "command.allowed", "command.outcome", "session.close",
                ])
            let content = try #require(lines[1]["content"] as? [[String: Any]])
            #expect(content[0]["text"] as? String == "SELECT \"é\"\n")
            #expect(content[1]["base64"] as? String == "/wA=")
            let kept = try #require((lines[2]["content"] as? [[String: Any]])?.first?["base64"] as? String)
            #expect(Data(base64Encoded: kept) == Data(answer))
        }
    }

    @Test func theRecordCanBeReadWhileTheGatewayRuns() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let archive = try AuditArchive.open(directory: folder.path, vaultKey: vaultKey)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try await store.durable(recorder.command(1, "SELECT 1"))
        #expect(try await archive.caughtUp())
        #expect(try archive.entries(of: context.session, from: 0, limit: 9).count == 2)
        #expect(throws: GatewayError.self) { try openStore(folder) }
    }

    @Test func theIndexIsMadeAgainFromTheLog() async throws {
        let folder = try Folder()
        var store = try openStore(folder, segmentSize: 8 << 10)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        for number in 1...100 { try recorder.command(UInt64(number), String(repeating: "x", count: 300)) }
        try await store.durable(recorder.close())
        store.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/index.sqlite" + suffix)
        }
        store = try openStore(folder, segmentSize: 8 << 10)
        defer { store.close() }
        let archive = try #require(store.archive)
        #expect(try archive.session(context.session)?.commands == 100)
        #expect(
            try archive.entries(of: context.session, from: 0, limit: 200).filter { !$0.content.isEmpty }.count == 100)
    }

    @Test func sessionsThatACrashLeftOpenAreSealed() async throws {
        let folder = try Folder()
        let storage = SimulatedStorage()
        let context = newContext()
        do {
            let store = try openStore(folder, storage)
            let recorder = try store.makeRecorder(context)
            try recorder.append(EntryDraft(.sessionOpen))
            try await store.durable(recorder.command(1, "SELECT pg_sleep(100)"))
        }
        let after = try Folder()
        let store = try openStore(after, storage.rebooted())
        defer { store.close() }
        let archive = try #require(store.archive)
        try await store.durable(store.appendSystem(EntryDraft(.gatewayStarted)))
        #expect(try await archive.caughtUp())
        let session = try #require(try archive.session(context.session))
        #expect(session.closing == "interrupted")
        let entries = try archive.entries(of: context.session, from: 0, limit: 10)
        #expect(entries.count == 3)
        let last = try Leaf(try #require(entries.last).leaf)
        #expect(last.type == .sessionClose)
        #expect(last.sequence == 2)
        #expect(last.principal?.subject == "anna")
    }

    @Test func theWrongVaultKeyOpensNothing() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try await store.durable(recorder.command(1, "SELECT 1"))
        _ = try await store.archive?.caughtUp()
        store.close()
        let archive = try AuditArchive.open(directory: folder.path, vaultKey: SymmetricKey(size: .bits256))
        #expect(try archive.session(context.session) != nil)
        #expect(throws: GatewayError.self) { try archive.entries(of: context.session, from: 0, limit: 9) }
    }

    @Test func anErasedKeyLeavesTheLeaf() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try await store.durable(recorder.command(1, "SELECT 1"))
        _ = try await store.archive?.caughtUp()
        store.close()
        // Slot 0 is the gateway's own session, 1 is this one.
        let path = folder.path + "/keys/keys.log"
        var keys = try Data(contentsOf: URL(fileURLWithPath: path))
        keys.replaceSubrange(80..<160, with: Data(count: 80))
        try keys.write(to: URL(fileURLWithPath: path))
        let archive = try AuditArchive.open(directory: folder.path, vaultKey: vaultKey)
        let entry = try #require(try archive.entries(of: context.session, from: 0, limit: 9).first)
        #expect(entry.isErased)
        #expect(entry.content.isEmpty)
        #expect(try Leaf(entry.leaf).commitments.count == 1)
    }
}
