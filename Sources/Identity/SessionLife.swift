package import GatewayCore

/// How long a session may live (DESIGN: "Session life"), as a pure function of times.
package struct SessionLife: Sendable, Hashable {
    /// What the token's expiry means for a session that is already open.
    package enum TokenExpiry: String, Sendable, CaseIterable {
        /// What runs, is held or is in an open transaction may end within `grace`; nothing new starts.
        case finish
        /// The session goes on to `max`.
        case keep
        /// The session ends at once.
        case end
    }

    /// Why a session drains or has ended.
    package enum Reason: String, Sendable {
        case max
        case idle
        case tokenExpired = "token_expired"
    }

    package enum State: Sendable, Hashable {
        /// Commands are admitted.
        case open
        /// Only what belongs to the open transaction is admitted; the session ends at `until`.
        case draining(Reason, until: Timestamp)
        case ended(Reason)
    }

    /// Seconds from its start to a session's end.
    package var max: Int64
    /// Seconds without a command to a session's end.
    package var idle: Int64
    package var onTokenExpiry: TokenExpiry
    /// Seconds after the token's expiry that `finish` leaves.
    package var grace: Int64

    package init(max: Int64 = 28_800, idle: Int64 = 3600, onTokenExpiry: TokenExpiry = .finish, grace: Int64 = 900) {
        self.max = max
        self.idle = idle
        self.onTokenExpiry = onTokenExpiry
        self.grace = grace
    }

    /// The fixed moments of a session: after `refusesFrom` nothing new starts, at `endsAt` it is over.
    package struct Deadlines: Sendable, Hashable {
        package var refusesFrom: Timestamp
        package var endsAt: Timestamp
        /// Why it ends at `endsAt`.
        package var reason: Reason
    }

    package func deadlines(start: Timestamp, identity: VerifiedIdentity) -> Deadlines {
        deadlines(start: start, tokenExpires: identity.expires)
    }

    package func deadlines(start: Timestamp, tokenExpires expiry: Timestamp) -> Deadlines {
        let last = start.advanced(bySeconds: max)
        switch onTokenExpiry {
        case .keep:
            return Deadlines(refusesFrom: last, endsAt: last, reason: .max)
        case .end:
            return expiry < last
                ? Deadlines(refusesFrom: expiry, endsAt: expiry, reason: .tokenExpired)
                : Deadlines(refusesFrom: last, endsAt: last, reason: .max)
        case .finish:
            let drained = expiry.advanced(bySeconds: grace)
            return Deadlines(
                refusesFrom: min(expiry, last), endsAt: min(drained, last),
                reason: drained < last ? .tokenExpired : .max)
        }
    }

    /// Where a session stands at `now`. `lastActivity` is the end of the last command; `isBusy` while one runs or is
    /// held,
    /// so that waiting for an approval is not idleness.
    package func state(
        at now: Timestamp, start: Timestamp, lastActivity: Timestamp, isBusy: Bool, tokenExpires: Timestamp
    ) -> State {
        let deadlines = deadlines(start: start, tokenExpires: tokenExpires)
        if now >= deadlines.endsAt { return .ended(deadlines.reason) }
        if !isBusy, now >= lastActivity.advanced(bySeconds: idle) { return .ended(.idle) }
        if now >= deadlines.refusesFrom { return .draining(.tokenExpired, until: deadlines.endsAt) }
        return .open
    }
}
