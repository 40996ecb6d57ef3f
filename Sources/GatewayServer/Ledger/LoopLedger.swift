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
    private let eventLoop: any EventLoop
    private let waiters: NIOLoopBoundBox<Waiters>
    /// Read by the ledger's thread: a loop where nobody waits is left asleep.
    private let hasWaiters = Atomic<Bool>(false)
    /// A wake-up is on its way, and will see any later progress as well.
    private let isWoken = Atomic<Bool>(false)
    private let latest: Mutex<LogProgress?> = Mutex(nil)

    private final class Waiters {
        var list: [any LedgerWaiter] = []
    }

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.waiters = .makeBoxSendingValue(Waiters(), eventLoop: eventLoop)
    }

    /// On the loop: `waiter` hears of every advance until it waits no more.
    func add(_ waiter: any LedgerWaiter) {
        guard !waiter.isListed else { return }
        waiter.isListed = true
        waiters.value.list.append(waiter)
        hasWaiters.store(true, ordering: .sequentiallyConsistent)
    }

    /// On the ledger's thread, once a batch.
    func advanced(_ progress: LogProgress) {
        latest.withLock { $0 = progress }
        guard hasWaiters.load(ordering: .sequentiallyConsistent) || progress.failure != nil else { return }
        guard !isWoken.exchange(true, ordering: .sequentiallyConsistent) else { return }
        eventLoop.execute { self.wake() }
    }

    private func wake() {
        isWoken.store(false, ordering: .sequentiallyConsistent)
        guard let progress = latest.withLock({ $0 }) else { return }
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
