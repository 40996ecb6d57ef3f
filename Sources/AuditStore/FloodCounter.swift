package import GatewayCore
import Synchronization

/// Tells which of many like events get an entry of their own: the first of each minute do, the rest are only counted
/// and told in one entry of the next minute (DESIGN section 6).
///
/// Any thread may call it. The clock is the caller's; one that is set back starts a minute of its own.
package final class FloodCounter: Sendable {
    /// What to write now.
    package struct Decision: Sendable, Hashable {
        /// Whether this event gets its own entry.
        package var isSingle: Bool
        /// Events of an earlier minute that were only counted; 0 when there were none. Told once.
        package var flood: Int

        package init(isSingle: Bool, flood: Int) {
            self.isSingle = isSingle
            self.flood = flood
        }
    }

    private struct Minute {
        var number: Int64?
        var written = 0
        var counted = 0
    }

    private let each: Int
    private let minute = Mutex(Minute())

    /// `each` events a minute get their own entry.
    package init(each: Int) {
        self.each = each
    }

    /// Takes one event in.
    package func take(at now: Timestamp) -> Decision {
        let number = now.microseconds / 60_000_000
        return minute.withLock { minute in
            var flood = 0
            if number != minute.number {
                flood = minute.counted
                minute = Minute(number: number)
            }
            guard minute.written < each else {
                minute.counted += 1
                return Decision(isSingle: false, flood: flood)
            }
            minute.written += 1
            return Decision(isSingle: true, flood: flood)
        }
    }
}
