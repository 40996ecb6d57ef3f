import AccessPolicy
import GatewayCore
import Synchronization
import Testing

private let start = Timestamp(microseconds: 1_800_000_000_000_000)
private let digest: [UInt8] = [4, 5, 6]
private let terms = HoldTerms(groups: ["dba"], within: 900, wait: 5)

private let ada = VerifiedIdentity(
    principal: Principal(issuer: "https://idp", subject: "ada", groups: ["dba"], isPersonIssuer: true),
    agent: AgentContext(), expires: start.advanced(bySeconds: 86_400))

private final class Heard: Sendable {
    let states = Mutex<[Approval.State]>([])
    var all: [Approval.State] { states.withLock { $0 } }
}

/// A client's patience ends and somebody decides: in either order the grant is used exactly once.
@Suite struct DeferralTests {
    private let desk = ApprovalDesk()
    private let id = RecordID(high: 0, low: 1)

    private func open(_ heard: Heard) throws {
        let request = Approval.Request(
            requester: Principal(issuer: "https://idp", subject: "bot", groups: [], isPersonIssuer: false),
            agent: AgentContext(), session: RecordID(high: 0, low: 9), connection: "orders", text: "DELETE",
            terms: terms, digest: digest)
        try desk.request(id: id, request, now: start) { approval in heard.states.withLock { $0.append(approval.state) }
        }
    }

    private func again(_ heard: Heard = Heard()) -> Approval? {
        desk.resume(digest: digest, terms: terms, now: start) { approval in
            heard.states.withLock { $0.append(approval.state) }
        }
    }

    @Test func deferredThenGrantedStaysForTheCommandSentAgain() throws {
        let heard = Heard()
        try open(heard)
        try desk.deferCommand(id)
        try desk.approve(id, by: ada, now: start)
        #expect(heard.all == [])
        #expect(again()?.state == .consumed)
        #expect(again() == nil)
    }

    @Test func grantedThenDeferredGoesToTheSessionThatWaits() throws {
        let heard = Heard()
        try open(heard)
        try desk.approve(id, by: ada, now: start)
        #expect(throws: ApprovalError.settled(.approved)) { try desk.deferCommand(id) }
        #expect(heard.all == [.approved])
        #expect(again() == nil)
        #expect(try desk.consume(id, digest: digest, now: start).state == .consumed)
        #expect(again() == nil)
    }

    @Test func grantedWhileItsSessionLeavesStaysForTheCommandSentAgain() throws {
        try open(Heard())
        try desk.deferCommand(id)
        let second = Heard()
        #expect(again(second)?.state == .pending)
        try desk.approve(id, by: ada, now: start)
        // Told, but gone before it took the grant.
        #expect(second.all == [.approved])
        #expect(desk.abandon(id))
        #expect(again()?.state == .consumed)
        #expect(throws: ApprovalError.notGranted(.consumed)) { try desk.consume(id, digest: digest, now: start) }
    }

    @Test func whatIsNotToComeAgainIsNotAbandoned() throws {
        try open(Heard())
        #expect(!desk.abandon(id))
        #expect(!desk.abandon(RecordID(high: 5, low: 5)))
    }

    /// Both at once on two threads, many times: whoever was first, exactly one of the two may use the grant.
    @Test func bothAtOnce() async throws {
        for _ in 0..<300 {
            let desk = ApprovalDesk()
            let told = Mutex(0)
            let request = Approval.Request(
                requester: Principal(issuer: "https://idp", subject: "bot", groups: [], isPersonIssuer: false),
                agent: AgentContext(), session: RecordID(high: 0, low: 9), connection: "orders", text: "DELETE",
                terms: terms, digest: digest)
            try desk.request(id: id, request, now: start) { approval in
                if approval.state == .approved { told.withLock { $0 += 1 } }
            }
            let id = self.id
            async let isDeferred = Task.detached { (try? desk.deferCommand(id)) != nil }.value
            async let granted = Task.detached { (try? desk.approve(id, by: ada, now: start)) != nil }.value
            let (deferred, approved) = await (isDeferred, granted)
            #expect(approved)
            // Deferred: nobody who waited was told. Else: who waits was told, and nothing is left to resume.
            #expect(told.withLock { $0 } == (deferred ? 0 : 1))
            let resumed = desk.resume(digest: digest, terms: terms, now: start) { _ in }
            #expect((resumed?.state == .consumed) == deferred)
            #expect(((try? desk.consume(id, digest: digest, now: start)) != nil) == !deferred)
        }
    }
}
