import AuditLedger
import AuditStore
import Crypto
import Foundation
import GRDB
import GatewayCore
import Testing

@Suite struct SearchEraseTests {
    /// Characters that nothing else holds, so that three of them are found as bytes wherever a term is kept.
    private static let canary = "☃☄★✿"

    private func filled(_ folder: Folder, others: Int) async throws -> (AuditStore, SessionContext, RecordID) {
        let store = try openStore(folder)
        let context = newContext("anna")
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        let kept = newContext("bob")
        let other = try store.makeRecorder(kept)
        try other.append(EntryDraft(.sessionOpen))
        for number in 1...UInt64(others) {
            // Between other texts of many lengths, so that pages fill, split and are merged.
            try recorder.command(
                number, "SELECT \(String(repeating: "x", count: Int(number * 37 % 900))) \(Self.canary) \(number)")
            try other.command(number, "UPDATE shared SET n = \(number % 50) -- \(String(repeating: "y", count: 200))")
            try recorder.command(
                number + 10_000, "UPDATE shared SET n = \(number % 50) -- \(String(repeating: "y", count: 200))")
            if number % 100 == 0 { _ = try await store.settled() }
        }
        return (store, context, kept.session)
    }

    @Test func anErasedSessionLeavesNoByteInTheIndex() async throws {
        let folder = try Folder()
        let (store, context, kept) = try await filled(folder, others: 600)
        let archive = try await store.settled()
        // An index that was put aside holds it too.
        try FileManager.default.copyItem(
            atPath: folder.path + "/" + SearchIndex.name, toPath: folder.path + "/" + SearchIndex.damagedName)
        let needles = [Array(Self.canary.utf8), Array("☃☄★".utf8), Array(context.session.description.utf8)]
        for needle in needles {
            #expect(try folder.files(holding: needle).contains { $0.hasPrefix("index") }, "the test would see nothing")
        }
        var query = SearchQuery(limit: 500)
        query.terms = try SearchTerms("shared")
        query.principal = "bob"
        let before = try allHits(archive, query)
        #expect(before.count == 600)

        try archive.index.erase(sessions: [context.session])
        for needle in needles {
            // Leaves name their session for ever; the index does not.
            #expect(try folder.files(holding: needle).filter { $0.hasPrefix("index") } == [])
        }
        #expect(try archive.session(context.session) == nil)
        // What others said as well is still found, and nothing of the erased one.
        #expect(try allHits(archive, query) == before)
        query.principal = nil
        #expect(try allHits(archive, query).count == 600)
        query.terms = nil
        query.session = context.session
        #expect(try allHits(archive, query).isEmpty)
        #expect(try rows(folder, "SELECT count(*) FROM texts") == ["50"])
        #expect(try archive.session(kept)?.commands == 600)

        // Filing goes on, with the same texts too, and erasing twice is no error.
        try archive.index.erase(sessions: [context.session])
        let recorder = try store.makeRecorder(newContext("carl"))
        try recorder.append(EntryDraft(.sessionOpen))
        try recorder.command(1, "UPDATE shared SET n = 1 -- \(String(repeating: "y", count: 200))")
        try recorder.command(2, "SELECT afterwards")
        _ = try await store.settled()
        query = SearchQuery()
        query.principal = "carl"
        query.terms = try SearchTerms("afterwards")
        #expect(try allHits(archive, query).count == 1)
        #expect(try rows(folder, "PRAGMA integrity_check") == ["ok"])
        store.close()
    }

    /// A digest that anybody could make of a guess would tell whether the guess was said.
    @Test func digestsOfTextsAreKeyed() async throws {
        var digests: [[String]] = []
        for key in [vaultKey, SymmetricKey(size: .bits256), vaultKey] {
            let folder = try Folder()
            let store = try AuditStore.open(
                directory: folder.path, options: StoreOptions(vaultKey: key, watermark: 1 << 20), now: wallClock)
            let recorder = try store.makeRecorder(newContext())
            try recorder.append(EntryDraft(.sessionOpen))
            try recorder.command(1, "SELECT candidate")
            _ = try await store.settled()
            store.close()
            digests.append(try rows(folder, "SELECT hex(digest) FROM texts"))
        }
        #expect(digests[0].count == 1)
        #expect(digests[0] == digests[2])
        #expect(digests[0] != digests[1])
    }

    private func rows(_ folder: Folder, _ sql: String) throws -> [String] {
        let queue = try DatabaseQueue(path: folder.path + "/" + SearchIndex.name)
        defer { try? queue.close() }
        return try queue.read { try Row.fetchAll($0, sql: sql).map { ($0[0] as DatabaseValue).description } }
            .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
    }
}
