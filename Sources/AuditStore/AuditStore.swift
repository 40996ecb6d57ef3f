package import AuditLedger
package import Crypto
package import GatewayCore
import Synchronization

/// How the store is set up.
package struct StoreOptions: Sendable {
    /// Wraps the session keys; 256 bits.
    package var vaultKey: SymmetricKey
    /// Bytes of one log segment, reserved on the disk ahead.
    package var segmentSize: Int
    /// Free bytes under which no new session is admitted.
    package var watermark: UInt64
    /// Bytes set aside for closing open sessions on a full disk; 0 for none.
    package var reserve: UInt64 = 0
    /// Whether a search index is kept.
    package var keepsIndex: Bool
    /// How the ledger is kept; nil for a log without one.
    package var ledger: LedgerOptions?

    package init(
        vaultKey: SymmetricKey, ledger: LedgerOptions? = nil, segmentSize: Int = 32 << 20,
        watermark: UInt64 = 256 << 20, keepsIndex: Bool = true
    ) {
        self.vaultKey = vaultKey
        self.segmentSize = segmentSize
        self.watermark = watermark
        self.keepsIndex = keepsIndex
        self.ledger = ledger
    }
}

/// Names an observer, to end it.
package struct ObserverToken: Sendable {
    fileprivate let number: UInt64
}

/// The audit log of one gateway: takes entries and chunks, makes them durable in batches, says how far it has come.
package final class AuditStore: Sendable {
    let writer: LogWriter
    private let storage: any LogStorage
    let disk: DiskWatch
    private let options: StoreOptions
    private let now: @Sendable () -> Timestamp
    private let gateway: Mutex<SessionRecorder>
    let filer: Filer?
    /// The Merkle tree over the log; nil when the options ask for none.
    package let ledger: LedgerKeeper?
    /// The full check that goes on beside the gateway once it was started.
    package let check = BackgroundCheck()
    private let followers: Mutex<[any LogFollower]> = Mutex([])
    /// The last segment of the log that was removed; only the filer's thread changes it.
    private let retired: Mutex<UInt64>

    /// Opens the data folder, made when absent: checks the log, cuts a torn end, seals sessions that a crash left open.
    ///
    /// Throws `storeBusy` when another gateway has the folder, `logCorrupt` with file and offset when the log is
    /// damaged.
    package static func open(
        directory: String, options: StoreOptions, storage: (any LogStorage)? = nil,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) -> AuditStore {
        let storage = storage ?? PosixStorage(root: directory)
        do throws(GatewayError) {
            return try AuditStore(directory: directory, options: options, storage: storage, now: now)
        } catch {
            if error.code != .storeBusy { storage.unlock() }
            throw error
        }
    }

    private init(
        directory: String, options: StoreOptions, storage: any LogStorage, now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        self.storage = storage
        self.options = options
        self.now = now
        let isFree: Bool
        do throws(StorageFailure) {
            try storage.makeDirectory("")
            isFree = try storage.lock()
        } catch {
            throw GatewayError(
                .logFailed, "The data folder \(directory) cannot be used: \(error.call) failed; it must be writable.",
                cause: error)
        }
        guard isFree else { throw GatewayError.busy(storage, directory) }
        disk = DiskWatch(storage, watermark: options.watermark, reserve: options.reserve)
        // Log and ledger may use the reserve; recordings and index can wait for room.
        let reserved = ReservedStorage(base: storage, reserve: disk.reserve)
        let recovered = try LogRecovery.run(reserved)
        // Before anything is written: a log that is not the one signed must not grow.
        ledger = try Self.openLedger(options.ledger, reserved, recovered, now)
        let filer =
            options.keepsIndex
            ? try Filer.open(directory: directory, storage: storage, vaultKey: options.vaultKey, log: recovered)
            : nil
        retired = Mutex(recovered.firstSegment - 1)
        let orphans = try filer?.index.openSessions() ?? []
        do throws(StorageFailure) {
            let keys = try reserved.open(KeyStore.path, create: false)
            writer = try LogWriter(
                storage: reserved, aside: storage, segmentSize: UInt64(max(options.segmentSize, 4096)),
                minimumFree: options.watermark, after: recovered, keyFile: keys)
        } catch {
            throw GatewayError(
                error.isDiskFull ? .diskFull : .logFailed, "The audit log could not be started: \(error.call) failed.",
                cause: error)
        }
        let context = SessionContext(
            session: RecordID(at: now()), principal: nil, connection: "", kind: "gateway", clientAddress: "")
        gateway = Mutex(try SessionRecorder(context, writer: writer, vaultKey: options.vaultKey, now: now))
        self.filer = filer
        for orphan in orphans { try sealOrphan(orphan) }
        try writer.start()
        do throws(GatewayError) {
            if let ledger { try keep(ledger) }
            if let filer {
                // A ledger that is not kept now still needs what it has not passed.
                let isLedgerAside = ledger == nil && Self.isSigned(storage)
                if !isLedgerAside {
                    filer.afterFiling { [weak self] () throws(StorageFailure) in try self?.retire() }
                }
                filer.waitWhile { [disk] in disk.isSaving }
                try follow(filer)
            }
        } catch {
            close()
            throw error
        }
        if !orphans.isEmpty { writer.requestSync() }
    }

    /// Nil where nothing is to be signed here; what was signed is checked all the same.
    private static func openLedger(
        _ options: LedgerOptions?, _ storage: any LogStorage, _ log: LogRecovery,
        _ now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) -> LedgerKeeper? {
        guard let options, options.signs || isSigned(storage) else { return nil }
        let start = try LedgerStart.run(storage, options, log: log)
        return options.signs ? try LedgerKeeper(start, storage: storage, options: options, end: log.end, now: now) : nil
    }

    private static func isSigned(_ storage: any LogStorage) -> Bool {
        ((try? storage.list(SignerKey.folder)) ?? []).isEmpty == false
    }

    /// A ledger that cannot be kept stops the log: nothing is acknowledged that no checkpoint will cover.
    private func keep(_ ledger: LedgerKeeper) throws(GatewayError) {
        ledger.connect(
            onFailure: { [writer] in writer.stop($0) },
            onIdle: { [weak self] in _ = try? self?.appendSystem(EntryDraft(.gatewayAlive)) })
        try follow(ledger)
    }

    /// Removes the segments that every follower has passed.
    private func retire() throws(StorageFailure) {
        let passed = followers.withLock { $0.map(\.passedSegment).min() ?? 0 }
        let known = retired.withLock { $0 }
        guard passed > known + 1 else { return }
        try RetiredSegments.retire(storage, through: passed - 1)
        retired.withLock { $0 = passed - 1 }
    }

    private func follow(_ follower: any LogFollower) throws(GatewayError) {
        followers.withLock { $0.append(follower) }
        _ = observe { follower.advance(to: $0.synced) }
        try follower.start()
    }

    private func sealOrphan(_ orphan: OpenSession) throws(GatewayError) {
        var draft = EntryDraft(.sessionClose)
        draft.outcome = Outcome(kind: .interrupted)
        draft.reasonCode = "gateway_stopped"
        let time = now()
        var out = CanonicalWriter()
        let start = RecordFormat.begin(&out.bytes, kind: .leaf)
        LeafEncoder(orphan.context).encode(
            draft, sequence: orphan.nextSequence, id: RecordID(at: time), time: time, commitments: [], into: &out)
        RecordFormat.end(&out.bytes, start: start)
        _ = try writer.append(out.bytes, leaves: 1)
    }

    /// A recorder for a new session; its key is durable before anything that it seals.
    package func makeRecorder(_ context: SessionContext) throws(GatewayError) -> SessionRecorder {
        try SessionRecorder(context, writer: writer, vaultKey: options.vaultKey, now: now)
    }

    /// Asks for everything appended so far to be synced soon; observers hear of it. Cheap; call once after a batch of
    /// appends.
    package func requestSync() {
        writer.requestSync()
    }

    /// The same for a caller who is alone in waiting: on its own thread where that is quicker, observers have heard then.
    package func syncAlone() {
        writer.syncAlone()
    }

    /// `relaxed`: writes what is pending on the calling thread; all up to the position returned survives the process.
    @discardableResult
    package func writeNow() throws(GatewayError) -> LogPosition {
        try writer.writeNow()
    }

    package var progress: LogProgress {
        writer.state.withLock { $0.progress }
    }

    package var counters: StoreCounters {
        writer.state.withLock { $0.counters }
    }

    /// Calls `callback` after each sync, and once after a failure, on the log's thread (of `syncAlone`, and of a failed
    /// `writeNow`: on the caller's).
    package func observe(_ callback: @escaping @Sendable (LogProgress) -> Void) -> ObserverToken {
        writer.state.withLock { state in
            defer { state.nextObserver += 1 }
            state.observers[state.nextObserver] = callback
            return ObserverToken(number: state.nextObserver)
        }
    }

    package func endObserving(_ token: ObserverToken) {
        writer.state.withLock { state in
            state.observers[token.number] = nil
        }
    }

    /// Sets who is told which sessions are erased, on the thread that erases, before it is done; may be told twice.
    package func afterErasing(_ body: @escaping @Sendable ([RecordID]) -> Void) {
        filer?.afterErasing(body)
    }

    /// Nil while all is well; else why nothing is recorded any more.
    package var failure: GatewayError? {
        writer.state.withLock { $0.failure }
    }

    /// Nil when a new session may begin; else why not: the log failed, or room to close the open ones must be kept.
    package var admissionProblem: GatewayError? {
        if let problem = writer.state.withLock({ $0.failure ?? $0.spareProblem }) { return problem }
        if let problem = ledger?.admissionProblem ?? check.problem { return problem }
        guard let free = storage.freeBytes(), free < options.watermark || disk.state != .ample else { return nil }
        // Some room more is needed to begin again than to go on.
        return GatewayError(
            .diskFull,
            "No new session: \(free >> 20) MiB are free on the audit log's disk, \((options.watermark + options.watermark / 2) >> 20) MiB are needed."
        )
    }

    /// The time that entries get now.
    var time: Timestamp { now() }

    /// Why sessions recorded from now on cannot be found; recording itself goes on.
    package var indexProblem: GatewayError? { filer?.failure }

    /// Why the search index was made again at this start; nil when it was not.
    package var indexNotice: String? { filer?.index.notice }

    /// The record as the gateway's own console reads it; nil without an index.
    package var archive: AuditArchive? {
        filer.map { AuditArchive(index: $0.index, storage: storage, vaultKey: options.vaultKey) }
    }

    /// Appends an entry of the gateway's own (`signin.refused`, `policy.loaded`...) and asks for its sync.
    @discardableResult
    package func appendSystem(_ draft: EntryDraft) throws(GatewayError) -> LogPosition {
        let position = try gateway.withLock { (recorder) throws(GatewayError) in try recorder.append(draft) }
        writer.requestSync()
        return position
    }

    /// Appends an entry of the gateway's own and returns when it is durable.
    @discardableResult
    package func appendSystemDurably(_ draft: EntryDraft) async throws -> LogPosition {
        let position = try appendSystem(draft)
        try await durable(position)
        return position
    }

    /// Returns when everything up to `position` is durable; throws the log's failure when it never will be.
    package func durable(_ position: LogPosition) async throws {
        let shared = SharedWaiter()
        let token = observe { progress in
            if progress.synced >= position { shared.resume(.success(())) }
            if let failure = progress.failure { shared.resume(.failure(failure)) }
        }
        defer { endObserving(token) }
        writer.requestSync()
        let progress = progress
        if progress.synced >= position { shared.resume(.success(())) }
        if let failure = progress.failure { shared.resume(.failure(failure)) }
        try await shared.wait()
    }

    /// Syncs what was appended, ends the threads; every later append throws. Blocks until done.
    package func close() {
        check.stop()
        writer.close()
        let end = progress.synced
        for follower in followers.withLock({ $0 }) { follower.close(at: end) }
        storage.unlock()
    }
}
