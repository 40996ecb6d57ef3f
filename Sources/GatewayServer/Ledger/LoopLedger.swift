import AuditStore
import NIOCore
import Synchronization

/// Something on one event loop that waits for the ledger.
protocol LedgerWaiter: AnyObject {
    /// Called on the loop when the ledger's marks have moved.
    func ledgerAdvanced(_ progress: LogProgress)
    var waitsForLedger: Bool { get }
    /// Kept by `LoopLedger`: whether it has this waiter on its list.
    var isListed: Bool { get set }
}

/// The sessions of one event loop that wait for the ledger: however many wait, a batch wakes their loop once.
final class LoopLedger: Sendable {
    let eventLoop: any EventLoop
    private let waiters: NIOLoopBoundBox<Waiters>
    /// Read by the ledger's thread: a loop where nobody waits is left asleep.
    private let hasWaiters = Atomic<Bool>(false)
    /// A wake-up is on its way, and will see any later progress as well.
    private let isWoken = Atomic<Bool>(false)
    private let latest: Mutex<LogProgress?> = Mutex(nil)

    private final class Waiters {
        var list: [any LedgerWaiter] = []
        /// Something is to be done at the end of the loop's turn, when all that this turn brought is appended.
        var isTurnEnding = false
        /// A session waits for a write only.
        var wantsWrite = false
        /// A session waits for a sync.
        var wantsSync = false
    }

    private let store: AuditStore

    init(eventLoop: any EventLoop, store: AuditStore) {
        self.eventLoop = eventLoop
        self.store = store
        self.waiters = .makeBoxSendingValue(Waiters(), eventLoop: eventLoop)
    }

    /// On the loop: `waiter` hears of every advance until it waits no more.
    func add(_ waiter: any LedgerWaiter) {
        guard !waiter.isListed else { return }
        waiter.isListed = true
        waiters.value.list.append(waiter)
        hasWaiters.store(true, ordering: .sequentiallyConsistent)
    }

    /// On the loop: what its sessions appended is to be synced.
    func requestSync() {
        guard waiters.value.list.count <= 1 else { return store.requestSync() }
        waiters.value.wantsSync = true
        endTurnLater()
    }

    /// On the loop: what its sessions appended is to be written, by one call for all that this turn brings.
    func requestWrite() {
        waiters.value.wantsWrite = true
        endTurnLater()
    }

    private func endTurnLater() {
        guard !waiters.value.isTurnEnding else { return }
        waiters.value.isTurnEnding = true
        eventLoop.execute { self.endTurn() }
    }

    private func endTurn() {
        let waiting = waiters.value
        waiting.isTurnEnding = false
        if waiting.wantsSync {
            waiting.wantsSync = false
            // Who waits alone is served here, now that nobody else came.
            if waiting.list.count <= 1 { store.syncAlone() } else { store.requestSync() }
        }
        guard waiting.wantsWrite else { return }
        waiting.wantsWrite = false
        // Of a failure the observers hear, and with the progress everyone here.
        _ = try? store.writeNow()
        serve(store.progress)
    }

    /// Once a batch, on the thread that synced it.
    func advanced(_ progress: LogProgress) {
        latest.withLock { $0 = progress }
        guard hasWaiters.load(ordering: .sequentiallyConsistent) || progress.failure != nil else { return }
        guard !isWoken.exchange(true, ordering: .sequentiallyConsistent) else { return }
        eventLoop.execute { self.wake() }
    }

    private func wake() {
        isWoken.store(false, ordering: .sequentiallyConsistent)
        if let progress = latest.withLock({ $0 }) { serve(progress) }
    }

    private func serve(_ progress: LogProgress) {
        let list = waiters.value.list
        waiters.value.list.removeAll(keepingCapacity: true)
        for waiter in list { waiter.isListed = false }
        for waiter in list {
            waiter.ledgerAdvanced(progress)
            if waiter.waitsForLedger { add(waiter) }
        }
        hasWaiters.store(!waiters.value.list.isEmpty, ordering: .sequentiallyConsistent)
    }
}
