import Dispatch
import GatewayCore
import Glibc
import Synchronization

/// The write-ahead log's writing end: records from all threads are gathered in one buffer; one thread writes and syncs
/// a batch. Where one caller waits alone and the disk is quick, it syncs by itself: two changes of threads cost more.
///
/// Lock order: syncing, files, spare, state. Observers run without one of the last three held.
final class LogWriter: Sendable {
    /// What appenders touch, for some ten nanoseconds each.
    struct State {
        /// Whole records without their positions; the first is always a mark, filled in when written.
        var pending: [UInt8] = []
        /// A written buffer, kept for its room.
        var spare: [UInt8] = []
        var pendingStart: UInt64
        var pendingLeaves = 0
        var keys: [UInt8] = []
        var nextSlot: UInt64
        var written: UInt64
        var synced: UInt64
        var failure: GatewayError?
        var wantsSync = false
        var isSleeping = false
        var wakeAtLeaves = 0
        var isClosing = false
        /// Estimate of how many entries wait for a sync at the same time.
        var concurrency = 1
        var syncNanoseconds: UInt64 = 200_000
        var spareProblem: GatewayError?
        var counters = StoreCounters()
        var observers: [UInt64: @Sendable (LogProgress) -> Void] = [:]
        var nextObserver: UInt64 = 1

        var appended: UInt64 { pendingStart + UInt64(pending.count) }
    }

    struct Files {
        var current: any LogFile
        var number: UInt64
        var first: UInt64
        var used: UInt64 = 0
        /// Leaves written so far: the ledger's index of the next one.
        var leaves: UInt64
        var capacity: UInt64
        /// Full segments with bytes that are not synced yet.
        var unsynced: [any LogFile] = []
        var keyFile: any LogFile
        var keyOffset: UInt64
    }

    /// The segment after the one being written. Its lock is held while one is made, so that none is made twice.
    struct Spare {
        /// Number of the newest segment there is.
        var number: UInt64
        /// Set when that segment is not in use yet.
        var file: (any LogFile)?
    }

    /// A disk that takes longer, in the mean of late, makes nobody's event loop wait.
    private static let quickSync: UInt64 = 300_000
    /// How long written bytes may stay unsynced.
    static let laziestSync = DispatchTimeInterval.milliseconds(100)

    let state: Mutex<State>
    /// Held from the write of a batch to the end of its sync: a later batch must not be safe before an earlier one.
    private let syncing = Mutex(())
    private let files: Mutex<Files>
    private let spare: Mutex<Spare>
    private let storage: any LogStorage
    /// For the next segment, which may be made later: it does not use the reserve.
    private let aside: any LogStorage
    private let minimumFree: UInt64
    private let segmentSize: UInt64
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    /// The making of a next segment, beside the writing thread.
    private let preparation = DispatchGroup()

    init(
        storage: any LogStorage, aside: any LogStorage, segmentSize: UInt64, minimumFree: UInt64,
        after recovered: LogRecovery, keyFile: any LogFile
    ) throws(StorageFailure) {
        self.storage = storage
        self.aside = aside
        self.minimumFree = minimumFree
        self.segmentSize = segmentSize
        let (number, position) = (recovered.nextSegment, recovered.end)
        let first = try Self.create(number, size: segmentSize, in: storage)
        let header = SegmentHeader.encode(number: number, first: position, firstLeaf: recovered.leaves)
        try first.write(header, at: 0)
        try first.sync()
        state = Mutex(
            State(pendingStart: position, nextSlot: recovered.keySlots, written: position, synced: position))
        files = Mutex(
            Files(
                current: first, number: number, first: position, leaves: recovered.leaves,
                capacity: segmentSize - UInt64(SegmentHeader.length), keyFile: keyFile,
                keyOffset: recovered.keySlots * UInt64(KeyStore.slotLength)))
        spare = Mutex(Spare(number: number))
    }

    private static func create(_ number: UInt64, size: UInt64, in storage: any LogStorage) throws(StorageFailure)
        -> any LogFile
    {
        let file = try storage.open("wal/" + SegmentHeader.name(number), create: true)
        try file.preallocate(size)
        try file.sync()
        try storage.syncDirectory("wal")
        return file
    }

    func start() throws(GatewayError) {
        prepareNextAside()
        try Thread.start("log-writer") { self.run() }
    }

    // MARK: Appending

    /// Takes whole records; the position returned is where they end.
    func append(_ records: [UInt8], leaves: Int) throws(GatewayError) -> LogPosition {
        try state.withLock { (state) throws(GatewayError) in
            if let failure = state.failure { throw failure }
            if state.isClosing { throw GatewayError(.logFailed, "The audit log is closed.") }
            if state.pending.isEmpty {
                state.pending.append(contentsOf: repeatElement(0, count: RecordFormat.markLength))
            }
            state.pending.append(contentsOf: records)
            state.pendingLeaves += leaves
            state.counters.entries += UInt64(leaves)
            return LogPosition(state.appended)
        }
    }

    /// Gives the next slot to a wrapped key, which is synced before any record appended from now on.
    func appendKey(_ make: (UInt64) throws(GatewayError) -> [UInt8]) throws(GatewayError) -> UInt64 {
        let slot = try state.withLock { (state) throws(GatewayError) in
            if let failure = state.failure { throw failure }
            let bytes = try make(state.nextSlot)
            state.keys += bytes
            state.nextSlot += 1
            return state.nextSlot - 1
        }
        return slot
    }

    /// Asks for all that was appended so far to be synced; observers hear of it.
    func requestSync() {
        let signal = state.withLock { state in
            guard state.appended > state.synced, state.failure == nil else { return false }
            state.wantsSync = true
            guard state.isSleeping, state.pendingLeaves >= state.wakeAtLeaves else { return false }
            state.isSleeping = false
            return true
        }
        if signal { wake.signal() }
    }

    /// Has all that was appended so far synced: on the calling thread when nobody else waits and the disk is quick,
    /// observers have heard of it then, or of the failure; else like `requestSync`.
    func syncAlone() {
        let isQuick = state.withLock {
            $0.concurrency <= 2 && $0.syncNanoseconds < Self.quickSync && !$0.isClosing && $0.failure == nil
        }
        // Of a failure observers have heard.
        let isDone = isQuick && syncing.withLockIfAvailable { _ in try? commit() } != nil
        if !isDone { requestSync() }
    }

    /// Writes what is pending on the calling thread, without a sync.
    func writeNow() throws(GatewayError) -> LogPosition {
        try flush()
        return state.withLock { LogPosition($0.written) }
    }

    // MARK: The writing thread

    private func run() {
        while true {
            let isClosing = waitForWork()
            gather()
            do throws(GatewayError) {
                try syncing.withLock { (_) throws(GatewayError) in try commit() }
            } catch {
                break
            }
            if isClosing { break }
            prepareNextAside()
        }
        ended.signal()
    }

    private func waitForWork() -> Bool {
        let hasWork = state.withLock { state in
            if state.wantsSync || state.isClosing { return true }
            state.isSleeping = true
            state.wakeAtLeaves = 0
            return false
        }
        if !hasWork { _ = wake.wait(timeout: .now() + Self.laziestSync) }
        return state.withLock { state in
            state.isSleeping = false
            state.wantsSync = false
            return state.isClosing
        }
    }

    /// With many sessions waiting at once, half of them to a sync beats a sync for the first; with one or two, nobody
    /// waits.
    private func gather() {
        let patience: UInt64? = state.withLock { state in
            let target = state.concurrency / 2
            guard target > 1, state.pendingLeaves < target, !state.isClosing else { return nil }
            state.isSleeping = true
            state.wakeAtLeaves = target
            return min(max(state.syncNanoseconds, 100_000), 1_000_000)
        }
        guard let patience else { return }
        _ = wake.wait(timeout: .now() + .nanoseconds(Int(patience)))
        state.withLock { state in
            state.isSleeping = false
            state.wantsSync = false
        }
    }

    private func commit() throws(GatewayError) {
        try flush()
        try sync()
    }

    private func flush() throws(GatewayError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        do throws(StorageFailure) {
            try files.withLock { (files) throws(StorageFailure) in try write(&files) }
        } catch {
            throw fail(error)
        }
    }

    private func write(_ files: inout Files) throws(StorageFailure) {
        let (taken, keys, start, synced) = state.withLock { state in
            var taken: [UInt8] = []
            swap(&taken, &state.spare)
            swap(&taken, &state.pending)
            state.pendingLeaves = 0
            let keys = state.keys
            state.keys = []
            let start = state.pendingStart
            state.pendingStart += UInt64(taken.count)
            return (taken, keys, start, state.synced)
        }
        var batch = taken
        if !keys.isEmpty {
            // Before anything that they seal can reach the disk by any way: a record whose key is not there is damage then,
            // and never what a crash left.
            try files.keyFile.write(keys, at: files.keyOffset)
            try files.keyFile.sync()
            files.keyOffset += UInt64(keys.count)
        }
        guard !batch.isEmpty else { return }
        Self.fillMark(&batch, synced: synced)
        try batch.withUnsafeMutableBytes { bytes in
            RecordFormat.place(bytes, at: start)
            return Result { () throws(StorageFailure) in try write(UnsafeRawBufferPointer(bytes), at: start, to: &files)
            }
        }.get()
        let end = start + UInt64(batch.count)
        let count = UInt64(batch.count)
        batch.removeAll(keepingCapacity: batch.capacity <= 4 << 20)
        state.withLock { state in
            state.written = end
            state.counters.bytes += count
            state.counters.writes += 1
            if state.spare.capacity == 0 { swap(&state.spare, &batch) }
        }
    }

    private static func fillMark(_ batch: inout [UInt8], synced: UInt64) {
        batch.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: UInt32(RecordFormat.markPayload).littleEndian, toByteOffset: 0, as: UInt32.self)
            bytes[8] = RecordKind.mark.rawValue
            bytes.storeBytes(of: synced.littleEndian, toByteOffset: RecordFormat.headerLength, as: UInt64.self)
            let payload = UnsafeRawBufferPointer(rebasing: bytes[RecordFormat.headerLength..<RecordFormat.markLength])
            let sum = RecordFormat.checksum(kind: RecordKind.mark.rawValue, payload: payload)
            bytes.storeBytes(of: sum.littleEndian, toByteOffset: 4, as: UInt32.self)
        }
    }

    /// Writes as many whole records as fit into the current segment, then goes on in the next.
    private func write(_ bytes: UnsafeRawBufferPointer, at position: UInt64, to files: inout Files)
        throws(StorageFailure)
    {
        var from = 0
        while from < bytes.count {
            var to = from
            let room = files.capacity - files.used
            while to < bytes.count {
                let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: to, as: UInt32.self)))
                let end = to + RecordFormat.headerLength + length
                if UInt64(end - from) > room { break }
                if bytes[to + RecordFormat.kindOffset] == RecordKind.leaf.rawValue { files.leaves += 1 }
                to = end
            }
            if to == from {
                let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: from, as: UInt32.self)))
                try roll(&files, at: position + UInt64(from), need: UInt64(RecordFormat.headerLength + length))
                continue
            }
            try files.current.write(
                UnsafeRawBufferPointer(rebasing: bytes[from..<to]), at: UInt64(SegmentHeader.length) + files.used)
            files.used += UInt64(to - from)
            from = to
        }
    }

    private func roll(_ files: inout Files, at position: UInt64, need: UInt64) throws(StorageFailure) {
        let number = files.number + 1
        let minimum = need + UInt64(SegmentHeader.length)
        var size = segmentSize
        let file = try takeSpare()
        if minimum > size {
            size = minimum
            try file.preallocate(size)
        }
        files.unsynced.append(files.current)
        try file.write(SegmentHeader.encode(number: number, first: position, firstLeaf: files.leaves), at: 0)
        files.current = file
        files.number = number
        files.first = position
        files.used = 0
        files.capacity = size - UInt64(SegmentHeader.length)
    }

    private func sync() throws(GatewayError) {
        let work = files.withLock { files in
            let target = state.withLock { $0.written > $0.synced ? $0.written : nil }
            let old = files.unsynced
            files.unsynced = []
            return (target: target, files: old + [files.current])
        }
        guard let target = work.target else { return }
        let begin = Self.clock()
        do throws(StorageFailure) {
            for file in work.files { try file.sync() }
        } catch {
            throw fail(error)
        }
        let duration = Self.clock() - begin
        let (observers, progress) = state.withLock { state in
            state.synced = max(state.synced, target)
            state.counters.syncs += 1
            state.counters.syncLatency.record(duration)
            state.syncNanoseconds = (state.syncNanoseconds * 7 + duration) / 8
            let batch = Int(state.counters.entries - state.counters.entriesSynced) - state.pendingLeaves
            state.counters.entriesSynced = state.counters.entries - UInt64(state.pendingLeaves)
            state.counters.largestBatch = max(state.counters.largestBatch, UInt64(max(batch, 0)))
            let seen = batch + state.pendingLeaves
            state.concurrency = max(seen, state.concurrency * 7 / 8, 1)
            return (Array(state.observers.values), state.progress)
        }
        for observer in observers { observer(progress) }
    }

    /// The state after the first failure is final: a page that a failed sync left clean may never have reached the
    /// disk.
    private func fail(_ cause: StorageFailure) -> GatewayError {
        let error = GatewayError(
            cause.isDiskFull ? .diskFull : .logFailed,
            cause.isDiskFull
                ? "The audit log's disk is full: free space, then start the gateway again."
                : "The audit log could not be written: \(cause.call) failed; check the disk, then start the gateway again.",
            cause: cause)
        return stop(error)
    }

    /// Stops for good, for a reason from here or from a follower that must not fall behind. Returns the first reason.
    @discardableResult
    func stop(_ error: GatewayError) -> GatewayError {
        let (observers, progress, first): ([@Sendable (LogProgress) -> Void], LogProgress, GatewayError) =
            state.withLock { state in
                if let known = state.failure { return ([], state.progress, known) }
                state.failure = error
                return (Array(state.observers.values), state.progress, error)
            }
        for observer in observers { observer(progress) }
        return first
    }

    /// The next segment: made ahead, or now. Waits for one that is being made.
    private func takeSpare() throws(StorageFailure) -> any LogFile {
        try spare.withLock { (spare) throws(StorageFailure) in
            if let file = spare.file {
                spare.file = nil
                return file
            }
            let file = try Self.create(spare.number + 1, size: segmentSize, in: storage)
            spare.number += 1
            return file
        }
    }

    /// At the start and on the writing thread: at most one preparation runs at a time.
    private func prepareNextAside() {
        guard preparation.wait(timeout: .now()) == .success, spare.withLock({ $0.file == nil }) else { return }
        preparation.enter()
        do throws(GatewayError) {
            try Thread.start("log-segments") {
                self.prepareNext()
                self.preparation.leave()
            }
        } catch {
            preparation.leave()
        }
    }

    /// Makes the next segment ahead of its need. Its failure stops no one yet: the present segment still has room.
    private func prepareNext() {
        guard state.withLock({ $0.failure == nil && !$0.isClosing }) else { return }
        let problem: GatewayError? = spare.withLock { spare in
            guard spare.file == nil else { return nil }
            // What little there is belongs to closing; the log's own need comes first.
            if let free = aside.freeBytes(), free < segmentSize + minimumFree / 2 { return nil }
            do throws(StorageFailure) {
                spare.file = try Self.create(spare.number + 1, size: segmentSize, in: aside)
                spare.number += 1
                return nil
            } catch {
                return GatewayError(
                    error.isDiskFull ? .diskFull : .logFailed,
                    "No room can be reserved for the audit log; free space on its disk.",
                    cause: error)
            }
        }
        state.withLock { $0.spareProblem = problem }
    }

    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Writes and syncs what is there, ends the thread and cuts the last segment to its length.
    func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosing = true }
            return !state.isClosing
        }
        guard isFirst else { return }
        wake.signal()
        ended.wait()
        preparation.wait()
        guard state.withLock({ $0.failure == nil }) else { return }
        files.withLock { files in
            // Only tidiness: a start after a crash does without.
            try? files.current.truncate(UInt64(SegmentHeader.length) + files.used)
            let unused = spare.withLock { $0.file == nil ? nil : $0.number }
            if let unused { try? storage.remove("wal/" + SegmentHeader.name(unused)) }
        }
    }

    /// Number of the segment being written; all before it are full.
    var currentSegment: UInt64 { files.withLock { $0.number } }
}

extension LogWriter.State {
    var progress: LogProgress {
        LogProgress(written: LogPosition(written), synced: LogPosition(synced), failure: failure)
    }
}
