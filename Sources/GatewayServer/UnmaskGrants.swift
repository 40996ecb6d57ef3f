package import DataMasking
package import GatewayCore
import Synchronization

/// Who sees which masked columns for a time, because people agreed to it. Any thread may ask. Kept in memory only: a gateway
/// that starts anew shows nothing.
package final class UnmaskGrants: Sendable {
    /// The same person through another agent, or an agent for another person, is not who was agreed to.
    package struct Key: Hashable, Sendable {
        package var principal: Principal
        package var agent: String?
        package var onBehalfOf: String?
        package var connection: String

        package init(_ identity: VerifiedIdentity, connection: String) {
            principal = identity.principal
            agent = identity.agent.agent
            onBehalfOf = identity.agent.onBehalfOf
            self.connection = connection
        }
    }

    private struct Grant {
        var shown: Unmasking.Grant
        var until: Timestamp
    }

    private let grants = Mutex<[Key: [Grant]]>([:])

    package init() {}

    package func add(_ key: Key, _ shown: Unmasking.Grant, until: Timestamp) {
        grants.withLock { $0[key, default: []].append(Grant(shown: shown, until: until)) }
    }

    /// What holds at this moment.
    package func find(_ key: Key, now: Timestamp) -> Unmasking? {
        let live = grants.withLock { $0[key] ?? [] }.filter { now < $0.until }.map(\.shown)
        return live.isEmpty ? nil : Unmasking(grants: live)
    }

    /// Takes one back; false when it shows nothing any more.
    package func remove(_ approval: RecordID, now: Timestamp) -> Bool {
        !remove { _, grant in grant.shown.approval == approval && now < grant.until }.isEmpty
    }

    /// Takes back those of who is meant, and returns their approvals.
    package func remove(of isMeant: (Key) -> Bool) -> [RecordID] {
        remove { key, _ in isMeant(key) }
    }

    /// Forgets those whose time is over, and returns their approvals.
    package func forget(until now: Timestamp) -> [RecordID] {
        remove { _, grant in now >= grant.until }
    }

    package func removeAll() -> [RecordID] { remove { _, _ in true } }

    private func remove(_ isMeant: (Key, Grant) -> Bool) -> [RecordID] {
        grants.withLock { grants in
            guard !grants.isEmpty else { return [] }
            var removed: [RecordID] = []
            for (key, all) in grants {
                let left = all.filter { !isMeant(key, $0) }
                guard left.count < all.count else { continue }
                removed += all.filter { isMeant(key, $0) }.map(\.shown.approval)
                grants[key] = left.isEmpty ? nil : left
            }
            return removed.sorted()
        }
    }
}
