import AuditLedger
import GatewayConfiguration
package import GatewayCore
import Identity
import NIOCore
import SessionKernel
import Synchronization

/// Every open session of the gateway: found by id, by what a lock names, and by the key a client may cancel with.
package final class SessionRegistry: Sendable {
    private struct Entry {
        var handle: SessionHandle
        var principal: Principal
        /// With what the client claimed: a lock may name that, too.
        var agent: AgentContext
        var ticket: RecordID?
        var token: WatchedToken?
        var connection: String
        var secret: [UInt8]
        var processID: Int32
    }

    private struct State {
        var sessions: [RecordID: Entry] = [:]
        var byProcessID: [Int32: RecordID] = [:]
        var nextProcessID: Int32 = 1
        var isDraining = false
    }

    private let state = Mutex(State())

    init() {}

    package var count: Int { state.withLock { $0.sessions.count } }

    /// A key pair of the gateway's own for a session about to open (PostgreSQL protocol, "Canceling Requests in
    /// Progress").
    func makeCancelKey(secretLength: Int = 4) -> (processID: Int32, secret: [UInt8]) {
        var generator = SystemRandomNumberGenerator()
        let secret = (0..<secretLength).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let processID = state.withLock { state -> Int32 in
            repeat {
                state.nextProcessID = state.nextProcessID == .max ? 1 : state.nextProcessID + 1
            } while state.byProcessID[state.nextProcessID] != nil
            return state.nextProcessID
        }
        return (processID, secret)
    }

    func add(_ handle: SessionHandle, _ session: AdmittedSession) {
        let key = session.terms.cancelKey
        let isDraining = state.withLock { state in
            state.sessions[session.context.session] = Entry(
                handle: handle, principal: session.identity.principal, agent: session.context.agent,
                ticket: session.ticket, token: session.token, connection: session.connection.name, secret: key.secret,
                processID: key.processID)
            state.byProcessID[key.processID] = session.context.session
            return state.isDraining
        }
        guard !isDraining else {
            handle.order(.abort(.shutdown, Self.shutdown))
            return
        }
        // From here on it is found by who ends sessions; what came before is asked for.
        if let objection = session.objection() { handle.order(.abort(.locked, objection)) }
    }

    func remove(_ id: RecordID) {
        state.withLock { state in
            guard let entry = state.sessions.removeValue(forKey: id) else { return }
            state.byProcessID[entry.processID] = nil
        }
    }

    /// `key` is process id and secret as a CancelRequest carries them. A wrong key does nothing, in the same time.
    /// Returns when the session has heard of it, nil for a wrong key.
    func cancel(_ key: [UInt8]) -> EventLoopFuture<Void>? {
        guard key.count >= 5 else { return nil }
        let processID = key.prefix(4).reduce(Int32(0)) { $0 << 8 | Int32($1) }
        let entry = state.withLock { state in state.byProcessID[processID].flatMap { state.sessions[$0] } }
        let secret = key.dropFirst(4)
        let expected = entry?.secret ?? Array(repeating: 0, count: secret.count)
        guard ConstantTime.areEqual(secret, expected[...]), let entry else { return nil }
        return entry.handle.order(.cancel)
    }

    /// Ends every session that `lock` names, and returns how many there are.
    func end(matching lock: Lock, registry locks: LockRegistry) -> Int {
        let matching = state.withLock { state in
            state.sessions.values.filter {
                locks.match($0.principal, agent: $0.agent, connection: $0.connection) != nil
            }
        }
        for entry in matching { entry.handle.order(.abort(.locked, SignInRefused.locked(lock.reason))) }
        return matching.count
    }

    /// Ends every session that was signed in by this ticket.
    func end(ticket: RecordID) {
        let matching = state.withLock { $0.sessions.values.filter { $0.ticket == ticket } }
        for entry in matching { entry.handle.order(.abort(.locked, SignInRefused.ticketRevoked)) }
    }

    /// Open sessions whose tokens' issuers are asked whether they still hold.
    func watched() -> [(session: RecordID, token: WatchedToken)] {
        state.withLock { state in state.sessions.compactMap { id, entry in entry.token.map { (id, $0) } } }
    }

    /// Ends the session because of its token.
    func end(_ id: RecordID, _ refusal: Refusal) {
        state.withLock { $0.sessions[id] }?.handle.order(.abort(.locked, refusal))
    }

    /// Ends the session; false when there is none.
    package func end(_ id: RecordID, why: String) -> Bool {
        guard let entry = state.withLock({ $0.sessions[id] }) else { return false }
        entry.handle.order(.abort(.locked, Refusal(code: "57P01", message: "This session was ended: \(why)")))
        return true
    }

    /// Has the sessions of these connections judge again what waits; how many sessions there are.
    func policyChanged(_ connections: Set<String>) -> Int {
        let matching = state.withLock { state in state.sessions.values.filter { connections.contains($0.connection) } }
        for entry in matching { entry.handle.order(.policyChanged) }
        return matching.count
    }

    /// Ends all sessions and every one that comes later.
    func endAll(_ reason: SessionEnd, _ refusal: Refusal) {
        let all = state.withLock { state in
            state.isDraining = reason == .shutdown || state.isDraining
            return Array(state.sessions.values)
        }
        for entry in all { entry.handle.order(.abort(reason, refusal)) }
    }

    /// Returns when the last session is gone, or after `seconds`.
    func waitUntilEmpty(seconds: Int) async {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while count > 0, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
    }

    static let shutdown = Refusal(
        code: "57P01", message: "The gateway is shutting down.", hint: "Connect again in a moment.")
}
