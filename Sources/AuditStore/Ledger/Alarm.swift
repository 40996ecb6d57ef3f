import Dispatch
import Synchronization

/// One thread sleeps, others wake it: however often it is rung between two sleeps, it rings once.
final class Alarm: Sendable {
    private let isRung = Atomic<Bool>(false)
    private let semaphore = DispatchSemaphore(value: 0)

    /// Cheap; may be called on any thread.
    func ring() {
        if !isRung.exchange(true, ordering: .acquiringAndReleasing) { semaphore.signal() }
    }

    /// Returns at `deadline`, or when rung since the last wait.
    func wait(until deadline: ContinuousClock.Instant) {
        let (seconds, attoseconds) = (deadline - .now).components
        // A day at most, far from overflow; then the caller looks again.
        let nanoseconds = Int(min(max(seconds, 0), 86_400)) * 1_000_000_000 + Int(max(attoseconds, 0) / 1_000_000_000)
        guard semaphore.wait(timeout: .now() + .nanoseconds(nanoseconds)) == .success else { return }
        // An exchange, so that what was stored before a ring that signalled no more is seen after this.
        _ = isRung.exchange(false, ordering: .acquiringAndReleasing)
    }
}
