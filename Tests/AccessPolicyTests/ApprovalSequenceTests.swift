import AccessPolicy
import GatewayCore
import Testing

/// Every sequence of events up to a length, held against a table of what each event does in each state.
@Suite struct ApprovalSequenceTests {
    enum Event: CaseIterable {
        case yes, yesOfAnother, yesOfRequester, no, withdraw, deferred, useIt, useOther, timePasses
    }

    /// The life cycle as a table: the states, the yeses counted, and whether time is over.
    struct Model: Equatable {
        var state = Approval.State.pending
        var yeses: Set<String> = []
        var isDeferred = false
        var now: Int64 = 0
        var settled: Int64 = 0
        let count: Int

        static let within: Int64 = 90
        static let step: Int64 = 50

        /// Whether the event is taken.
        mutating func take(_ event: Event) -> Bool {
            let isOpen = state == .pending && now < Self.within
            switch event {
            case .yes, .yesOfAnother:
                let who = event == .yes ? "ada" : "bob"
                guard isOpen, !yeses.contains(who) else { return false }
                yeses.insert(who)
                if yeses.count == count { settle(.approved) }
            case .yesOfRequester: return false
            case .no:
                guard isOpen else { return false }
                settle(.denied)
            case .withdraw:
                guard state == .pending || state == .approved else { return false }
                settle(.withdrawn)
            case .deferred:
                guard state == .pending else { return false }
                isDeferred = true
            case .useOther, .useIt:
                guard state == .approved else { return false }
                guard now < usableUntil else {
                    settle(.expired)
                    return false
                }
                guard event == .useIt else { return false }
                state = .consumed
            case .timePasses:
                now += Self.step
                let end = state == .approved ? usableUntil : Self.within
                if state == .pending || state == .approved, now >= end { settle(.expired) }
            }
            return true
        }

        private var usableUntil: Int64 { isDeferred ? max(settled + 60, Self.within) : settled + 60 }

        private mutating func settle(_ next: Approval.State) {
            state = next
            settled = now
        }
    }

    private static let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private static func identity(_ subject: String) -> VerifiedIdentity {
        VerifiedIdentity(
            principal: Principal(issuer: "https://idp", subject: subject, groups: ["dba"], isPersonIssuer: true),
            agent: AgentContext(), expires: start.advanced(bySeconds: 86_400))
    }

    private static func play(_ event: Event, _ approval: inout Approval, _ now: Timestamp) -> Bool {
        do throws(ApprovalError) {
            switch event {
            case .yes: try approval.approve(by: identity("ada"), now: now)
            case .yesOfAnother: try approval.approve(by: identity("bob"), now: now)
            case .yesOfRequester: try approval.approve(by: identity("bot"), now: now)
            case .no: try approval.deny(by: identity("eve"), now: now)
            case .withdraw: try approval.withdraw(now: now)
            case .deferred: try approval.deferCommand()
            case .useIt: try approval.consume(digest: [1], now: now)
            case .useOther: try approval.consume(digest: [2], now: now)
            case .timePasses: _ = approval.expire(now: now)
            }
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: [1, 2, 3]) func everySequenceOfEvents(count: Int) {
        let length = count == 1 ? 6 : 5
        let events = Event.allCases
        var total = 1
        for _ in 0..<length { total *= events.count }
        var reached: Set<Approval.State> = []
        for number in 0..<total {
            var approval = Approval(
                id: RecordID(high: 0, low: 1),
                request: .init(
                    requester: Self.identity("bot").principal, agent: AgentContext(),
                    session: RecordID(high: 0, low: 2), connection: "orders", text: "DELETE",
                    terms: HoldTerms(groups: ["dba"], count: count, within: Int(Model.within)), digest: [1]),
                now: Self.start)
            var model = Model(count: count)
            var rest = number
            var played: [Event] = []
            for _ in 0..<length {
                let event = events[rest % events.count]
                rest /= events.count
                played.append(event)
                let expected = model.take(event)
                let taken = Self.play(event, &approval, Self.start.advanced(bySeconds: model.now))
                guard taken == expected, approval.state == model.state, approval.isDeferred == model.isDeferred,
                    Set(approval.approvals.map(\.by.subject)) == model.yeses
                else {
                    Issue.record("\(played): \(approval.state), taken \(taken), but \(model), taken \(expected)")
                    return
                }
            }
            reached.insert(approval.state)
        }
        #expect(reached == Set(Approval.State.allCases).subtracting(count == 3 ? [.approved, .consumed] : []))
    }
}
