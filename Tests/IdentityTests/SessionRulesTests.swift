import GatewayCore
import Identity
import Synchronization
import Testing

@Suite struct SessionRulesTests {
    let alice = Principal(issuer: "i", subject: "alice", groups: ["dev"], isPersonIssuer: false)

    private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test(
        arguments: [
            // policy, now, last activity, busy, token expiry, expected (max 1000, idle 100, grace 50)
            (SessionLife.TokenExpiry.finish, 499, 499, false, 500, SessionLife.State.open),
            (.finish, 500, 499, false, 500, .draining(.tokenExpired, until: Timestamp(microseconds: 550_000_000))),
            (.finish, 549, 549, true, 500, .draining(.tokenExpired, until: Timestamp(microseconds: 550_000_000))),
            (.finish, 550, 549, true, 500, .ended(.tokenExpired)), (.finish, 1000, 999, true, 5000, .ended(.max)),
            (.finish, 1000, 999, true, 980, .ended(.max)), (.end, 500, 499, true, 500, .ended(.tokenExpired)),
            (.end, 1000, 999, true, 5000, .ended(.max)), (.keep, 600, 599, false, 500, .open),
            (.keep, 1000, 999, true, 500, .ended(.max)),
            (.finish, 100, 0, false, 500, .ended(.idle)), (.finish, 100, 0, true, 500, .open),
            (.finish, 99, 0, false, 500, .open),
        ] as [(SessionLife.TokenExpiry, Int64, Int64, Bool, Int64, SessionLife.State)])
    func sessionLife(
        _ rule: SessionLife.TokenExpiry, _ now: Int64, _ last: Int64, _ busy: Bool, _ expires: Int64,
        _ expected: SessionLife.State
    ) {
        let life = SessionLife(max: 1000, idle: 100, onTokenExpiry: rule, grace: 50)
        #expect(
            life.state(at: at(now), start: at(0), lastActivity: at(last), isBusy: busy, tokenExpires: at(expires))
                == expected)
    }

    @Test func unknownAndForbiddenConnectionsLookAlike() throws {
        let lists = [
            "mine": AccessList(groups: ["dev"]), "theirs": AccessList(groups: ["ops"]), "empty": AccessList(),
            "foreign": AccessList(groups: ["dev"], issuers: ["other"]),
        ]
        func outcome(_ name: String) -> String {
            do {
                return try AccessDecision.authorize(alice, connection: name) { name in lists[name].map { ($0, name) } }
            } catch {
                return error.code.description + error.message.replacing(name, with: "?")
            }
        }
        #expect(outcome("mine") == "mine")
        #expect(Set(["theirs", "empty", "foreign", "nowhere"].map(outcome)).count == 1)
        #expect(outcome("nowhere").hasPrefix("access.denied"))
    }

    @Test func locksMatchTheirTargetOnlyAndTellListeners() {
        let registry = LockRegistry()
        let events = Mutex<[LockRegistry.Event]>([])
        let listener = registry.subscribe { event in events.withLock { $0.append(event) } }
        let agent = AgentContext(agent: "bot", run: "r1")
        #expect(registry.match(alice, agent: agent, connection: "db") == nil)
        let cases: [(Lock.Target, Bool)] = [
            (.principal(issuer: "i", subject: "alice"), true), (.principal(issuer: "j", subject: "alice"), false),
            (.principal(issuer: nil, subject: "alice"), true), (.agent("bot"), true), (.agent("alice"), false),
            (.run("r1"), true),
            (.run("r2"), false), (.connection("db"), true), (.connection("bot"), false),
        ]
        for (target, matches) in cases {
            let lock = Lock(id: RecordID(at: at(1)), target: target, reason: "x", author: "y", since: at(1))
            registry.restore([lock, lock])
            #expect((registry.match(alice, agent: agent, connection: "db") == lock) == matches, "\(target)")
            #expect(registry.remove(lock.id) == lock && registry.remove(lock.id) == nil)
            #expect(events.withLock { $0.suffix(2) } == [.added(lock), .removed(lock)])
        }
        #expect(registry.match(alice, agent: agent, connection: "db") == nil && registry.all.isEmpty)
        registry.unsubscribe(listener)
        #expect(events.withLock { $0.count } == cases.count * 2)
    }

    @Test func ticketsExpireWithTheirTokenAndAreUsedUp() async throws {
        let clock = Mutex(at(0))
        let store = TicketStore(now: { clock.withLock { $0 } })
        let identity = VerifiedIdentity(principal: alice, agent: AgentContext(), expires: at(100))
        let many = try store.issue(for: identity, ttl: 3600)
        let once = try store.issue(for: identity, ttl: 50, use: .once)
        #expect(many.secret.hasPrefix("spt_") && many.ticket.expires == at(100) && once.ticket.expires == at(50))
        #expect(try store.redeem(once.secret).id == once.ticket.id)
        #expect(await code { _ = try store.redeem(once.secret) } == "ticket.refused")
        #expect(await code { _ = try store.redeem(many.secret + "A") } == "ticket.refused")
        clock.withLock { $0 = self.at(99) }
        #expect(try store.redeem(many.secret).identity.principal == alice)
        clock.withLock { $0 = self.at(100) }
        #expect(await code { _ = try store.redeem(many.secret) } == "ticket.refused")
        #expect(await code { _ = try store.issue(for: identity) } == "mint.invalid")
        clock.withLock { $0 = self.at(0) }
        let revoked = try store.issue(for: identity)
        #expect(store.revoke(revoked.ticket.id) == revoked.ticket)
        #expect(await code { _ = try store.redeem(revoked.secret) } == "ticket.refused")
        for _ in 0..<TicketStore.limitPerPrincipal { _ = try store.issue(for: identity) }
        #expect(await code { _ = try store.issue(for: identity) } == "mint.invalid")
    }

    @Test func aUsedTicketCanStillBeRevokedForItsSession() async throws {
        let clock = Mutex(at(0))
        let store = TicketStore(now: { clock.withLock { $0 } })
        let identity = VerifiedIdentity(principal: alice, agent: AgentContext(), expires: at(10_000))
        let told = Mutex<[RecordID]>([])
        store.onRevocation { ticket in told.withLock { $0.append(ticket.id) } }
        let once = try store.issue(for: identity, use: .once)
        _ = try store.redeem(once.secret)
        #expect(store.list().isEmpty && store.ticket(once.ticket.id) == once.ticket)
        #expect(!store.isRevoked(once.ticket.id))
        #expect(store.revoke(once.ticket.id) == once.ticket)
        #expect(told.withLock { $0 } == [once.ticket.id] && store.isRevoked(once.ticket.id))
        #expect(store.revoke(once.ticket.id) == nil && told.withLock { $0.count } == 1)
        #expect(await code { _ = try store.redeem(once.secret) } == "ticket.refused")
        // What is revoked is not remembered for ever.
        clock.withLock { $0 = self.at(601) }
        store.revoke(try store.issue(for: identity).ticket.id)
        #expect(!store.isRevoked(once.ticket.id))
        // Spent tickets fill nothing: they make room for new ones.
        for _ in 0..<2 * TicketStore.limitPerPrincipal {
            _ = try store.redeem(store.issue(for: identity, use: .once).secret)
        }
        #expect(store.list().isEmpty)
    }
}
