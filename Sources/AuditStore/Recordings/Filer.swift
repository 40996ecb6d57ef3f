import AuditLedger
import Crypto
import Dispatch
import GRDB
import GatewayCore
import Glibc
import Synchronization

/// Follows the synced log and files it: entries into the index at once, full segments into recordings. Off the data path.
final class Filer: LogFollower {
    /// How often the filer looks for something new.
    private static let interval = DispatchTimeInterval.milliseconds(50)
    /// The same while the disk is full.
    private static let fullInterval = DispatchTimeInterval.seconds(2)
    private static let recordsPerTransaction = 4000

    /// What one thread at a time works with: the filer's own, or one that erases.
    private struct Work: ~Copyable {
        var opener: RecordOpener
        /// The segment that is being copied into recordings.
        var copier: SegmentCopier?
    }

    let index: SearchIndex
    private let storage: any LogStorage
    private let segments: SegmentFolder
    private let work: Mutex<Work>
    private let target = Atomic<UInt64>(0)
    private let filed = Atomic<UInt64>(0)
    private let isClosing = Atomic<Bool>(false)
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let problem = Mutex<GatewayError?>(nil)
    /// Tells that room must be kept for others.
    private let isSaving: Mutex<(@Sendable () -> Bool)?> = Mutex(nil)
    /// Called after a segment was filed, on the filer's thread.
    private let whenFiled: Mutex<(@Sendable () throws(StorageFailure) -> Void)?> = Mutex(nil)
    private let whenErased: Mutex<(@Sendable ([RecordID]) -> Void)?> = Mutex(nil)

    private init(index: SearchIndex, storage: any LogStorage, vaultKey: SymmetricKey) throws(GatewayError) {
        self.index = index
        self.storage = storage
        segments = SegmentFolder(storage: storage)
        work = Mutex(Work(opener: try RecordOpener(storage: storage, vaultKey: vaultKey), copier: nil))
    }

    /// Opens the folder's index and brings it up to the log: what the log does not hold any more is read from the
    /// recordings.
    static func open(
        directory: String, storage: any LogStorage, vaultKey: SymmetricKey, log: LogRecovery
    ) throws(GatewayError) -> Filer {
        do {
            // Made here so that SQLite's files get its mode, 0600.
            _ = try storage.open("index.sqlite", create: true)
            let index = try SearchIndex(
                path: directory + "/index.sqlite", isReader: false, vaultKey: vaultKey)
            let filer = try Filer(index: index, storage: storage, vaultKey: vaultKey)
            if try index.progress().position < log.first { try filer.rebuild(before: log) }
            let position = try index.progress().position
            guard position <= log.end else {
                // Only what was synced is ever filed.
                throw GatewayError(
                    .logCorrupt,
                    "The audit log ends at position \(log.end), but entries up to \(position) were synced before; restore the data folder's missing files."
                )
            }
            try filer.catchUp(to: log.end)
            // What cannot be done now is done by the next round of retention; reading goes on meanwhile.
            try? filer.completeErasures()
            filer.filed.store(try index.read { try RecordingIndex.filing($0).segment }, ordering: .releasing)
            return filer
        } catch {
            throw SearchIndex.failure(error)
        }
    }

    /// Why filing stopped; the log itself goes on.
    var failure: GatewayError? { problem.withLock { $0 } }

    var passedSegment: UInt64 { filed.load(ordering: .acquiring) }

    func advance(to position: LogPosition) {
        target.store(position.offset, ordering: .releasing)
    }

    /// Sets what is called after each filed segment.
    func afterFiling(_ body: @escaping @Sendable () throws(StorageFailure) -> Void) {
        whenFiled.withLock { $0 = body }
    }

    /// Sets who is told of sessions that are erased, on the thread that erases.
    func afterErasing(_ body: @escaping @Sendable ([RecordID]) -> Void) {
        whenErased.withLock { $0 = body }
    }

    /// Sets what tells that room must be kept for others: nothing is copied meanwhile.
    func waitWhile(_ isSaving: @escaping @Sendable () -> Bool) {
        self.isSaving.withLock { $0 = isSaving }
    }

    func start() throws(GatewayError) {
        try Thread.start("filer") { self.run() }
    }

    private func run() {
        // On Linux this is the calling thread's own; sessions come first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
        var hasMore = false
        // Up to where all is done: an idle gateway asks its index nothing.
        var done: UInt64?
        while !isClosing.load(ordering: .acquiring) {
            if !hasMore { _ = wake.wait(timeout: .now() + (failure == nil ? Self.interval : Self.fullInterval)) }
            do {
                let end = target.load(ordering: .acquiring)
                if end != done {
                    try catchUp(to: end)
                    // In small steps between, so that what is new can be found soon whatever there is to copy.
                    let mayCopy = !isSaving.withLock { $0?() ?? false }
                    hasMore = try mayCopy && copySome()
                    done = mayCopy && !hasMore ? end : nil
                }
                try whenFiled.withLock { $0 }?()
                problem.withLock { $0 = nil }
            } catch {
                problem.withLock { $0 = Self.explain(error) }
                guard Self.mayPass(error) else { break }
                // As after a crash: each recording is cut to where the index says that it ends, and written again.
                work.withLock { $0.copier = nil }
                (hasMore, done) = (false, nil)
            }
        }
        ended.signal()
    }

    /// A full disk may have room again. Not after a sync that failed: what it left unwritten nobody knows.
    private static func mayPass(_ error: any Error) -> Bool {
        if let failure = error as? StorageFailure {
            return failure.isDiskFull && !["sync", "fdatasync", "fsync", "syncDirectory"].contains(failure.call)
        }
        let under = (error as? GatewayError).map { $0.code == .indexFull } ?? false
        return under || (error as? DatabaseError)?.resultCode == .SQLITE_FULL
    }

    private static func explain(_ error: any Error) -> GatewayError {
        if let failure = error as? StorageFailure {
            return GatewayError(
                failure.isDiskFull ? .diskFull : .recordingFailed,
                "Recordings cannot be written: \(failure.call) \(failure.path) failed; the log goes on, but cannot be cleared.",
                cause: failure)
        }
        return SearchIndex.failure(error)
    }

    func close(at position: LogPosition) {
        advance(to: position)
        isClosing.store(true, ordering: .releasing)
        wake.signal()
        ended.wait()
        try? index.pool.close()
    }

    // MARK: The index

    /// Indexes everything up to `end`, which must be synced.
    func catchUp(to end: UInt64) throws(GatewayError) {
        do {
            // Lock order: the work, then the database.
            while try work.withLock({ try step(to: end, &$0.opener) }) {}
        } catch {
            throw SearchIndex.failure(error)
        }
    }

    /// False when all was there.
    private func step(to end: UInt64, _ opener: inout RecordOpener) throws -> Bool {
        let progress = try index.progress()
        guard progress.position < end else { return false }
        let number = max(progress.segment, 1)
        guard var reader = try segments.open(number) else { throw Self.missing(number) }
        reader.seek(max(progress.position, reader.first))
        try index.write { batch, db in
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO segments (number, first) VALUES (?, ?)")
                .execute(arguments: [Int64(clamping: number), Int64(clamping: reader.first)])
            var isAtEnd = false
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
                try batch.add(record, content: record.kind == .content ? opener.content(of: record) : [])
                count += 1
            }
            try batch.finish(segment: isAtEnd ? number + 1 : number, position: reader.position)
        }
        return true
    }

    private static func missing(_ number: UInt64) -> GatewayError {
        GatewayError(.logCorrupt, "The audit log's segment \(SegmentHeader.name(number)) is missing.")
    }

    // MARK: Recordings

    /// Copies a little of the oldest full segment into recordings; false when there is none.
    func copySome() throws -> Bool {
        try work.withLock { work in
            if work.copier == nil {
                let filing = try index.read { try RecordingIndex.filing($0).segment }
                // Only what is indexed: a session is known before its recording is.
                guard filing < (try index.progress().segment) else { return false }
                guard let reader = try segments.open(filing) else { throw Self.missing(filing) }
                work.copier = SegmentCopier(reader, storage: storage)
            }
            guard var copier = work.copier else { return false }
            work.copier = nil
            let isDone = try copier.step(
                &work.opener, known: { session in try index.read { try RecordingIndex.row(session, $0) } },
                isErased: { session in try index.read { try PendingErasures.isErased(session, $0) } })
            if isDone { try commit(copier) } else { work.copier = copier }
            return true
        }
    }

    /// The recordings are synced, so the index may say what they hold; once that is durable too, the segment may go.
    private func commit(_ copier: SegmentCopier) throws {
        try index.pool.barrierWriteWithoutTransaction { db in
            // Otherwise a power loss could take the index back to before a segment that is gone.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            defer { try? db.execute(sql: "PRAGMA synchronous = NORMAL") }
            try db.inTransaction {
                for (session, row) in copier.rows { try RecordingIndex.save(row, of: session, db) }
                try RecordingIndex.setFiling(segment: copier.number + 1, position: copier.end, db)
                return .commit
            }
        }
        filed.store(copier.number + 1, ordering: .releasing)
    }

    // MARK: Making the index again

    /// From the recordings, as far as the log does not go back any more.
    private func rebuild(before log: LogRecovery) throws {
        try work.withLock { work in
            var rebuild = RecordingRebuild(index: index, storage: storage)
            try rebuild.run(before: log, &work.opener)
        }
    }

    // MARK: Erasing

    /// Destroys what the folder holds of the sessions that entries up to `end`, which are synced, say to be erased.
    func erase(through end: UInt64) throws(GatewayError) {
        try catchUp(to: end)
        try completeErasures()
    }

    /// The key goes first: from then on nothing opens, whatever is left. That a session is to be erased is forgotten last:
    /// by it an erasure that was cut short is found and done again.
    func completeErasures() throws(GatewayError) {
        do {
            try work.withLock { work in
                let sessions = try index.read { try PendingErasures.all($0) }
                guard !sessions.isEmpty else { return }
                for session in sessions {
                    work.opener.forget(session)
                    work.copier?.erase(session)
                }
                // Also when the rest fails: what is only in memory goes first.
                whenErased.withLock { $0 }?(sessions)
                try KeyStore.destroy(Set(sessions), in: storage.open(KeyStore.path, create: false))
                try removeRecordings(of: sessions)
                try index.pool.write { db in for session in sessions { try RecordingIndex.erase(session, db) } }
                try index.erase(sessions: sessions)
                try index.pool.write { try PendingErasures.remove(sessions, $0) }
            }
        } catch {
            throw Self.explain(error)
        }
    }

    private func removeRecordings(of sessions: [RecordID]) throws(StorageFailure) {
        var folders: Set<String> = []
        for session in sessions {
            do throws(StorageFailure) {
                try storage.remove(RecordingHeader.path(of: session))
                folders.insert(RecordingHeader.folder(of: session))
            } catch {
                // Never filed, or gone already.
                guard error.number == 2 else { throw error }
            }
        }
        for folder in folders { try storage.syncDirectory(folder) }
    }
}
