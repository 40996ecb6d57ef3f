package import GatewayCore
import Synchronization

/// All approvals of one gateway. Any thread may call it; persistence and the clock are the caller's.
package final class ApprovalDesk: Sendable {
    /// Told the approval after each change of its state, on the thread that made the change, outside the desk's lock.
    /// Two changes made at
    /// once may be told in either order: the state in the value is what counts.
    package typealias Observer = @Sendable (Approval) -> Void

    private struct State {
        var approvals: [RecordID: Approval] = [:]
        var observers: [RecordID: [Observer]] = [:]
        var pending = 0
        var pendingBytes = 0
        var pendingOf: [Principal: Int] = [:]

        mutating func count(_ approval: Approval, _ change: Int) {
            pending += change
            pendingBytes += change * approval.byteCount
            let requester = approval.request.requester
            let left = pendingOf[requester, default: 0] + change
            pendingOf[requester] = left == 0 ? nil : left
        }
    }

    /// What is kept at most: each approval holds its command's text.
    package struct Limits: Sendable {
        package var pending: Int
        /// Of one requester, so that nobody keeps others from asking.
        package var pendingEach: Int
        package var pendingBytes: Int
        package var settled: Int
        package var settledBytes: Int

        package init(
            pending: Int = 10_000, pendingEach: Int = 200, pendingBytes: Int = 256 << 20, settled: Int = 1000,
            settledBytes: Int = 64 << 20
        ) {
            self.pending = pending
            self.pendingEach = pendingEach
            self.pendingBytes = pendingBytes
            self.settled = settled
            self.settledBytes = settledBytes
        }
    }

    private let state = Mutex(State())
    private let limits: Limits

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Files a request; the observer lives until the approval can change no more.
    @discardableResult
    package func request(
        id: RecordID, _ request: Approval.Request, now: Timestamp, observer: Observer? = nil
    ) throws(ApprovalError) -> Approval {
        try state.withLock { state throws(ApprovalError) in
            guard state.pending < limits.pending else { throw .tooMany(limits.pending) }
            guard state.pendingOf[request.requester, default: 0] < limits.pendingEach else {
                throw .tooMany(limits.pendingEach)
            }
            guard state.approvals[id] == nil else { throw .settled(.pending) }
            let approval = Approval(id: id, request: request, now: now)
            guard state.pendingBytes + approval.byteCount <= limits.pendingBytes else { throw .tooMany(state.pending) }
            state.approvals[id] = approval
            state.count(approval, 1)
            if let observer { state.observers[id] = [observer] }
            return approval
        }
    }

    /// Adds an observer to an approval that can still change; false when there is none.
    package func observe(_ id: RecordID, _ observer: @escaping Observer) -> Bool {
        state.withLock { state in
            guard let approval = state.approvals[id], approval.state == .pending || approval.state == .approved else {
                return false
            }
            state.observers[id, default: []].append(observer)
            return true
        }
    }

    /// Nobody waits for it any more; it stays open for its command to come again. Of this and a decision made at the same
    /// time one comes first: what is decided already throws, and its observers are told of it.
    @discardableResult
    package func deferCommand(_ id: RecordID) throws(ApprovalError) -> Approval {
        try state.withLock { state throws(ApprovalError) in
            guard var approval = state.approvals[id] else { throw .unknown }
            try approval.deferCommand()
            state.approvals[id] = approval
            state.observers[id] = nil
            return approval
        }
    }

    /// The session that waited is gone; what is to come again stays open, or granted, for that.
    ///
    /// - Returns: false when it waits for nobody else: it is to be withdrawn.
    package func abandon(_ id: RecordID) -> Bool {
        state.withLock { state in
            guard state.approvals[id]?.isDeferred == true else { return false }
            state.observers[id] = nil
            return true
        }
    }

    /// What a command that comes again finds: a grant, used up by this very call, or an open request, which the observer
    /// follows from now on. Nil when there is none that nobody else waits for.
    ///
    /// - Parameters:
    ///   - digest: of the command, its requester and all that an approval binds.
    ///   - terms: what is asked for today: an approval on other terms is not taken.
    package func resume(
        digest: [UInt8], terms: HoldTerms, now: Timestamp, observer: @escaping Observer
    ) -> Approval? {
        state.withLock { state in
            let open = state.approvals.values.filter { approval in
                approval.isDeferred && approval.request.terms == terms && state.observers[approval.id] == nil
                    && approval.isFor(digest)
            }.sorted { $0.id < $1.id }
            for var approval in open where approval.state == .approved {
                guard (try? approval.consume(digest: digest, now: now)) != nil else { continue }
                _ = Self.store(approval, was: .approved, at: approval.id, &state)
                return approval
            }
            guard let waiting = open.first(where: { $0.state == .pending && now < $0.expires }) else { return nil }
            state.observers[waiting.id] = [observer]
            return waiting
        }
    }

    /// What was learned of the circumstances since; nobody is told.
    package func note(_ locks: Approval.Locks, of id: RecordID) {
        state.withLock { state in
            guard state.approvals[id]?.state == .pending else { return }
            state.approvals[id]?.locks = locks
        }
    }

    package func approval(_ id: RecordID) -> Approval? {
        state.withLock { $0.approvals[id] }
    }

    /// In the order of making; all states when `state` is nil.
    package func list(_ wanted: Approval.State? = nil) -> [Approval] {
        state.withLock { state in state.approvals.values.filter { wanted == nil || $0.state == wanted } }.sorted {
            $0.id < $1.id
        }
    }

    @discardableResult
    package func approve(
        _ id: RecordID, by identity: VerifiedIdentity, reason: String? = nil, now: Timestamp
    ) throws(ApprovalError) -> Approval {
        try change(id) { approval throws(ApprovalError) in
            try approval.approve(by: identity, reason: reason, now: now)
        }
    }

    @discardableResult
    package func deny(
        _ id: RecordID, by identity: VerifiedIdentity, reason: String? = nil, now: Timestamp
    ) throws(ApprovalError) -> Approval {
        try change(id) { approval throws(ApprovalError) in try approval.deny(by: identity, reason: reason, now: now) }
    }

    @discardableResult
    package func withdraw(_ id: RecordID, now: Timestamp) throws(ApprovalError) -> Approval {
        try change(id) { approval throws(ApprovalError) in try approval.withdraw(now: now) }
    }

    /// Uses a grant: succeeds at most once for each approval.
    @discardableResult
    package func consume(_ id: RecordID, digest: [UInt8], now: Timestamp) throws(ApprovalError) -> Approval {
        try change(id) { approval throws(ApprovalError) in try approval.consume(digest: digest, now: now) }
    }

    /// Ends everything whose time is over; call it at least once a second.
    @discardableResult
    package func expire(now: Timestamp) -> [Approval] {
        let ended = state.withLock { state in
            var ended: [(Approval, [Observer])] = []
            for (id, present) in state.approvals {
                var approval = present
                guard approval.expire(now: now) else { continue }
                ended.append((approval, Self.store(approval, was: present.state, at: id, &state)))
            }
            return ended
        }
        for (approval, observers) in ended {
            for observer in observers { observer(approval) }
        }
        return ended.map(\.0).sorted { $0.id < $1.id }
    }

    /// Forgets what was settled before `time`, and of the rest the oldest, beyond what is kept at most.
    package func forget(settledBefore time: Timestamp) {
        state.withLock { state in
            func end(_ approval: Approval) -> Timestamp { approval.settled ?? approval.created }
            let settled = state.approvals.values.filter { $0.state != .pending && $0.state != .approved }
            guard !settled.isEmpty else { return }
            var (count, bytes) = (0, 0)
            for approval in settled.sorted(by: { end($0) > end($1) }) {
                count += 1
                bytes += approval.byteCount
                if end(approval) < time || count > limits.settled || bytes > limits.settledBytes {
                    state.approvals[approval.id] = nil
                }
            }
        }
    }

    /// Forgets all approvals of sessions that are over, whatever their state; nobody is told.
    package func forget(sessions: Set<RecordID>) {
        state.withLock { state in
            for (id, approval) in state.approvals where approval.request.session.map(sessions.contains) ?? false {
                if approval.state == .pending { state.count(approval, -1) }
                state.approvals[id] = nil
                state.observers[id] = nil
            }
        }
    }

    private func change(
        _ id: RecordID, _ body: (inout Approval) throws(ApprovalError) -> Void
    ) throws(ApprovalError) -> Approval {
        let (approval, observers, failure) = state.withLock { state -> (Approval?, [Observer], ApprovalError?) in
            guard let present = state.approvals[id] else { return (nil, [], .unknown) }
            var approval = present
            var failure: ApprovalError?
            do throws(ApprovalError) {
                try body(&approval)
            } catch {
                failure = error
            }
            // A failure may have moved the state too (a grant found expired).
            guard approval != present else { return (approval, [], failure) }
            return (approval, Self.store(approval, was: present.state, at: id, &state), failure)
        }
        if let approval {
            for observer in observers { observer(approval) }
        }
        if let failure { throw failure }
        guard let approval else { throw .unknown }
        return approval
    }

    /// Puts the changed approval back and returns who is to be told.
    private static func store(_ approval: Approval, was: Approval.State, at id: RecordID, _ state: inout State)
        -> [Observer]
    {
        state.approvals[id] = approval
        if was == .pending, approval.state != .pending { state.count(approval, -1) }
        let observers = state.observers[id] ?? []
        if approval.state != .pending, approval.state != .approved { state.observers[id] = nil }
        return observers
    }
}
