import Synchronization

/// Counts the changes of one target's schema that the gateway has seen, over all its sessions: what is known of tables and
/// views is void when the count has moved.
package final class SchemaVersion: Sendable {
    private let changes = Atomic<UInt64>(0)
    private let expired = Atomic<UInt64>(0)

    package init() {}

    package var current: UInt64 { changes.load(ordering: .acquiring) }

    package func bump() {
        changes.add(1, ordering: .acquiringAndReleasing)
    }

    /// Bumps once every `interval`: tables change without the gateway seeing it, too. Both in monotonic nanoseconds.
    package func expire(at now: UInt64, every interval: UInt64) {
        let last = expired.load(ordering: .acquiring)
        guard now > last, now - last >= interval else { return }
        if expired.compareExchange(expected: last, desired: now, ordering: .acquiringAndReleasing).exchanged { bump() }
    }
}
