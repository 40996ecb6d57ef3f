import DataMasking
import GatewayCore
import GatewayServer
import Testing

@Suite struct UnmaskGrantsTests {
    private static let start = Timestamp(microseconds: 1_000_000_000)

    private static func key(_ subject: String, agent: String? = nil, for person: String? = nil) -> UnmaskGrants.Key {
        var context = AgentContext()
        context.agent = agent
        context.onBehalfOf = person
        return UnmaskGrants.Key(
            VerifiedIdentity(
                principal: Principal(issuer: "i", subject: subject, groups: [], isPersonIssuer: true), agent: context,
                expires: start),
            connection: "orders")
    }

    private static func grant(_ number: UInt64) -> Unmasking.Grant {
        Unmasking.Grant(approval: RecordID(high: 1, low: number), columns: [], terms: [])
    }

    private static func after(_ seconds: Int64) -> Timestamp { start.advanced(bySeconds: seconds) }

    @Test func holdsForWhoAskedUntilItsTime() {
        let grants = UnmaskGrants()
        grants.add(Self.key("ann"), Self.grant(1), until: Self.after(10))
        grants.add(Self.key("ann"), Self.grant(2), until: Self.after(20))
        #expect(grants.find(Self.key("ann"), now: Self.after(9))?.grants == [Self.grant(1), Self.grant(2)])
        #expect(grants.find(Self.key("ann"), now: Self.after(10))?.grants == [Self.grant(2)])
        #expect(grants.find(Self.key("ann"), now: Self.after(20)) == nil)
        for other in [Self.key("bob"), Self.key("ann", agent: "a"), Self.key("ann", for: "bob")] {
            #expect(grants.find(other, now: Self.start) == nil)
        }
        #expect(grants.forget(until: Self.after(10)) == [Self.grant(1).approval])
        #expect(grants.forget(until: Self.after(10)).isEmpty)
    }

    @Test func isTakenBackOnce() {
        let grants = UnmaskGrants()
        grants.add(Self.key("ann"), Self.grant(1), until: Self.after(10))
        grants.add(Self.key("bob"), Self.grant(2), until: Self.after(10))
        #expect(!grants.remove(Self.grant(1).approval, now: Self.after(10)))
        #expect(grants.remove(Self.grant(1).approval, now: Self.start))
        #expect(!grants.remove(Self.grant(1).approval, now: Self.start))
        #expect(grants.remove(of: { $0.principal.subject == "ann" }).isEmpty)
        #expect(grants.remove(of: { $0.principal.subject == "bob" }) == [Self.grant(2).approval])
        #expect(grants.find(Self.key("bob"), now: Self.start) == nil)
    }
}
