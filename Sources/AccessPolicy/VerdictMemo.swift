package import GatewayCore
import Synchronization

/// The verdict on a subject that comes again and again: each execution of a prepared statement. It holds for the one policy
/// that gave it, so a reload makes it void.
package final class VerdictMemo: Sendable {
    private let known = Mutex<(policy: any AnyObject & Sendable, verdict: Verdict)?>(nil)

    package init() {}

    /// - Parameter policy: compared by identity.
    package func verdict(by policy: some AnyObject & Sendable) -> Verdict? {
        known.withLock { known in known.flatMap { $0.policy === policy ? $0.verdict : nil } }
    }

    package func keep(_ verdict: Verdict, by policy: some AnyObject & Sendable) {
        known.withLock { $0 = (policy, verdict) }
    }
}
