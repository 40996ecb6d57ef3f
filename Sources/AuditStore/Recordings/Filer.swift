import AuditLedger
import Crypto
import Dispatch
import GRDB
import GatewayCore
import Glibc
import Synchronization

/// Follows the synced log and files it: entries into the index, full segments from `wal/` to `recordings/`. Off the
/// data path.
final class Filer: LogFollower {
    /// How often the filer looks for something new.
    private static let interval = DispatchTimeInterval.milliseconds(50)
    private static let recordsPerTransaction = 4000

    let index: SearchIndex
    private let segments: SegmentFolder
    private let target = Atomic<UInt64>(0)
    private let isClosing = Atomic<Bool>(false)
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let problem = Mutex<GatewayError?>(nil)

    private let opener: Mutex<RecordOpener>

    init(index: SearchIndex, storage: any LogStorage, vaultKey: SymmetricKey) throws(GatewayError) {
        self.index = index
        segments = SegmentFolder(storage: storage)
        opener = Mutex(try RecordOpener(storage: storage, vaultKey: vaultKey))
    }

    /// Opens the folder's index and files what it lacks of a log that ends at `end`.
    static func open(directory: String, storage: any LogStorage, vaultKey: SymmetricKey, end: UInt64)
        throws(GatewayError)
        -> Filer
    {
        do throws(StorageFailure) {
            // Made here so that SQLite's files get its mode, 0600.
            _ = try storage.open("index.sqlite", create: true)
        } catch {
            throw SearchIndex.failure(error)
        }
        let filer = try Filer(
            index: SearchIndex(path: directory + "/index.sqlite", isReader: false, vaultKey: vaultKey),
            storage: storage, vaultKey: vaultKey
        )
        let filed = try filer.index.progress().position
        guard filed <= end else {
            // Only what was synced is ever filed.
            throw GatewayError(
                .logCorrupt,
                "The audit log ends at position \(end), but entries up to \(filed) were synced before; restore the data folder's missing files."
            )
        }
        try filer.catchUp(to: end)
        try filer.sweep()
        return filer
    }

    /// Why filing stopped; the log itself goes on.
    var failure: GatewayError? { problem.withLock { $0 } }

    var passedSegment: UInt64 { (try? index.progress().segment) ?? 0 }

    func advance(to position: LogPosition) {
        target.store(position.offset, ordering: .releasing)
    }

    func start() throws(GatewayError) {
        try Thread.start { self.run() }
    }

    /// Files the segments that a crash left between their last index entry and their move.
    func sweep() throws(GatewayError) {
        let filed = try index.progress().segment
        do {
            for number in try segments.storage.list("wal").compactMap(SegmentHeader.number).sorted()
            where number < filed {
                guard var reader = try segments.open(number) else { continue }
                while try reader.next() != nil {}
                try segments.file(number, length: reader.offset(of: reader.position))
            }
        } catch {
            throw SearchIndex.failure(error)
        }
    }

    private func run() {
        // On Linux this is the calling thread's own; sessions come first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        while failure == nil, !isClosing.load(ordering: .acquiring) {
            _ = wake.wait(timeout: .now() + Self.interval)
            do throws(GatewayError) {
                try catchUp(to: target.load(ordering: .acquiring))
            } catch {
                problem.withLock { $0 = error }
            }
        }
        ended.signal()
    }

    func close(at position: LogPosition) {
        advance(to: position)
        isClosing.store(true, ordering: .releasing)
        wake.signal()
        ended.wait()
        try? index.pool.close()
    }

    /// Files everything up to `end`, which must be synced.
    func catchUp(to end: UInt64) throws(GatewayError) {
        while true {
            let progress = try index.progress()
            guard progress.position < end else { return }
            try step(from: progress, to: end)
        }
    }

    private func step(from progress: (segment: UInt64, position: UInt64), to end: UInt64) throws(GatewayError) {
        do {
            let number = max(progress.segment, 1)
            guard var reader = try segments.open(number) else { throw Self.missing(number) }
            reader.seek(max(progress.position, reader.first))
            var isAtEnd = false
            try index.write { batch, db in
                try db.cachedStatement(sql: "INSERT OR IGNORE INTO segments (number, first) VALUES (?, ?)")
                    .execute(arguments: [Int64(clamping: number), Int64(clamping: reader.first)])
                var count = 0
                while reader.position < end, count < Self.recordsPerTransaction || batch.awaitsLeaf {
                    guard let record = try reader.next() else {
                        guard try segments.open(number + 1)?.first == reader.position else {
                            let offset = reader.offset(of: reader.position)
                            throw GatewayError(
                                .logCorrupt, "The audit log is damaged at byte \(offset) of \(reader.path).")
                        }
                        isAtEnd = true
                        break
                    }
                    let content = record.kind == .content ? try opener.withLock { try $0.content(of: record) } : []
                    try batch.add(record, content: content)
                    count += 1
                }
                try batch.finish(segment: isAtEnd ? number + 1 : number, position: reader.position)
            }
            if isAtEnd, reader.path.hasPrefix("wal/") {
                try segments.file(number, length: reader.offset(of: reader.position))
            }
        } catch {
            throw SearchIndex.failure(error)
        }
    }

    private static func missing(_ number: UInt64) -> GatewayError {
        GatewayError(.logCorrupt, "The audit log's segment \(SegmentHeader.name(number)) is missing.")
    }
}
