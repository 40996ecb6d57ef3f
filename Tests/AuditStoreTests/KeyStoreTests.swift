import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// A key is gone only where it was erased; anything else in its place is damage, and nothing is filed, indexed or written
/// over because of it.
@Suite struct KeyStoreTests {
    private static let keys = "keys/keys.log"
    private static let slot = 80

    /// A log with the content of two sessions: the gateway's own key is in slot 0, theirs are in slots 1 and 2.
    private func recorded() async throws -> (folder: Folder, disk: SimulatedStorage, sessions: [RecordID]) {
        let (folder, disk) = (try Folder(), SimulatedStorage())
        let store = try openStore(folder, disk)
        var sessions: [RecordID] = []
        for name in ["anna", "boris"] {
            let recorder = try store.makeRecorder(newContext(name))
            try recorder.append(EntryDraft(.sessionOpen))
            try await store.durable(recorder.command(1, "SELECT 1"))
            sessions.append(recorder.session)
        }
        _ = try await store.archive?.caughtUp()
        store.close()
        return (folder, disk.rebooted(), sessions)
    }

    @Test func aMissingOrDamagedKeyStopsTheStart() async throws {
        let (folder, disk, _) = try await recorded()
        func refuses(_ what: String, _ change: (SimulatedStorage) throws -> Void) throws {
            let copy = disk.copied()
            try change(copy)
            let before = copy.paths.map { copy.bytes(of: $0) }
            // With the index as it was, and with one that is made anew.
            for folder in [folder, try Folder()] {
                let error = #expect(throws: GatewayError.self, "\(what)") { try openStore(folder, copy) }
                #expect(error?.code == .logCorrupt && error?.message.contains(Self.keys) == true, "\(what)")
            }
            #expect(copy.paths.filter { $0 != "index.sqlite" }.map { copy.bytes(of: $0) } == before, "\(what)")
        }
        try refuses("no file") { try $0.remove(Self.keys) }
        for length in [0, 1, 2 * Self.slot, 3 * Self.slot - 1] {
            try refuses("cut to \(length)") { $0.edit(Self.keys) { $0 = Array($0.prefix(length)) } }
        }
        for byte in [80, 95, 110, 159, 160, 175, 239] {
            try refuses("byte \(byte)") { $0.edit(Self.keys) { $0[byte] ^= 1 } }
        }
        try refuses("another session's key") {
            $0.edit(Self.keys) { $0.replaceSubrange(80..<160, with: $0[160..<240]) }
        }
        try openStore(folder, disk).close()
    }

    /// What lies at the end is never written over: erased keys are zeros too, and a crash tears only what seals nothing.
    @Test func noSlotIsUsedTwice() async throws {
        let (folder, disk, sessions) = try await recorded()
        let storage = disk.copied()
        storage.edit(Self.keys) { keys in
            keys.replaceSubrange(2 * Self.slot..<3 * Self.slot, with: [UInt8](repeating: 0, count: Self.slot))
            // Two keys that a crash tore.
            keys += [UInt8](repeating: 7, count: Self.slot + 30)
        }
        let before = try #require(storage.bytes(of: Self.keys))
        let store = try openStore(folder, storage)
        let recorder = try store.makeRecorder(newContext("clara"))
        try await store.durable(recorder.command(1, "SELECT 2"))
        let archive = try #require(store.archive)
        #expect(try await archive.caughtUp())
        #expect(try archive.entries(of: recorder.session, from: 0, limit: 1).first?.content.count == 1)
        #expect(try archive.entries(of: sessions[0], from: 1, limit: 1).first?.content.count == 1)
        #expect(try archive.entries(of: sessions[1], from: 0, limit: 9).flatMap(\.content).isEmpty)
        store.close()
        let after = try #require(storage.bytes(of: Self.keys))
        #expect(Array(after.prefix(before.count)) == before)
        #expect(after.count == 7 * Self.slot)
        // A new vault key does not move them either.
        let new = SymmetricKey(size: .bits256)
        let copy = try storage.open("keys/copy", create: true)
        let source = try storage.open(Self.keys, create: false)
        #expect(try KeyStore.rewrap(source, into: copy, from: vaultKey, to: new).rewrapped == 4)
        #expect(try copy.size() == UInt64(after.count))
    }

    /// Entries without content name no slot: a key that is not found may be an erased one's, or lost.
    @Test func aSessionIsNotDroppedBecauseItsKeyIsDamaged() async throws {
        let (folder, disk) = (try Folder(), SimulatedStorage())
        let store = try openStore(folder, disk, segmentSize: 4096)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        try await store.durable(recorder.close())
        disk.edit(Self.keys) { $0[Self.slot] ^= 1 }
        for _ in 0..<20 { try await store.durable(store.appendSystem(EntryDraft(.policyLoaded))) }
        try await eventually("filing has stopped") { store.indexProblem != nil }
        #expect(store.indexProblem?.code == .logCorrupt)
        #expect(disk.paths.contains(ForgedLog.segment))
    }

    /// The key's slot is synced before any record of its session is even written.
    @Test func aRecordWithoutItsKeyIsNeverLeftByACrash() async throws {
        let dry = SimulatedStorage()
        func work(_ storage: SimulatedStorage) async {
            guard let store = try? openStore(Folder(), storage, keepsIndex: false) else { return }
            defer { store.close() }
            for number in 0..<4 {
                guard let recorder = try? store.makeRecorder(newContext()),
                    let position = try? recorder.command(1, "SELECT \(number)")
                else { return }
                if number % 2 == 0 { _ = try? store.writeNow() }
                try? await store.durable(position)
            }
        }
        await work(dry)
        for at in 1...dry.calls {
            let storage = SimulatedStorage(fault: .init(at: at, number: 5, isCrash: true))
            await work(storage)
            // The log's bytes have all reached the disk by themselves, the keys' have not.
            let disk = storage.copied()
            if let keys = storage.rebooted().bytes(of: Self.keys) { disk.edit(Self.keys) { $0 = keys } }
            do { try openStore(Folder(), disk, keepsIndex: false).close() } catch {
                Issue.record("crash at \(at): \(error)")
            }
        }
    }
}
