import Crypto
package import GatewayCore
import Synchronization

/// Exchanges a verified identity for a short random secret, for clients that cannot carry a token. One node, in memory
/// only.
///
/// Only the SHA-256 of a secret is kept, and looked up by: how long that takes says nothing about the secret.
package final class TicketStore: Sendable {
    package static let prefix = "spt_"
    /// Most tickets at once, over all and for one principal; a caller cannot fill memory with them.
    package static let limit = 100_000
    package static let limitPerPrincipal = 100
    /// Seconds for which a revoked ticket is still known: longer than any sign-in that was under way takes.
    private static let memory: Int64 = 600

    private struct Kept {
        var ticket: Ticket
        var identity: VerifiedIdentity
        /// Used, and good for one use only: it opens nothing any more, but can be revoked for the sake of its session.
        var isSpent = false
    }

    private struct State {
        var tickets: [[UInt8]: Kept] = [:]
        var revoked: [RecordID: Timestamp] = [:]
        var perPrincipal: [Principal: Int] = [:]
        var listeners: [@Sendable (Ticket) -> Void] = []

        mutating func drop(_ digest: [UInt8]) -> Kept? {
            guard let kept = tickets.removeValue(forKey: digest) else { return nil }
            let rest = (perPrincipal[kept.ticket.principal] ?? 1) - 1
            perPrincipal[kept.ticket.principal] = rest > 0 ? rest : nil
            return kept
        }

        /// Makes room: what has expired goes, and what is spent.
        mutating func dropUseless(at now: Timestamp) {
            for (digest, kept) in tickets where kept.isSpent || kept.ticket.expires <= now { _ = drop(digest) }
        }
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Timestamp

    package init(now: @escaping @Sendable () -> Timestamp = Timestamp.wall) {
        self.now = now
    }

    /// Makes a ticket good for `ttl` seconds (1 to 30 days) or until the identity's token expires, whichever is sooner.
    /// Errors: `mint.invalid` when a bound is passed or the token has expired.
    package func issue(for identity: VerifiedIdentity, ttl: Int64 = 3600, use: Ticket.Use = .many) throws(GatewayError)
        -> IssuedTicket
    {
        let now = now()
        let expires = min(now.advanced(bySeconds: ttl), identity.expires)
        guard (1...2_592_000).contains(ttl), now < expires else {
            throw GatewayError(
                .mintInvalid, "A ticket lives 1 s to 30 days and not longer than its token; the token may have expired."
            )
        }
        let secret = Self.prefix + Base64URL.encode(SymmetricKey(size: .bits256).withUnsafeBytes(Array.init))
        let ticket = Ticket(id: RecordID(at: now), principal: identity.principal, use: use, expires: expires)
        let isKept = state.withLock { state in
            let held = state.perPrincipal[identity.principal] ?? 0
            if held >= Self.limitPerPrincipal || state.tickets.count >= Self.limit { state.dropUseless(at: now) }
            guard state.perPrincipal[identity.principal] ?? 0 < Self.limitPerPrincipal, state.tickets.count < Self.limit
            else { return false }
            state.tickets[Self.digest(secret)] = Kept(ticket: ticket, identity: identity)
            state.perPrincipal[identity.principal, default: 0] += 1
            return true
        }
        guard isKept else {
            throw GatewayError(.mintInvalid, "Too many tickets are open; revoke some or wait until they expire.")
        }
        return IssuedTicket(secret: secret, ticket: ticket)
    }

    /// Whether `text` looks like a ticket, so that a door knows which proof it was handed.
    package static func isTicket(_ text: String) -> Bool {
        text.hasPrefix(prefix)
    }

    /// Whom `secret` stands for; a ticket for one use opens nothing afterwards. Errors: `ticket.refused`.
    package func redeem(_ secret: String) throws(GatewayError) -> RedeemedTicket {
        let now = now()
        let digest = Self.digest(secret)
        let kept = state.withLock { state -> Kept? in
            guard let kept = state.tickets[digest], !kept.isSpent else { return nil }
            guard now < kept.ticket.expires else {
                _ = state.drop(digest)
                return nil
            }
            if kept.ticket.use == .once { state.tickets[digest]?.isSpent = true }
            return kept
        }
        guard let kept else {
            throw GatewayError(.ticketRefused, "The ticket is not valid (any more). Exchange a token for a new one.")
        }
        return RedeemedTicket(id: kept.ticket.id, identity: kept.identity)
    }

    /// Revokes a ticket and tells the listeners, who end its sessions; also one already used, whose session may be open.
    /// Nil when there is none of this id (any more).
    @discardableResult
    package func revoke(_ id: RecordID) -> Ticket? {
        let now = now()
        let (ticket, listeners) = state.withLock { state -> (Ticket?, [@Sendable (Ticket) -> Void]) in
            guard let digest = state.tickets.first(where: { $0.value.ticket.id == id })?.key else { return (nil, []) }
            state.revoked = state.revoked.filter { $0.value > now }
            state.revoked[id] = now.advanced(bySeconds: Self.memory)
            return (state.drop(digest)?.ticket, state.listeners)
        }
        if let ticket { for listener in listeners { listener(ticket) } }
        return ticket
    }

    /// Whether the ticket was revoked in the last minutes: asked once more when a session that it opened is there to be
    /// ended, so that none slips through between the two.
    package func isRevoked(_ id: RecordID) -> Bool {
        state.withLock { $0.revoked[id] != nil }
    }

    /// The ticket of this id, open or spent, unless it has expired or was revoked.
    package func ticket(_ id: RecordID) -> Ticket? {
        let now = now()
        return state.withLock { state in
            state.tickets.values.first { $0.ticket.id == id && $0.ticket.expires > now }?.ticket
        }
    }

    /// The open tickets of one principal, or of all.
    package func list(of principal: Principal? = nil) -> [Ticket] {
        let now = now()
        return state.withLock { state in
            state.tickets.values.filter { !$0.isSpent }.map(\.ticket).filter {
                $0.expires > now && (principal == nil || $0.principal == principal)
            }
        }.sorted { $0.id < $1.id }
    }

    /// Calls `listener` after every revocation, outside the store's lock.
    package func onRevocation(_ listener: @escaping @Sendable (Ticket) -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    private static func digest(_ secret: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(secret.utf8.prefix(512))))
    }
}
