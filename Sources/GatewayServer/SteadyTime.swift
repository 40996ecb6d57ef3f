package import GatewayCore
import Identity

/// The time of day, which never falls behind the time that really went by: a clock that is set back lengthens no deadline and
/// no grant. One that is set ahead ends them early.
package struct SteadyTime: Sendable {
    private let start: Timestamp
    private let wall: @Sendable () -> Timestamp
    /// Microseconds since it was made.
    private let elapsed: @Sendable () -> Int64

    package init(wall: @escaping @Sendable () -> Timestamp, elapsed: @escaping @Sendable () -> Int64) {
        start = wall()
        self.wall = wall
        self.elapsed = elapsed
    }

    package init() {
        let begun = ContinuousClock.now
        self.init(wall: Timestamp.wall) {
            let (seconds, attoseconds) = (ContinuousClock.now - begun).components
            return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        }
    }

    package var now: Timestamp {
        let (steady, overflow) = start.microseconds.addingReportingOverflow(elapsed())
        return max(wall(), Timestamp(microseconds: overflow ? .max : steady))
    }
}
