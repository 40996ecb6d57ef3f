package import GatewayCore
package import Logging
import Synchronization

/// One receiver's notifications: a bounded queue in memory and the task that empties it, in order, with patience.
///
/// Whoever tells never waits. What does not fit pushes out the oldest; what is not taken within an hour is given up. Both are
/// counted. The record has it all: a receiver that must miss nothing is a sink.
package final class ReceiverQueue: Sendable {
    package struct Counts: Sendable, Hashable {
        package var delivered = 0
        /// Attempts.
        package var failures = 0
        package var dropped = 0
        package var waiting = 0

        package init(delivered: Int = 0, failures: Int = 0, dropped: Int = 0, waiting: Int = 0) {
            self.delivered = delivered
            self.failures = failures
            self.dropped = dropped
            self.waiting = waiting
        }
    }

    private struct State {
        var counts = Counts()
        var isFailing = false
        var isFinishing = false
    }

    package static let capacity = 1000
    /// Seconds after which a notification is told to nobody any more.
    package static let patience: Int64 = 3600

    package let name: String
    private let sender: NotificationSender
    private let logger: Logger
    private let backOff: BackOff
    private let now: @Sendable () -> Timestamp
    private let stream: AsyncStream<ApprovalNotification>
    private let continuation: AsyncStream<ApprovalNotification>.Continuation
    private let state = Mutex(State())
    private let task = Mutex<Task<Void, Never>?>(nil)

    package init(
        name: String, sender: NotificationSender, logger: Logger, capacity: Int = ReceiverQueue.capacity,
        backOff: BackOff = BackOff(), now: @escaping @Sendable () -> Timestamp
    ) {
        self.name = name
        self.sender = sender
        self.logger = logger
        self.backOff = backOff
        self.now = now
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
    }

    package var counts: Counts { state.withLock { $0.counts } }

    package func start() {
        task.withLock { task in
            guard task == nil else { return }
            task = Task { await self.run() }
        }
    }

    /// Never waits, on whatever thread.
    package func offer(_ notification: ApprovalNotification) {
        state.withLock { $0.counts.waiting += 1 }
        switch continuation.yield(notification) {
        case .enqueued: break
        case .dropped, .terminated: drop()
        @unknown default: drop()
        }
    }

    /// Gives what is left one attempt each, for as long as that takes at most.
    package func finish(within limit: Duration) async {
        state.withLock { $0.isFinishing = true }
        continuation.finish()
        let task = task.withLock { $0 }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await task?.value }
            group.addTask {
                try? await Task.sleep(for: limit)
                task?.cancel()
            }
            await group.next()
            group.cancelAll()
        }
        await sender.shutdown()
    }

    private func run() async {
        for await notification in stream {
            var backOff = self.backOff
            while await !attempt(notification, &backOff) {}
            if Task.isCancelled { return }
        }
    }

    /// Whether it is done with, delivered or not.
    private func attempt(_ notification: ApprovalNotification, _ backOff: inout BackOff) async -> Bool {
        guard now() < notification.at.advanced(bySeconds: Self.patience) else {
            drop()
            return true
        }
        switch await sender.send(notification) {
        case .taken:
            taken()
            return true
        case .refused(let reason):
            failed(reason)
            drop()
            return true
        case .failed(let reason, let retryAfter):
            failed(reason)
            let isFinishing = state.withLock { $0.isFinishing }
            if !isFinishing, !Task.isCancelled {
                try? await Task.sleep(for: .seconds(backOff.delay(asked: retryAfter)))
            }
            guard isFinishing || Task.isCancelled else { return false }
            drop()
            return true
        }
    }

    private func drop() {
        state.withLock { state in
            state.counts.waiting -= 1
            state.counts.dropped += 1
        }
    }

    private func taken() {
        let wasFailing = state.withLock { state in
            state.counts.waiting -= 1
            state.counts.delivered += 1
            defer { state.isFailing = false }
            return state.isFailing
        }
        if wasFailing { logger.notice("a receiver is told again", metadata: ["receiver": "\(name)"]) }
    }

    /// Logged once, when it begins.
    private func failed(_ reason: String) {
        let isNew = state.withLock { state in
            state.counts.failures += 1
            defer { state.isFailing = true }
            return !state.isFailing
        }
        if isNew {
            logger.warning(
                "a receiver of notifications cannot be told; it is tried again for a while",
                metadata: ["receiver": "\(name)", "reason": "\(reason)"])
        }
    }
}
