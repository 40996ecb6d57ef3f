import AuditConsole
import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct LedgerRouteTests {
    /// A console over the ledger of a real store in a folder of its own.
    private static func with(
        entries: Int, _ body: @escaping @Sendable (TestConsole, AuditStore, LedgerKeeper) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "ledger-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var ledger = LedgerOptions(name: "gw.example", sealingKey: SymmetricKey(size: .bits256))
        ledger.interval = .zero
        let store = try AuditStore.open(
            directory: folder,
            options: StoreOptions(
                vaultKey: SymmetricKey(size: .bits256), ledger: ledger, segmentSize: 1 << 20, watermark: 0,
                keepsIndex: false),
            now: Timestamp.wall)
        defer { store.close() }
        let keeper = try #require(store.ledger)
        if entries > 0 {
            var position = LogPosition.start
            for _ in 0..<entries { position = try store.appendSystem(EntryDraft(.gatewayStarted)) }
            try await store.durable(position)
            try await keeper.published(through: position)
        }
        try await TestConsole.with(ledger: keeper) { console in try await body(console, store, keeper) }
    }

    private static func expect(
        _ status: Int, _ console: TestConsole, _ path: String, _ token: String? = nil,
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await console.get(path, token)
        #expect(answer.status == status, "\(path)", sourceLocation: location)
    }

    @Test func theCheckpointIsForAllAndNotKept() async throws {
        try await Self.with(entries: 3) { console, _, ledger in
            let answer = try await console.get("/ledger/checkpoint")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
            #expect(answer.headers["cache-control"] == "no-cache")
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            let note = try SignedNote(Array(answer.body))
            #expect(try note.verify([ledger.verifierKey]).count == 1)
            #expect(try Checkpoint(text: note.text).head.size == 3)
            #expect(console.types.isEmpty, "no entry: whoever follows the log would make it grow")
        }
    }

    @Test func beforeTheFirstCheckpointThereIsNone() async throws {
        try await Self.with(entries: 0) { console, _, _ in
            try await Self.expect(404, console, "/ledger/checkpoint")
            try await Self.expect(404, console, "/ledger/tile/0/000.p/1")
        }
        try await TestConsole.with { console in
            try await Self.expect(404, console, "/ledger/checkpoint")
        }
    }

    @Test func tilesAreForAllAndForEver() async throws {
        try await Self.with(entries: 300) { console, _, ledger in
            for coordinate in TreeShape(size: 300).tiles {
                let answer = try await console.get("/ledger/" + coordinate.path)
                #expect(answer.status == 200, "\(coordinate)")
                #expect(answer.headers["content-type"] == "application/octet-stream")
                #expect(answer.headers["cache-control"] == "public, max-age=31536000, immutable")
                let tile = try ledger.folder.tile(coordinate)
                #expect(Array(answer.body) == tile.bytes)
            }
            // What a smaller tree had is still there, cut out of what this one has.
            let narrow = try await console.get("/ledger/tile/0/001.p/7")
            let tile = try await console.get("/ledger/tile/0/001.p/44")
            #expect(narrow.body == tile.body.prefix(7 * 32))
            let head = try await console.send("HEAD", "/ledger/tile/0/000")
            #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == "8192")
        }
    }

    @Test(arguments: [
        "/ledger/tile/0/001", "/ledger/tile/0/001.p/45", "/ledger/tile/0/002.p/1", "/ledger/tile/1/000.p/2",
        "/ledger/tile/2/000.p/1", "/ledger/tile/64/000", "/ledger/tile/0/0", "/ledger/tile/0/000/",
        "/ledger/tile/00/000", "/ledger/tile/0/x000/000", "/ledger/tile/0/000.p/256", "/ledger/tile/0/000.p/0",
        "/ledger/tile/0/000.p/07", "/ledger/tile/0/../checkpoint", "/ledger/tile/0/%30%30%30", "/ledger/tile/-1/000",
        "/ledger/tile/0", "/ledger/tile", "/ledger", "/ledger/signer/state", "/ledger/tile/0/..%2f..%2fsigner%2fkey",
        "/ledger/tile/0/999999999999999999999999", "/ledger/checkpoint.new", "/ledger//tile/0/000",
        "//ledger/tile/0/000", "/ledger/tile/0/x072/x057/x594/x037/x927/935",
        "/ledger/tile/0/x072/x057/x594/x037/x927/936", "/ledger/tile/0/x999/x999/x999/x999/x999/999.p/255",
    ]) func nothingElseIsServed(_ path: String) async throws {
        try await Self.with(entries: 300) { console, _, _ in
            for token in [nil, console.token("eve", ["security"])] {
                let answer = try await console.get(path, token)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.headers["cache-control"] == "no-store")
                #expect(answer.json["code"] as? String == "not_found")
            }
        }
    }

    @Test func whatIsWrittenButNotPublishedIsNotServed() async throws {
        try await Self.with(entries: 5) { console, _, ledger in
            let more = try #require(TileCoordinate(.hashes(level: 0), index: 0, width: 9))
            var writer = LedgerWriter(ledger.folder)
            var builder = TileBuilder()
            for _ in 0..<9 { builder.append(MerkleTree.leafHash([1])) }
            try writer.write(tiles: builder.takeWrites(), bundles: [])
            #expect(try ledger.folder.tile(more).width == 9)
            try await Self.expect(404, console, "/ledger/tile/0/000.p/9")
            try await Self.expect(200, console, "/ledger/tile/0/000.p/5")
        }
    }

    @Test func bundlesAreForAuditors() async throws {
        try await Self.with(entries: 300) { console, _, ledger in
            let bundle = try #require(TileCoordinate(.entries, index: 1, width: 44))
            for (subject, groups, audience, status) in [
                ("eve", ["security"], "sallyport", 200), ("root", ["platform"], "sallyport", 200),
                ("operator", [], "sallyport:operator", 200), ("ada", ["agents"], "sallyport", 403),
                ("dana", ["approvers"], "sallyport", 403), ("eve", ["security"], "sallyport:approve", 401),
            ] {
                let token = console.token(subject, groups, audience: audience)
                let answer = try await console.get("/ledger/" + bundle.path, token)
                #expect(answer.status == status, "\(subject) \(audience)")
                if status == 200 {
                    let expected = try ledger.folder.bundle(bundle).bytes
                    #expect(Array(answer.body) == expected)
                    #expect(answer.headers["cache-control"] == "private, max-age=31536000, immutable")
                }
            }
            let nobody = try await console.get("/ledger/" + bundle.path)
            #expect(nobody.status == 401)
            #expect(nobody.headers["www-authenticate"] != nil)
            let agent = console.token("eve", ["security"], agent: "reporter")
            try await Self.expect(403, console, "/ledger/" + bundle.path, agent)
            let auditor = console.token("eve", ["security"])
            for path in ["tile/entries/002.p/1", "tile/entries/001", "tile/entries/1", "tile/entries"] {
                try await Self.expect(404, console, "/ledger/" + path, auditor)
            }
        }
    }

    @Test func aReaderOfBundlesIsRecordedOnceForAWhile() async throws {
        try await Self.with(entries: 600) { console, _, _ in
            for subject in ["eve", "eva"] {
                let token = console.token(subject, ["security"])
                for path in ["000", "001", "002.p/88"] {
                    try await Self.expect(200, console, "/ledger/tile/entries/" + path, token)
                }
            }
            let views = console.appended.withLock { $0.filter { $0.type == .recordViewed } }
            #expect(views.map(\.principal?.subject) == ["eve", "eva"])
            #expect(views.allSatisfy { $0.details["view"] == "ledger" })
        }
    }

    @Test func withoutItsEntryABundleIsNotShown() async throws {
        try await Self.with(entries: 3) { console, _, _ in
            console.failsToAppend.withLock { $0 = true }
            let answer = try await console.get("/ledger/tile/entries/000.p/3", console.token("eve", ["security"]))
            #expect(answer.status == 503)
        }
    }

    /// What is dear to answer is made for two at once; the third is told to come back.
    @Test func proofsAreNotPiledUp() async throws {
        let places = SearchPlaces(most: 2)
        try await places.run {
            try await places.run {
                do {
                    try await places.run { () -> Void in Issue.record("a third one was let in") }
                } catch let problem as Problem {
                    #expect(problem.code == "busy")
                    #expect(problem.retryAfter == 1)
                }
            }
            // A place that was left is free, also by an error.
            await #expect(throws: CancellationError.self) { try await places.run { throw CancellationError() } }
            try await places.run {}
        }
    }

    @Test func theKeyIsForWhoeverSignsIn() async throws {
        try await Self.with(entries: 1) { console, _, ledger in
            let answer = try await console.get("/api/v1/ledger/key", console.token("ada"))
            #expect(answer.status == 200)
            #expect(answer.json["key"] as? String == ledger.verifierKey.text)
            #expect(answer.json["origin"] as? String == ledger.origin)
            try await Self.expect(401, console, "/api/v1/ledger/key")
        }
    }

    @Test func aWrongMethodIsTold() async throws {
        try await TestConsole.with { console in
            for path in [
                "/ledger/checkpoint", "/ledger/tile/0/000", "/ledger/tile/0/x001/000.p/4", "/api/v1/ledger/key",
            ] {
                let answer = try await console.send("DELETE", path)
                #expect(answer.status == 405, "\(path)")
                #expect(answer.headers["allow"] == "GET, HEAD", "\(path)")
            }
        }
    }
}
