import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Synchronization
import Testing

@Suite struct RotationTests {
    private static let old = DataFolderKeys(
        sessions: vaultKey, signer: SymmetricKey(data: [UInt8](repeating: 8, count: 32)))
    private static let new = DataFolderKeys(
        sessions: SymmetricKey(data: [UInt8](repeating: 9, count: 32)),
        signer: SymmetricKey(data: [UInt8](repeating: 10, count: 32)))
    private static let other = DataFolderKeys(
        sessions: SymmetricKey(data: [UInt8](repeating: 11, count: 32)), signer: SymmetricKey(size: .bits256))
    private static let slot = 80

    private func open(
        _ folder: Folder, _ storage: SimulatedStorage, _ keys: DataFolderKeys
    ) throws(GatewayError) -> AuditStore {
        try AuditStore.open(
            directory: folder.path,
            options: StoreOptions(
                vaultKey: keys.sessions, ledger: LedgerOptions(sealingKey: keys.signer), segmentSize: 16 << 10,
                watermark: 0), storage: storage, now: wallClock)
    }

    /// A folder at rest with a filed, a young and an erased session.
    private struct Made {
        var folder: Folder
        var storage: SimulatedStorage
        var kept: [RecordID]
        var erased: RecordID
    }

    private func make() async throws -> Made {
        let (folder, storage) = (try Folder(), SimulatedStorage())
        let store = try open(folder, storage, Self.old)
        defer { store.close() }
        var sessions: [RecordID] = []
        for _ in 0..<3 {
            let context = newContext()
            let recorder = try store.makeRecorder(context)
            try recorder.append(EntryDraft(.sessionOpen))
            try recorder.command(1, "SELECT 'said'")
            try recorder.answer(1, (0..<9000).map { _ in UInt8.random(in: 0...255) })
            try recorder.outcome(1)
            try await store.durable(recorder.close())
            sessions.append(context.session)
        }
        try await eventually("one is filed") { storage.paths.contains { $0.hasSuffix("\(sessions[0]).rec") } }
        #expect(try await store.archive?.caughtUp() == true)
        try await store.erase([sessions[1]], as: EntryDraft(.erased))
        return Made(folder: folder, storage: storage, kept: [sessions[0], sessions[2]], erased: sessions[1])
    }

    private func copy(_ folder: Folder) throws -> Folder {
        let copy = try Folder()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: copy.path + "/" + name)
        }
        return copy
    }

    /// Whether the folder opens with these keys; then all that is kept must be readable.
    private func opens(_ made: Made, _ storage: SimulatedStorage, _ keys: DataFolderKeys) throws -> Bool {
        let folder = try copy(made.folder)
        let store: AuditStore
        do { store = try open(folder, storage.copied(), keys) } catch {
            #expect(error.code == .wrongVaultKey)
            return false
        }
        defer { store.close() }
        let archive = try #require(store.archive)
        for session in made.kept {
            let content = try archive.entries(of: session, from: 1, limit: 1).first?.content
            #expect(content?.first.map { String(decoding: $0.bytes, as: UTF8.self) } == "SELECT 'said'")
        }
        return true
    }

    private func wrapped(_ storage: SimulatedStorage) -> [[UInt8]] {
        let bytes = storage.bytes(of: "keys/keys.log") ?? []
        return stride(from: 0, to: bytes.count, by: Self.slot).map { Array(bytes[$0 + 16..<$0 + 76]) }
            .filter { $0.contains { $0 != 0 } }
    }

    /// Every file, and every block that has become free.
    private func holds(_ storage: SimulatedStorage, _ needle: [UInt8]) -> Bool {
        let files = storage.state.withLock { Array($0.names.values) + $0.freed }
        return files.contains { file in
            Data(file.state.withLock { $0.current }).range(of: Data(needle)) != nil
        }
    }

    @Test func everythingIsUnderTheNewKeyAndRecordingsAreAsTheyWere() async throws {
        let made = try await make()
        let recordings = made.storage.paths.filter { $0.hasPrefix("recordings/") }
        let before = recordings.map { made.storage.bytes(of: $0) }
        let oldSlots = wrapped(made.storage)
        #expect(oldSlots.count >= 3)
        #expect(throws: GatewayError.self) { try KeyRotation.run(made.storage, from: Self.other, to: Self.new) }
        #expect(try opens(made, made.storage, Self.old))
        #expect(try !KeyRotation.isDone(made.storage, Self.new))

        let result = try KeyRotation.run(made.storage, from: Self.old, to: Self.new)
        #expect(result.rewrapped == oldSlots.count && result.kept == 0 && result.signers == 1)
        #expect(recordings.map { made.storage.bytes(of: $0) } == before)
        #expect(try opens(made, made.storage, Self.new))
        #expect(try !opens(made, made.storage, Self.old))
        #expect(try KeyRotation.isDone(made.storage, Self.new))
        // Done again it changes nothing.
        let again = try KeyRotation.run(made.storage, from: Self.old, to: Self.new)
        #expect(again.rewrapped == 0 && again.kept == oldSlots.count && again.signers == 0)
        #expect(!made.storage.paths.contains { $0.hasPrefix("rewrap") })
        for slot in oldSlots { #expect(!holds(made.storage, slot), "a key under the old vault key is left") }
    }

    @Test func noWrappedKeyOfAnErasedSessionIsLeftEvenInFreeBlocks() async throws {
        let made = try await make()
        let underOld = wrapped(made.storage)
        _ = try KeyRotation.run(made.storage, from: Self.old, to: Self.new)
        let underNew = wrapped(made.storage)
        #expect(underNew.count == underOld.count)
        let store = try open(made.folder, made.storage, Self.new)
        #expect(try await store.archive?.caughtUp() == true)
        try await store.erase(made.kept, as: EntryDraft(.erased))
        store.close()
        let left = wrapped(made.storage)
        // The gateway's own keys stay.
        #expect(underNew.filter { !left.contains($0) }.count == 2)
        for slot in underNew where !left.contains(slot) { #expect(!holds(made.storage, slot)) }
        for slot in underOld { #expect(!holds(made.storage, slot)) }
    }

    /// Wherever the machine stops, or whichever call fails: the folder opens with the old key or with the new one, never
    /// with both or neither, and doing it again completes it.
    @Test(arguments: [true, false]) func theFolderAlwaysOpensWithExactlyOneKey(_ isCrash: Bool) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = Seeded(state: seed)
        let made = try await make()
        let dry = made.storage.copied()
        _ = try KeyRotation.run(dry, from: Self.old, to: Self.new)
        let total = dry.calls
        #expect(total > 12)
        var seen: Set<Bool> = []
        for at in 1...total {
            let label = "call \(at) of \(total), seed \(seed)"
            let storage = made.storage.copied(fault: .init(at: at, number: 28, isCrash: isCrash))
            #expect(throws: GatewayError.self, "\(label)") {
                try KeyRotation.run(storage, from: Self.old, to: Self.new)
            }
            let disk = isCrash ? storage.rebooted { Bool.random(using: &random) } : storage.copied()
            let (isOld, isNew) = (try opens(made, disk, Self.old), try opens(made, disk, Self.new))
            #expect(isOld != isNew, "\(label)")
            seen.insert(isNew)
            _ = try KeyRotation.run(disk, from: Self.old, to: Self.new)
            #expect(try opens(made, disk, Self.new), "\(label)")
            #expect(try !opens(made, disk, Self.old), "\(label)")
            #expect(!disk.paths.contains { $0.hasPrefix("rewrap") }, "\(label)")
        }
        // Both sides of the one step were seen.
        #expect(seen == [true, false])
    }

    @Test func theLockKeepsOthersOut() async throws {
        let made = try await make()
        #expect(try made.storage.lock())
        do {
            _ = try KeyRotation.run(made.storage, from: Self.old, to: Self.new)
            Issue.record("it ran")
        } catch {
            #expect(error.code == .storeBusy)
        }
    }

    @Test func whoHasTheFolderIsTold() throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        do {
            _ = try openStore(folder)
            Issue.record("it opened")
        } catch {
            #expect(error.code == .storeBusy)
            #expect(error.message.contains("process \(getpid())") && error.message.contains("stop it first"))
        }
    }
}
