import AuditLedger
import AuditStore
import Foundation
import GRDB
import GatewayCore
import Testing

/// What a target answers, and what lies in files, may be anything: it is refused or counted as far as it goes, and never
/// ends the process.
@Suite struct HostileDataTests {
    private static let most = 9_007_199_254_740_991

    /// A target says of each command that it had as many rows as there can be.
    @Test func rowsAreCountedAsFarAsNumbersGo() async throws {
        let folder = try Folder()
        var store = try openStore(folder)
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        // More than fit into 64 bits: within one batch, then over several.
        for round in 0..<3 {
            for number in 1...(round == 0 ? 1100 : 700) {
                try recorder.outcome(UInt64(round * 2000 + number), rows: Self.most)
            }
            try await store.durable(recorder.append(EntryDraft(EntryType(rawValue: "notice"))))
            let archive = try #require(store.archive)
            #expect(try await archive.caughtUp())
            #expect(try archive.session(recorder.session)?.rows == Self.most)
        }
        store.close()
        store = try openStore(folder)
        #expect(try store.archive?.session(recorder.session)?.rows == Self.most)
        store.close()
    }

    /// As an index would hold them that was made before counts had an end.
    @Test func whatTheIndexHoldsMayBeAnything() async throws {
        let folder = try Folder()
        var store = try openStore(folder)
        let recorder = try store.makeRecorder(newContext())
        try await store.durable(recorder.append(EntryDraft(.sessionOpen)))
        #expect(try await store.archive?.caughtUp() == true)
        store.close()
        let pool = try DatabasePool(path: folder.path + "/index.sqlite")
        try await pool.write { db in
            try db.execute(
                sql: "UPDATE sessions SET rows = 1e19, commands = 'x', agent = 1.5, address = x'00FF', closed = 'x'")
        }
        try pool.close()
        store = try openStore(folder)
        defer { store.close() }
        let found = try #require(try store.archive?.session(recorder.session))
        #expect(found.rows == 0 && found.commands == 0 && found.closed == nil)
        let more = try store.makeRecorder(newContext())
        try await store.durable(more.append(EntryDraft(.sessionOpen)))
        #expect(try await store.archive?.caughtUp() == true)
        #expect(try store.archive?.sessions(SessionQuery()).count == 2)
    }

    @Test func numbersOfTheLogMayBeAnything() async throws {
        let disk = SimulatedStorage()
        let store = try openStore(Folder(), disk, segmentSize: 64 << 10, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        try await store.durable(recorder.command(1, "SELECT 1"))
        store.close()
        for value in [UInt64.max, UInt64.max - 1, UInt64.max - 100, 1 << 63] {
            for place in [16, 24, 32] {
                let forged = disk.copied()
                forged.edit(ForgedLog.segment) { ForgedLog.setHeader(&$0, at: place, value) }
                #expect(throws: GatewayError.self, "\(value) at \(place)") { try openStore(Folder(), forged) }
                _ = try? LogCheck.run(forged) { _, _ in }
            }
            let forged = disk.copied()
            try forged.open("wal/retired", create: true).write(ForgedLog.retired(value), at: 0)
            #expect(throws: GatewayError.self, "\(value) retired") { try openStore(Folder(), forged) }
            let named = disk.copied()
            let name = "wal/" + String(value, radix: 16) + ".seg"
            try named.open(name, create: true).write(disk.bytes(of: ForgedLog.segment) ?? [], at: 0)
            _ = try? LogCheck.run(named) { _, _ in }
        }
    }

    @Test func aKeySlotMayBeAnyNumber() async throws {
        let disk = SimulatedStorage()
        let store = try openStore(Folder(), disk, segmentSize: 64 << 10, keepsIndex: false)
        let recorder = try store.makeRecorder(newContext())
        try await store.durable(recorder.command(1, "SELECT 1"))
        store.close()
        for slot in [UInt64.max, UInt64.max / 80, UInt64.max / 80 + 1, 1 << 40] {
            let forged = disk.copied()
            forged.edit(ForgedLog.segment) {
                ForgedLog.edit(&$0, kind: 3) { ForgedLog.put(slot.bigEndian, &$0, at: 16) }
            }
            let error = #expect(throws: GatewayError.self, "\(slot)") { try openStore(Folder(), forged) }
            #expect(error?.code == .logCorrupt)
        }
    }
}
