import AccessPolicy
import GatewayCore
import Synchronization

/// Who may use a connection for a time, because people agreed to it. Any thread may ask. Kept in memory only: a gateway that
/// starts anew grants nothing.
final class AccessGrants: Sendable {
    /// The same person through another agent is not who was agreed to.
    struct Key: Hashable, Sendable {
        var principal: Principal
        var agent: String?
        var connection: String

        init(_ identity: VerifiedIdentity, connection: String) {
            principal = identity.principal
            agent = identity.agent.agent
            self.connection = connection
        }
    }

    struct Grant: Sendable {
        var approval: RecordID
        var until: Timestamp
    }

    private let grants = Mutex<[Key: Grant]>([:])

    func add(_ key: Key, _ approval: RecordID, until: Timestamp) {
        grants.withLock { $0[key] = Grant(approval: approval, until: until) }
    }

    func find(_ key: Key, now: Timestamp) -> Grant? {
        grants.withLock { $0[key] }.flatMap { now < $0.until ? $0 : nil }
    }

    /// Takes it back: its sessions end. False when it grants nothing any more.
    func remove(_ approval: RecordID, now: Timestamp) -> Bool {
        grants.withLock { grants in
            guard let found = grants.first(where: { $0.value.approval == approval && now < $0.value.until }) else {
                return false
            }
            grants[found.key] = nil
            return true
        }
    }

    func forget(until now: Timestamp) {
        grants.withLock { grants in
            guard !grants.isEmpty else { return }
            grants = grants.filter { now < $0.value.until }
        }
    }
}
