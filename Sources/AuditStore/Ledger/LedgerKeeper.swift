package import AuditLedger
import Dispatch
package import GatewayCore
import Synchronization

/// Keeps the ledger: follows the synced log, writes tiles and bundles, signs and publishes checkpoints, on a thread of its
/// own.
///
/// The order is the promise (DESIGN section 6): entries synced → tiles and bundles synced → last signed state synced →
/// checkpoint published. A leaf's index in the tree is its place among the leaves of the log, less `firstLeaf`. After the
/// first failure nothing more is written, and the log is stopped.
package final class LedgerKeeper: LogFollower {
    /// Leaves between two states while the keeper catches up: bounds its memory.
    private static let step = 1 << 14

    /// Confined to the keeper's thread once that runs.
    private struct Work {
        var signer: LedgerSigner
        var tiles: TileBuilder
        var bundles: BundleBuilder
        var feed: LeafFeed
        var writer: LedgerWriter
    }

    private struct Shared {
        var head: TreeHead
        var passedSegment: UInt64
        /// The log was read up to here, and every entry before it is under the last signed state.
        var covered: UInt64
        var problem: GatewayError?
        var observers: [UInt64: @Sendable (Result<PublishedCheckpoint, GatewayError>) -> Void] = [:]
        var nextObserver: UInt64 = 1
    }

    package let folder: LedgerFolder
    package let verifierKey: NoteVerifierKey
    /// The log's index of the tree's first leaf; 0 but in a log that was started anew.
    package let firstLeaf: UInt64
    private let options: LedgerOptions
    private let board: CheckpointBoard
    private let work: Mutex<Work>
    private let shared: Mutex<Shared>
    /// Rung when the log has come further, and at the end.
    private let news = Alarm()
    /// Rung at the end only: paces checkpoints without a wake-up for each sync.
    private let ending = Alarm()
    private let target: Atomic<UInt64>
    private let isClosing = Atomic<Bool>(false)
    private let isRunning = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)
    /// Stops the log; set before the thread starts.
    private let onFailure = Mutex<(@Sendable (GatewayError) -> Void)?>(nil)
    /// Called when nothing was appended for the idle interval.
    private let onIdle = Mutex<(@Sendable () -> Void)?>(nil)

    init(
        _ start: consuming LedgerStart, storage: any LogStorage, options: LedgerOptions, end: UInt64,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        let state = start.signer.state
        folder = LedgerFolder(storage: storage)
        verifierKey = start.signer.verifierKey
        firstLeaf = state.firstLeaf
        self.options = options
        board = CheckpointBoard(folder, published: start.published, state: state, key: verifierKey, now: now)
        target = Atomic(end)
        shared = Mutex(Shared(head: state.head, passedSegment: state.segment, covered: state.position))
        work = Mutex(
            Work(
                signer: start.signer, tiles: start.tiles, bundles: start.bundles,
                feed: LeafFeed(storage, after: state), writer: LedgerWriter(folder)))
    }

    // MARK: What others see

    package var origin: String { verifierKey.name }

    /// The tree that was last signed; its state is durable. Published is this one or an earlier one.
    package var head: TreeHead { shared.withLock { $0.head } }

    /// Whether the last signed tree holds every entry up to `position`.
    package func covers(_ position: LogPosition) -> Bool { shared.withLock { $0.covered >= position.offset } }

    /// What was signed last: the note over the last signed tree, without cosignatures.
    package var signedNote: SignedNote { work.withLock { $0.signer.state.note } }

    /// Nil until the first checkpoint is published.
    package var published: PublishedCheckpoint? { board.published }

    /// Why the ledger is kept no more; nil while all is well.
    package var failure: GatewayError? { shared.withLock { $0.problem } }

    /// Why no new session may begin; nil when one may.
    package var admissionProblem: GatewayError? { failure ?? options.publisher.problem }

    /// Publishes a checkpoint that was signed here, with cosignatures or without, in place of the one that is published.
    /// Any thread may call it; a checkpoint of fewer entries than the published one is passed over.
    ///
    /// Errors: `ledger_refused` when it was not signed by this process or the published one of it; `ledger_failed`.
    package func publish(_ note: SignedNote) throws(GatewayError) {
        if let failure { throw failure }
        let checkpoint: PublishedCheckpoint?
        do {
            checkpoint = try board.publish(note)
        } catch {
            if error.code != .ledgerRefused { fail(error) }
            throw error
        }
        if let checkpoint { tell(.success(checkpoint)) }
    }

    /// Calls `callback` after each publication, and once after a failure, on the thread where it happened.
    package func observe(
        _ callback: @escaping @Sendable (Result<PublishedCheckpoint, GatewayError>) -> Void
    ) -> UInt64 {
        shared.withLock { shared in
            defer { shared.nextObserver += 1 }
            shared.observers[shared.nextObserver] = callback
            return shared.nextObserver
        }
    }

    package func endObserving(_ token: UInt64) {
        shared.withLock { $0.observers[token] = nil }
    }

    /// Returns when a checkpoint over at least `size` entries is published; throws the ledger's failure.
    @discardableResult
    package func published(size: UInt64) async throws -> PublishedCheckpoint {
        try await wait { $0.head.size >= size }
    }

    /// Returns when a checkpoint that covers all entries up to `position` is published; throws the ledger's failure.
    @discardableResult
    package func published(through position: LogPosition) async throws -> PublishedCheckpoint {
        try await wait { $0.position >= position }
    }

    private func wait(_ isEnough: @escaping @Sendable (PublishedCheckpoint) -> Bool) async throws
        -> PublishedCheckpoint
    {
        let waiter = SharedWaiter()
        let token = observe { result in
            switch result {
            case .success(let checkpoint): if isEnough(checkpoint) { waiter.resume(.success(())) }
            case .failure(let error): waiter.resume(.failure(error))
            }
        }
        defer { endObserving(token) }
        if let published, isEnough(published) { return published }
        if let failure { throw failure }
        try await waiter.wait()
        // Publications only go on from there.
        guard let published else { throw GatewayError(.ledgerFailed, "No checkpoint is published.") }
        return published
    }

    // MARK: LogFollower

    package var passedSegment: UInt64 { shared.withLock { $0.passedSegment } }

    package func advance(to position: LogPosition) {
        target.store(position.offset, ordering: .releasing)
        news.ring()
    }

    /// `onFailure` hears of the first failure, `onIdle` that a day went by without an entry; both before the thread starts.
    func connect(onFailure: @escaping @Sendable (GatewayError) -> Void, onIdle: @escaping @Sendable () -> Void) {
        self.onFailure.withLock { $0 = onFailure }
        self.onIdle.withLock { $0 = onIdle }
    }

    package func start() throws(GatewayError) {
        try options.publisher.begin(self)
        // Signed before a crash, not shown yet.
        try offer(work.withLock { $0.signer.state })
        isRunning.store(true, ordering: .releasing)
        try Thread.start("keeper") { self.run() }
        if let check = options.check {
            let (folder, head) = (self.folder, self.head)
            try Thread.start("ledger-check") {
                do {
                    try check(folder, head)
                } catch {
                    self.fail(
                        error as? GatewayError
                            ?? GatewayError(.ledgerFailed, "The ledger's full check could not be done.", cause: error))
                }
            }
        }
    }

    package func close(at position: LogPosition) {
        target.store(position.offset, ordering: .releasing)
        isClosing.store(true, ordering: .releasing)
        news.ring()
        ending.ring()
        if isRunning.load(ordering: .acquiring) { ended.wait() }
        options.publisher.close()
    }

    // MARK: The keeper's thread

    private func run() {
        var (lastRound, lastEntry) = (ContinuousClock.now - options.interval, ContinuousClock.now)
        while failure == nil {
            let isLast = isClosing.load(ordering: .acquiring)
            let end = target.load(ordering: .acquiring)
            let now = ContinuousClock.now
            if isLast || (hasMore(to: end) && now >= lastRound + options.interval) {
                lastRound = now
                if keep(to: end) { lastEntry = now }
                if isLast, !hasMore(to: end) { break }
            } else if hasMore(to: end) {
                ending.wait(until: lastRound + options.interval)
            } else if now >= lastEntry + options.idleInterval {
                lastEntry = now
                onIdle.withLock { $0 }?()
            } else {
                news.wait(until: lastEntry + options.idleInterval)
            }
        }
        ended.signal()
    }

    private func hasMore(to end: UInt64) -> Bool { work.withLock { $0.feed.position < end } }

    /// Covers what is synced up to `end`, step by step. Returns whether there was an entry.
    private func keep(to end: UInt64) -> Bool {
        var hasGrown = false
        do throws(GatewayError) {
            repeat {
                guard let state = try work.withLock({ (work) throws(GatewayError) in try Self.round(&work, to: end) })
                else { continue }
                let grew = shared.withLock { shared in
                    defer {
                        shared.head = state.head
                        shared.passedSegment = state.segment
                    }
                    return shared.head != state.head
                }
                guard grew else { continue }
                hasGrown = true
                try offer(state)
            } while hasMore(to: end)
            let position = work.withLock { $0.feed.position }
            shared.withLock { $0.covered = position }
            if let checkpoint = board.reach(position, by: head) { tell(.success(checkpoint)) }
        } catch {
            fail(error)
        }
        return hasGrown
    }

    /// One step: tiles and bundles durable, then signed, then the state durable. Nil when there was nothing to sign or keep.
    private static func round(_ work: inout Work, to end: UInt64) throws(GatewayError) -> SignerState? {
        // Borrowed apart, so that reading may append.
        var (tiles, bundles) = (work.tiles, work.bundles)
        try work.feed.read(to: end, most: step) { (leaf) throws(GatewayError) in
            do throws(LedgerFormatError) {
                try bundles.append(leaf)
            } catch {
                throw GatewayError(.ledgerCorrupt, "An entry of the log cannot be a leaf.", cause: error)
            }
            tiles.append(MerkleTree.leafHash(leaf))
        }
        let old = work.signer.state
        guard tiles.size > old.head.size || work.feed.segment > old.segment else { return nil }
        do throws(StorageFailure) {
            try work.writer.write(tiles: tiles.takeWrites(), bundles: bundles.takeWrites())
        } catch {
            throw .ledgerFailure(error)
        }
        (work.tiles, work.bundles) = (tiles, bundles)
        _ = try work.signer.sign(
            tiles.head, position: work.feed.position, segment: work.feed.segment, tiles: work.writer.folder)
        return work.signer.state
    }

    private func offer(_ state: SignerState) throws(GatewayError) {
        guard board.expect(state), let note = options.publisher.publishable(state.note, head: state.head) else {
            return
        }
        if let checkpoint = try board.publish(note) { tell(.success(checkpoint)) }
    }

    private func tell(_ result: Result<PublishedCheckpoint, GatewayError>) {
        for observer in shared.withLock({ Array($0.observers.values) }) { observer(result) }
    }

    /// The first failure is final.
    private func fail(_ error: GatewayError) {
        let isFirst = shared.withLock { shared in
            defer { shared.problem = shared.problem ?? error }
            return shared.problem == nil
        }
        guard isFirst else { return }
        news.ring()
        ending.ring()
        onFailure.withLock { $0 }?(error)
        tell(.failure(error))
    }
}
