import AccessPolicy
import GatewayCore
import Synchronization
import Testing

private let start = Timestamp(microseconds: 1_800_000_000_000_000)
private let digest: [UInt8] = [1, 2, 3]

private func identity(
    _ subject: String, issuer: String = "https://idp", name: String? = nil, groups: [String] = ["dba"],
    person: Bool = true,
    agent: AgentContext = AgentContext(), expires: Timestamp = start.advanced(bySeconds: 86_400), machine: Bool = false
) -> VerifiedIdentity {
    VerifiedIdentity(
        principal: Principal(issuer: issuer, subject: subject, name: name, groups: groups, isPersonIssuer: person),
        agent: agent,
        expires: expires, isMachine: machine)
}

private func request(
    by requester: VerifiedIdentity = identity("bot"), count: Int = 1, within: Int = 900
) -> Approval.Request {
    Approval.Request(
        requester: requester.principal, agent: requester.agent, session: RecordID(high: 0, low: 1),
        connection: "orders",
        text: "DELETE", terms: HoldTerms(groups: ["dba"], count: count, within: within), digest: digest)
}

private func id(_ low: UInt64) -> RecordID { RecordID(high: 0, low: low) }

private func failure(_ body: () throws(ApprovalError) -> Void) -> ApprovalError? {
    do throws(ApprovalError) {
        try body()
        return nil
    } catch {
        return error
    }
}

@Suite struct ApprovalTests {
    @Test func grantedOnceUsedOnce() throws {
        var approval = Approval(id: id(1), request: request(), now: start)
        try approval.approve(by: identity("ada"), now: start)
        #expect(approval.state == .approved && approval.approvals.map(\.by.subject) == ["ada"])
        try approval.consume(digest: digest, now: start)
        #expect(approval.state == .consumed)
        #expect(
            failure { () throws(ApprovalError) in try approval.consume(digest: digest, now: start) }
                == .notGranted(.consumed))
    }

    @Test(arguments: [
        (identity("bot"), ApprovalError.requester),
        (identity("bot", groups: ["dba"], person: false), .requester),
        (identity("owner"), .actedFor),
        (identity("x9", name: "Owner"), .actedFor),
        (identity("ada", agent: AgentContext(agent: "copilot", trust: .claimed)), .agent),
        (identity("ada", agent: AgentContext(onBehalfOf: "bob", trust: .verified)), .agent),
        (identity("ada", machine: true), .machine),
        (identity("ada", person: false), .notAPerson),
        (identity("ada", groups: ["dev"]), .notInGroups(["dba"])),
        (identity("ada", groups: []), .notInGroups(["dba"])),
        (identity("ada", expires: start), .tokenExpired),
    ])
    func whoMayNotDecide(by: VerifiedIdentity, expected: ApprovalError) {
        let asked = identity("bot", agent: AgentContext(agent: "helper", onBehalfOf: "owner", trust: .verified))
        var approval = Approval(id: id(1), request: request(by: asked), now: start)
        #expect(failure { () throws(ApprovalError) in try approval.approve(by: by, now: start) } == expected)
        #expect(failure { () throws(ApprovalError) in try approval.deny(by: by, now: start) } == expected)
        #expect(approval.state == .pending && approval.approvals.isEmpty)
        #expect(!expected.description.isEmpty)
    }

    /// One human may have accounts at two issuers: neither approves for the other, and the two count once.
    @Test(arguments: [
        (identity("bot", issuer: "https://other"), true), (identity("BOT", issuer: "https://other"), true),
        (identity("x7", issuer: "https://other", name: "bot"), true),
        (identity("x7", issuer: "https://other", name: "Robot@example.com"), true),
        (identity("robot@example.com", issuer: "https://other"), true),
        (identity("x7", issuer: "https://other", name: "somebody"), false),
        // Within an issuer subjects tell people apart, whatever they are called.
        (identity("x7", name: "robot@example.com"), false), (identity("BOT"), false),
    ])
    func oneHumanUnderTwoIssuers(other: VerifiedIdentity, isOne: Bool) throws {
        let bot = identity("bot", name: "robot@example.com")
        var asked = Approval(id: id(1), request: request(by: bot), now: start)
        #expect(
            failure { () throws(ApprovalError) in try asked.approve(by: other, now: start) }
                == (isOne ? .requester : nil))
        var second = Approval(id: id(2), request: request(by: identity("agent"), count: 2), now: start)
        try second.approve(by: bot, now: start)
        #expect(
            failure { () throws(ApprovalError) in try second.approve(by: other, now: start) }
                == (isOne ? .alreadyApproved : nil))
        #expect(second.state == (isOne ? .pending : .approved))
    }

    @Test func countNeedsDifferentPeople() throws {
        var approval = Approval(id: id(1), request: request(count: 2), now: start)
        try approval.approve(by: identity("ada"), now: start)
        #expect(approval.state == .pending)
        #expect(
            failure { () throws(ApprovalError) in try approval.approve(by: identity("ada"), now: start) }
                == .alreadyApproved)
        #expect(
            failure { () throws(ApprovalError) in try approval.consume(digest: digest, now: start) }
                == .notGranted(.pending))
        try approval.approve(by: identity("bob"), now: start)
        #expect(approval.state == .approved)
    }

    @Test func oneNoEndsIt() throws {
        var approval = Approval(id: id(1), request: request(count: 2), now: start)
        try approval.approve(by: identity("ada"), now: start)
        try approval.deny(by: identity("bob"), reason: "no", now: start)
        #expect(approval.state == .denied && approval.denial?.reason == "no")
        #expect(
            failure { () throws(ApprovalError) in try approval.approve(by: identity("eve"), now: start) }
                == .settled(.denied))
    }

    @Test func timeEndsARequestAndAnUnusedGrant() throws {
        var approval = Approval(id: id(1), request: request(within: 10), now: start)
        let late = start.advanced(bySeconds: 10)
        let early = approval.expire(now: start.advanced(bySeconds: 9))
        #expect(!early)
        // Before anyone has run `expire`, the time is over all the same.
        #expect(
            failure { () throws(ApprovalError) in try approval.approve(by: identity("ada"), now: late) }
                == .settled(.expired))
        let ended = approval.expire(now: late)
        #expect(ended && approval.state == .expired)

        var granted = Approval(id: id(2), request: request(within: 10), now: start)
        try granted.approve(by: identity("ada"), now: start.advanced(bySeconds: 9))
        let used = granted.expire(now: start.advanced(bySeconds: 68))
        #expect(!used)
        let over = start.advanced(bySeconds: 69)
        #expect(
            failure { () throws(ApprovalError) in try granted.consume(digest: digest, now: over) }
                == .notGranted(.expired))
        #expect(granted.state == .expired)
    }

    @Test(arguments: [[1, 2], [1, 2, 4], [], [1, 2, 3, 4]] as [[UInt8]])
    func anotherCommandGetsNothing(other: [UInt8]) throws {
        var approval = Approval(id: id(1), request: request(), now: start)
        try approval.approve(by: identity("ada"), now: start)
        #expect(
            failure { () throws(ApprovalError) in try approval.consume(digest: other, now: start) } == .otherCommand)
        #expect(approval.state == .approved)
    }

    @Test func withdrawalTakesBackAnUnusedGrant() throws {
        var approval = Approval(id: id(1), request: request(), now: start)
        try approval.approve(by: identity("ada"), now: start)
        try approval.withdraw(now: start)
        #expect(
            failure { () throws(ApprovalError) in try approval.consume(digest: digest, now: start) }
                == .notGranted(.withdrawn))
    }
}

@Suite struct ApprovalDeskTests {
    @Test func observersHearEveryChangeUntilTheEnd() throws {
        let desk = ApprovalDesk()
        let heard = Mutex<[Approval.State]>([])
        try desk.request(id: id(1), request(count: 2), now: start) { approval in
            heard.withLock { $0.append(approval.state) }
        }
        #expect(
            failure { () throws(ApprovalError) in try desk.approve(id(1), by: identity("bot"), now: start) }
                == .requester)
        try desk.approve(id(1), by: identity("ada"), now: start)
        try desk.approve(id(1), by: identity("bob"), now: start)
        try desk.consume(id(1), digest: digest, now: start)
        #expect(heard.withLock { $0 } == [.pending, .approved, .consumed])
        #expect(!desk.observe(id(1)) { _ in })
    }

    @Test func observersMayCallTheDesk() throws {
        let desk = ApprovalDesk()
        let consumed = Mutex(false)
        try desk.request(id: id(1), request(), now: start) { approval in
            guard approval.state == .approved else { return }
            let done = (try? desk.consume(approval.id, digest: digest, now: start)) != nil
            consumed.withLock { $0 = done }
        }
        try desk.approve(id(1), by: identity("ada"), now: start)
        #expect(consumed.withLock { $0 })
    }

    @Test func listsExpiresAndForgets() throws {
        let desk = ApprovalDesk()
        try desk.request(id: id(2), request(within: 10), now: start)
        try desk.request(id: id(1), request(within: 100), now: start)
        #expect(desk.list(.pending).map(\.id) == [id(1), id(2)])
        let later = start.advanced(bySeconds: 10)
        #expect(desk.expire(now: later).map(\.id) == [id(2)])
        #expect(desk.expire(now: later).isEmpty)
        #expect(desk.list(.pending).map(\.id) == [id(1)] && desk.list().count == 2)
        desk.forget(settledBefore: start.advanced(bySeconds: 11))
        #expect(desk.list().map(\.id) == [id(1)])
    }

    /// Whatever state they are in: each holds its command's text.
    @Test func approvalsOfErasedSessionsAreForgotten() throws {
        let desk = ApprovalDesk(limits: .init(pending: 2))
        for number in UInt64(1)...4 {
            var asked = request()
            if number == 4 { asked.session = RecordID(high: 0, low: 2) }
            try desk.request(id: id(number), asked, now: start)
            if number == 1 { try desk.deny(id(1), by: identity("ada"), now: start) }
            if number == 2 { try desk.approve(id(2), by: identity("ada"), now: start) }
        }
        desk.forget(sessions: [RecordID(high: 0, low: 1)])
        #expect(desk.list().map(\.id) == [id(4)])
        #expect(desk.approval(id(3)) == nil)
        // One of two is pending now.
        try desk.request(id: id(5), request(), now: start)
        #expect(
            failure { () throws(ApprovalError) in try desk.request(id: id(6), request(), now: start) } == .tooMany(2))
    }

    @Test func pendingRequestsAreBounded() throws {
        let desk = ApprovalDesk(limits: .init(pending: 2))
        try desk.request(id: id(1), request(), now: start)
        #expect(
            failure { () throws(ApprovalError) in try desk.request(id: id(1), request(), now: start) }
                == .settled(.pending))
        try desk.request(id: id(2), request(), now: start)
        #expect(
            failure { () throws(ApprovalError) in try desk.request(id: id(3), request(), now: start) } == .tooMany(2))
        try desk.withdraw(id(1), now: start)
        try desk.request(id: id(3), request(), now: start)
        #expect(failure { () throws(ApprovalError) in try desk.withdraw(id(9), now: start) } == .unknown)
    }

    @Test func oneRequesterLeavesRoomForOthers() throws {
        let desk = ApprovalDesk(limits: .init(pendingEach: 2))
        for number in UInt64(1)...2 { try desk.request(id: id(number), request(), now: start) }
        #expect(
            failure { () throws(ApprovalError) in try desk.request(id: id(3), request(), now: start) } == .tooMany(2))
        try desk.request(id: id(4), request(by: identity("other")), now: start)
        try desk.deny(id(1), by: identity("ada"), now: start)
        try desk.request(id: id(3), request(), now: start)
        desk.forget(sessions: [RecordID(high: 0, low: 1)])
        for number in UInt64(5)...6 { try desk.request(id: id(number), request(), now: start) }
    }

    @Test func textsAreBounded() throws {
        let desk = ApprovalDesk(limits: .init(pendingBytes: 10_000, settledBytes: 10_000))
        func long(_ count: Int) -> Approval.Request {
            var asked = request()
            asked.text = String(repeating: "x", count: count)
            return asked
        }
        try desk.request(id: id(1), long(6000), now: start)
        #expect(
            failure { () throws(ApprovalError) in try desk.request(id: id(2), long(6000), now: start) } == .tooMany(1))
        try desk.request(id: id(2), long(100), now: start)
        // What is settled makes room, and is itself bounded: the oldest goes first.
        for number in UInt64(1)...5 {
            let now = start.advanced(bySeconds: Int64(number))
            if number > 2 { try desk.request(id: id(number), long(6000), now: now) }
            try desk.deny(id(number), by: identity("ada"), now: now)
        }
        desk.forget(settledBefore: start)
        #expect(desk.list().map(\.id) == [id(5)])
    }

    @Test func settledOnesAreBoundedAndOpenOnesAreNot() throws {
        let desk = ApprovalDesk(limits: .init(settled: 2))
        for number in UInt64(1)...6 { try desk.request(id: id(number), request(), now: start) }
        for number in UInt64(1)...4 {
            try desk.deny(id(number), by: identity("ada"), now: start.advanced(bySeconds: Int64(number)))
        }
        try desk.approve(id(5), by: identity("ada"), now: start)
        desk.forget(settledBefore: start)
        #expect(desk.list().map(\.id) == [id(3), id(4), id(5), id(6)])
    }

    @Test func manyThreadsGetOneGrant() async throws {
        let desk = ApprovalDesk()
        try desk.request(id: id(1), request(), now: start)
        try desk.approve(id(1), by: identity("ada"), now: start)
        let wins = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask { (try? desk.consume(id(1), digest: digest, now: start)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(wins == 1)
    }
}
