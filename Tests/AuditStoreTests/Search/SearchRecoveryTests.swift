import AuditLedger
import AuditStore
import Foundation
import GRDB
import GatewayCore
import Testing

/// The index after crashes and damage.
@Suite struct SearchRecoveryTests {
    /// Copies of the data folder at random moments are what a killed process leaves: each of them becomes the same
    /// index as an undisturbed run's.
    @Test func anIndexKilledBetweenCommitsIsFilledUp() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed: SearchRecoveryTests \(seed)")
        var generator = Seeded(state: seed)
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 32 << 10)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        var copies: [Folder] = []
        for number in 1...UInt64(400) {
            try recorder.command(number, "SELECT word\(number % 70)")
            if number % 3 != 0 { try recorder.outcome(number) }
            if Int.random(in: 0..<60, using: &generator) == 0 {
                // The index of one moment beside the log of a later one.
                let copy = try Folder()
                _ = try await store.settled()
                for file in ["index.sqlite", "index.sqlite-wal"] {
                    try? FileManager.default.copyItem(atPath: folder.path + "/" + file, toPath: copy.path + "/" + file)
                }
                copies.append(copy)
            }
        }
        for number in stride(from: UInt64(3), through: 400, by: 3) { try recorder.outcome(number, .error) }
        _ = try await store.settled()
        store.close()
        func rows(_ path: String) throws -> [String] {
            let store = try AuditStore.open(
                directory: path, options: StoreOptions(vaultKey: vaultKey, watermark: 1 << 20), now: wallClock)
            defer { store.close() }
            let queue = try DatabaseQueue(path: path + "/" + SearchIndex.name)
            defer { try? queue.close() }
            return try queue.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT command, exchange, time, outcome, commands.rows, cast(body AS TEXT) FROM commands JOIN texts USING (text)
                        JOIN sessions USING (sid) WHERE kind <> 'gateway' ORDER BY command
                        """
                ).map { "\($0)" }
            }
        }
        let wanted = try rows(folder.path)
        #expect(wanted.count == 400)
        #expect(!copies.isEmpty)
        for copy in copies {
            for name in ["wal", "recordings", "keys"] {
                try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: copy.path + "/" + name)
            }
            #expect(try rows(copy.path) == wanted, "seed \(seed)")
        }
    }

    private func one() async throws -> (Folder, RecordID) {
        let folder = try Folder()
        let store = try openStore(folder)
        let context = newContext()
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "SELECT needle")
        try recorder.outcome(1)
        _ = try await store.settled()
        store.close()
        let queue = try DatabaseQueue(path: folder.path + "/" + SearchIndex.name)
        _ = try await queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try queue.close()
        return (folder, context.session)
    }

    private func found(_ folder: Folder) throws -> (hits: Int, notice: String?) {
        let store = try openStore(folder)
        defer { store.close() }
        let archive = try #require(store.archive)
        var query = SearchQuery()
        query.terms = try SearchTerms("needle")
        return (try archive.search(query).hits.count, archive.index.notice)
    }

    @Test func aDamagedIndexIsPutAsideAndMadeAgain() async throws {
        let damages: [(String, (inout Data) -> Void)] = [
            ("no database", { $0 = Data(String(repeating: "this is no database ", count: 100).utf8) }),
            ("header torn", { $0.replaceSubrange(0..<100, with: Data(count: 100)) }),
            ("schema torn", { $0.replaceSubrange(100..<4096, with: Data(repeating: 0xFF, count: 3996)) }),
            ("cut short", { $0 = $0.prefix(4096) }),
            (
                "all pages but the first",
                { $0.replaceSubrange(4096..<$0.count, with: Data(repeating: 7, count: $0.count - 4096)) }
            ),
        ]
        for (name, damage) in damages {
            let (folder, _) = try await one()
            let path = folder.path + "/index.sqlite"
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            var data = try #require(FileManager.default.contents(atPath: path))
            #expect(data.count > 10 * 4096)
            damage(&data)
            try data.write(to: URL(fileURLWithPath: path))
            let (hits, notice) = try found(folder)
            #expect(hits == 1, "\(name)")
            #expect(notice?.contains("put aside") == true, "\(name)")
            #expect(FileManager.default.fileExists(atPath: folder.path + "/" + SearchIndex.damagedName), "\(name)")
            let again = try found(folder)
            #expect(again.hits == 1 && again.notice == nil, "\(name)")
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasPrefix("index") {
                let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)[.posixPermissions]
                #expect((mode as? NSNumber)?.intValue == 0o600, "\(name): \(file)")
            }
        }
    }

    @Test func anotherVersionIsMadeAgain() async throws {
        let (folder, _) = try await one()
        do {
            let queue = try DatabaseQueue(path: folder.path + "/index.sqlite")
            try await queue.write { try $0.execute(sql: "PRAGMA user_version = 2") }
            try queue.close()
        }
        // Who only reads says so, and changes nothing.
        #expect(throws: GatewayError.self) {
            try SearchIndex(path: folder.path + "/index.sqlite", isReader: true, vaultKey: vaultKey)
        }
        let (hits, notice) = try found(folder)
        #expect(hits == 1)
        #expect(notice?.contains("another version") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/" + SearchIndex.damagedName))
    }

    /// Whatever is asked finds what it says or is refused; nothing of it is read as a query language.
    @Test func hostileQueriesFindWhatTheySay() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        let hostile = [
            "'; DROP TABLE commands; --", "\" OR 1=1", "foo AND bar", "NEAR(a b, 2)", "body : x", "^start", "te*st",
            "-minus",
            "100%_sure", "back\\slash", "{a b}", "\"quoted\" \"\"", "nul\0nul", "☃ ☄ ★", "((((", "a OR b NOT c",
            "]]--[[",
            "\u{202E}rtl", "e\u{301}combining", "İstanbul", "ſtraße", "\u{FFFD}", "😀😀😀",
        ]
        for (number, text) in hostile.enumerated() { try recorder.command(UInt64(number + 1), "SELECT \(text) end") }
        try recorder.append(Self.raw(1000, [0x53, 0xFF, 0xFE, 0x80, 0xC3, 0x28, 0x61, 0x62, 0x63, 0x64]))
        try recorder.append(Self.raw(1001, []))
        let archive = try await store.settled()
        for (number, text) in hostile.enumerated() {
            var query = SearchQuery()
            query.terms = try SearchTerms(text)
            let hits = try archive.search(query).hits.map(\.exchange)
            #expect(hits.contains(UInt64(number + 1)), "\(text)")
            #expect(hits.count <= 3, "\(text): \(hits)")
        }
        for text in ["%%%", "___", "SEL*", "zz\0zz", "' OR '1'='1"] {
            var query = SearchQuery()
            query.terms = try SearchTerms(text)
            #expect(try archive.search(query).hits.isEmpty, "\(text)")
        }
        var query = SearchQuery()
        query.terms = try SearchTerms("ABCD")
        #expect(try archive.search(query).hits.map(\.exchange) == [1000])
        for value in ["' OR 1=1 --", "%", "\0", String(repeating: "x", count: 1 << 20)] {
            query = SearchQuery()
            query.principal = value
            #expect(try archive.search(query).hits.isEmpty)
            query = SearchQuery()
            query.object = value
            #expect(try archive.search(query).hits.isEmpty)
            query = SearchQuery()
            query.rule = value
            #expect(try archive.search(query).hits.isEmpty)
        }
    }

    private static func raw(_ exchange: UInt64, _ bytes: [UInt8]) -> EntryDraft {
        var draft = EntryDraft(.commandAllowed, exchange: exchange)
        draft.verdict = .allow
        draft.content = [ContentItem(.text, bytes)]
        return draft
    }
}
