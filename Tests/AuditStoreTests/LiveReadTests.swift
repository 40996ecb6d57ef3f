import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Synchronization
import Testing

/// Reading beside a gateway that writes: what was read ahead is from before.
@Suite struct LiveReadTests {
    /// A slow reader of an export: while it holds it up, the log grows, within the segment and past its end.
    @Test(arguments: [20, 200]) func anExportGoesOnWhileTheLogGrows(answer: Int) async throws {
        let folder = try Folder()
        let store = try openStore(folder, segmentSize: 128 << 10)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        func work(_ numbers: ClosedRange<UInt64>) throws -> LogPosition {
            var last = LogPosition.start
            for number in numbers {
                try recorder.command(number, "SELECT \(number)")
                try recorder.answer(number, [UInt8](repeating: 65, count: answer))
                last = try recorder.outcome(number)
            }
            return last
        }
        let archive = try #require(store.archive)
        try await store.durable(work(1...60))
        #expect(try await archive.caughtUp())
        var lines = 0
        try archive.export(session: recorder.session) { bytes in
            lines += bytes.filter { $0 == 0x0A }.count
            // The first page, of a hundred entries, was read by then.
            guard lines == 100, bytes.last == 0x0A else { return }
            _ = try work(61...300)
            store.requestSync()
            for _ in 0..<1000 {
                if try archive.session(recorder.session)?.commands == 300 { return }
                usleep(10_000)
            }
            Issue.record("the index does not follow")
        }
        #expect(lines == 600)
    }

    /// A disk whose first look at one segment is from before its end was written.
    private final class Stale: LogStorage {
        private let disk: SimulatedStorage
        private let path: String
        private let length: Int
        private let isOld = Atomic<Bool>(true)

        init(_ disk: SimulatedStorage, _ path: String, length: Int) {
            self.disk = disk
            self.path = path
            self.length = length
        }

        func open(_ path: String, create: Bool) throws(StorageFailure) -> any LogFile {
            guard path == self.path, isOld.exchange(false, ordering: .relaxed), let bytes = disk.bytes(of: path) else {
                return try disk.open(path, create: create)
            }
            return MemoryFile(bytes.prefix(length) + [UInt8](repeating: 0, count: bytes.count - length))
        }

        func makeDirectory(_ path: String) throws(StorageFailure) {}
        func list(_ path: String) throws(StorageFailure) -> [String] { try disk.list(path) }
        func link(_ path: String, to other: String) throws(StorageFailure) {}
        func rename(_ path: String, to other: String) throws(StorageFailure) {}
        func remove(_ path: String) throws(StorageFailure) {}
        func syncDirectory(_ path: String) throws(StorageFailure) {}
        func freeBytes() -> UInt64? { nil }
        func lock() throws(StorageFailure) -> Bool { false }
        func unlock() {}
    }

    @Test func aSegmentThatEndedMeanwhileIsReadToItsEnd() async throws {
        let disk = try await ledgerDisk(entries: 60)
        let names = disk.paths.filter { $0.hasPrefix("wal/") && $0.hasSuffix(".seg") }
        #expect(names.count > 3)
        // The last one has no successor yet.
        for name in names.dropLast(2) {
            for part in [0, 1, 2, 3] {
                let length = 64 + ((disk.bytes(of: name)?.count ?? 64) - 64) * part / 4
                var check = LedgerCheck(storage: Stale(disk, name, length: length), key: try verifierKey(on: disk))
                check.hasLog = true
                check.isLive = true
                #expect(try check.run().logEntries == 60, "\(name) up to \(length)")
                // Without a gateway it is a gap.
                check = LedgerCheck(storage: Stale(disk, name, length: length), key: try verifierKey(on: disk))
                check.hasLog = true
                #expect(throws: LedgerProblem.self) { try check.run() }
            }
        }
    }
}
