package import GatewayCore
import Synchronization

/// The locks that stand now, asked at sign-in and before every command.
///
/// Keeping them over a restart is the caller's: it writes the entry, waits until it is durable, then adds; `restore`
/// brings them back.
package final class LockRegistry: Sendable {
    package enum Event: Sendable, Hashable {
        case added(Lock)
        case removed(Lock)
    }

    private struct State {
        var locks: [Lock.Target: [Lock]] = [:]
        var listeners: [Int: @Sendable (Event) -> Void] = [:]
        var nextListener = 0
    }

    private let state = Mutex(State())
    /// Lets the usual case, no locks at all, pass without the mutex.
    private let count = Atomic<Int>(0)

    package init() {}

    /// Sets `lock` and tells the listeners, who end the sessions that it matches. A second lock with the same id is
    /// ignored.
    package func add(_ lock: Lock) {
        let listeners = state.withLock { state -> [@Sendable (Event) -> Void] in
            guard !state.locks.values.contains(where: { $0.contains { $0.id == lock.id } }) else { return [] }
            state.locks[lock.target, default: []].append(lock)
            count.add(1, ordering: .sequentiallyConsistent)
            return Array(state.listeners.values)
        }
        for listener in listeners { listener(.added(lock)) }
    }

    /// Lifts the lock `id` and returns it, or nil if none stands.
    @discardableResult
    package func remove(_ id: RecordID) -> Lock? {
        let (lock, listeners) = state.withLock { state -> (Lock?, [@Sendable (Event) -> Void]) in
            for (target, locks) in state.locks {
                guard let lock = locks.first(where: { $0.id == id }) else { continue }
                let rest = locks.filter { $0.id != id }
                state.locks[target] = rest.isEmpty ? nil : rest
                count.subtract(1, ordering: .sequentiallyConsistent)
                return (lock, Array(state.listeners.values))
            }
            return (nil, [])
        }
        if let lock { for listener in listeners { listener(.removed(lock)) } }
        return lock
    }

    /// Sets the locks read from the ledger at start.
    package func restore(_ locks: [Lock]) {
        for lock in locks { add(lock) }
    }

    package var all: [Lock] {
        state.withLock { $0.locks.values.flatMap(\.self) }.sorted { $0.id < $1.id }
    }

    /// The lock that stands against this identity on this connection, if any. `agent` is the session's, verified or
    /// claimed.
    package func match(_ principal: Principal, agent: AgentContext, connection: String?) -> Lock? {
        guard count.load(ordering: .sequentiallyConsistent) > 0 else { return nil }
        var targets: [Lock.Target] = [
            .principal(issuer: principal.issuer, subject: principal.subject),
            .principal(issuer: nil, subject: principal.subject),
        ]
        if let name = agent.agent { targets.append(.agent(name)) }
        if let run = agent.run { targets.append(.run(run)) }
        if let connection { targets.append(.connection(connection)) }
        return state.withLock { state in
            for target in targets {
                if let lock = state.locks[target]?.first { return lock }
            }
            return nil
        }
    }

    package func match(_ identity: VerifiedIdentity, connection: String?) -> Lock? {
        match(identity.principal, agent: identity.agent, connection: connection)
    }

    /// Calls `listener` after every change, on the thread that made it and outside the registry's lock, until
    /// `unsubscribe`.
    package func subscribe(_ listener: @escaping @Sendable (Event) -> Void) -> Int {
        state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = listener
            return state.nextListener
        }
    }

    package func unsubscribe(_ number: Int) {
        _ = state.withLock { $0.listeners.removeValue(forKey: number) }
    }
}
