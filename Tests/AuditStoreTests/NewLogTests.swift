import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Testing

@Suite struct NewLogTests {
    private static let admin = Principal(issuer: "local", subject: "root", groups: [], isPersonIssuer: true)

    private func begin(_ disk: SimulatedStorage, _ options: LedgerOptions = eagerLedger()) async throws -> NewLog.Result
    {
        try await NewLog.begin(
            directory: try Folder().path,
            options: StoreOptions(vaultKey: vaultKey, ledger: options, segmentSize: 4096, watermark: 1 << 20),
            storage: disk, reason: "restored from last night's copy", by: Self.admin, now: wallClock)
    }

    /// A folder whose log was restored from an older copy: no start is possible.
    private func restored() async throws -> (disk: SimulatedStorage, key: NoteVerifierKey) {
        let old = try await ledgerDisk(entries: 20)
        let disk = try await ledgerDisk(entries: 20, on: old.copied())
        for path in disk.paths where path.hasPrefix("wal/") { try disk.remove(path) }
        for path in old.paths where path.hasPrefix("wal/") {
            try disk.open(path, create: true).write(old.bytes(of: path) ?? [], at: 0)
        }
        for folder in ["wal", ""] { try disk.syncDirectory(folder) }
        #expect(throws: GatewayError.self) { try openLedger(disk) }
        return (disk.copied(), try verifierKey(on: disk))
    }

    @Test func aRestoredLogGoesOnUnderANewName() async throws {
        let (disk, oldKey) = try await restored()
        let result = try await begin(disk)
        #expect(result.key.name != oldKey.name)
        #expect(result.old?.origin == oldKey.name)
        #expect(result.old?.head.size == 40)
        // All entries that were restored, and the one that says what happened.
        #expect(try checkPublished(on: disk, by: result.key)?.size == 21)
        let last = try Leaf(try #require(try leaves(of: disk).last))
        #expect(last.type == EntryType(rawValue: "admin.new_log"))
        #expect(last.principal?.subject == "root")
        #expect(last["details"]?["old_origin"]?.string == oldKey.name)
        #expect(last["details"]?["old_size"]?.string == "40")
        #expect(last["details"]?["old_root"]?.string == result.old?.head.root.base64)
        #expect(last.commitments.map(\.kind.rawValue) == ["reason"])
        // What was signed stays, and is still verifiable with the old key.
        let kept = try SignedNote(try #require(disk.bytes(of: "ledger.old-1/checkpoint")))
        #expect(try kept.verify([oldKey]).count == 1)
        let builder = try TileBuilder(size: 40) { try LedgerFolder(storage: disk, name: "ledger.old-1").tile($0) }
        #expect(builder.head == result.old?.head)
        // From now on it starts as ever.
        let later = try await ledgerDisk(entries: 3, on: disk)
        #expect(try checkPublished(on: later, by: result.key)?.size == 24)
    }

    @Test func aSecondNewLogKeepsBothOldOnes() async throws {
        let (disk, first) = try await restored()
        let second = try await begin(disk).key
        let third = try await begin(disk)
        #expect(third.old?.origin == second.name)
        #expect(Set([first.name, second.name, third.key.name]).count == 3)
        #expect(disk.bytes(of: "ledger.old-1/checkpoint") != nil && disk.bytes(of: "ledger.old-2/checkpoint") != nil)
        #expect(try checkPublished(on: disk, by: third.key)?.size == 22)
    }

    @Test func noNewLogBeginsByItself() async throws {
        let (disk, _) = try await restored()
        for folder in ["ledger", "signer"] { try disk.rename(folder, to: folder + ".old-1") }
        let error = #expect(throws: GatewayError.self) { try openLedger(disk) }
        #expect(error?.code == .ledgerRefused)
        #expect(error?.message.contains("no new one has begun") == true)
    }

    /// A given key signs one tree only, whatever is left of the old one, and the refusal changes nothing.
    @Test func aKeyThatHasSignedBeginsNoNewLog() async throws {
        let disk = try await ledgerDisk(entries: 5, eagerLedger(given: 1))
        let paths = disk.paths
        for removed in ["", "signer/state", "ledger/checkpoint"] {
            let disk = disk.copied()
            if !removed.isEmpty { try disk.remove(removed) }
            let error = await #expect(throws: GatewayError.self) { try await begin(disk, eagerLedger(given: 1)) }
            #expect(error?.code == .ledgerRefused)
            #expect(error?.message.contains("put a new key into ledger.key first") == true)
            #expect(disk.paths == paths.filter { $0 != removed })
        }
        let second = try await begin(disk, eagerLedger(given: 2))
        #expect(second.old?.head.size == 5)
        // Nor does the one before the last.
        await #expect(throws: GatewayError.self) { try await begin(disk, eagerLedger(given: 1)) }
        await #expect(throws: GatewayError.self) { try await begin(disk, eagerLedger(given: 2)) }
        #expect(try await begin(disk, eagerLedger(given: 3)).old?.origin == second.key.name)
    }

    /// Segments of the old log are gone, so that sessions of the new tree have their beginnings in the old one.
    @Test func aNewLogOfWhichTheBeginningIsFiledIsWhole() async throws {
        let folder = try Folder()
        let storage = PosixStorage(root: folder.path)
        let ledger = eagerLedger()
        let store = try openStore(folder, segmentSize: 8192, ledger: ledger)
        let closed = try store.makeRecorder(newContext("anna"))
        let open = try store.makeRecorder(newContext("boris"))
        for recorder in [closed, open] { try recorder.append(EntryDraft(.sessionOpen)) }
        var number: UInt64 = 0
        while try !storage.list("wal").contains("retired") {
            number += 1
            for recorder in [closed, open] {
                try recorder.command(number, "SELECT \(number)")
                try recorder.answer(number, [UInt8](repeating: 1, count: 200))
                try await store.durable(recorder.outcome(number))
            }
        }
        try await store.durable(closed.close())
        store.close()
        _ = try await NewLog.begin(
            directory: folder.path,
            options: StoreOptions(vaultKey: vaultKey, ledger: ledger, segmentSize: 8192, watermark: 1 << 20),
            reason: "restored", by: Self.admin, now: wallClock)
        let size = try checkAlone(folder, ledger)
        // A copy of the ledger alone says by its entries that it was begun anew.
        let key = try await verifier(of: folder, ledger)
        #expect(try LedgerCheck(storage: storage, key: key).run().size >= size)

        // And so the gateway admits sessions again.
        let again = try openStore(folder, ledger: ledger)
        defer { again.close() }
        let ended = AsyncStream<BackgroundCheck.State>.makeStream()
        try again.startCheck { ended.continuation.yield($0) }
        var states = ended.stream.makeAsyncIterator()
        _ = await states.next()
        #expect(again.check.problem == nil)
        #expect(again.admissionProblem == nil)
    }

    /// Lets go of the folder again. Returns the tree's size.
    private func checkAlone(_ folder: Folder, _ ledger: LedgerOptions) throws -> UInt64 {
        let check = try LedgerCheck.folder(folder.path, vaultKey: vaultKey, ledger: ledger)
        #expect(check.firstLeaf > 0 && !check.isLive)
        let summary = try check.run()
        #expect(summary.hasRecord && summary.sessions >= 3 && summary.contents > 0)
        return summary.size
    }

    private func verifier(of folder: Folder, _ ledger: LedgerOptions) async throws -> NoteVerifierKey {
        let store = try openStore(folder, ledger: ledger)
        defer { store.close() }
        return try #require(store.ledger).verifierKey
    }

    @Test func aCrashAtAnyStorageCallLeavesTheOldLogOrCanBeRunAgain() async throws {
        let (start, oldKey) = try await restored()
        let dry = start.copied()
        _ = try await begin(dry)
        for at in 1...dry.calls {
            let disk = start.copied(fault: .init(at: at, number: 5, isCrash: true))
            _ = try? await begin(disk)
            let rebooted = disk.rebooted()
            let key: NoteVerifierKey
            if let store = try? openLedger(rebooted) {
                // It was through.
                key = try #require(store.ledger).verifierKey
                store.close()
            } else {
                let again = try await begin(rebooted)
                #expect(again.old?.origin == oldKey.name, "call \(at)")
                key = again.key
            }
            #expect(key.name != oldKey.name, "call \(at)")
            try checkPublished(on: rebooted, by: key, "call \(at)")
            let types = try leaves(of: rebooted).map { try Leaf($0).type?.rawValue }
            #expect(types.contains("admin.new_log"), "call \(at)")
            #expect(rebooted.paths.contains { $0.hasPrefix("signer.old-1/") }, "call \(at)")
        }
    }
}
