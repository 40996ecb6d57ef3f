import AccessPolicy
import GatewayCore
import Testing

@Suite struct ApprovalReasonTests {
    private let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private func person(_ subject: String) -> VerifiedIdentity {
        VerifiedIdentity(
            principal: Principal(issuer: "https://idp", subject: subject, groups: ["dba"], isPersonIssuer: true),
            agent: AgentContext(), expires: start.advanced(bySeconds: 3600))
    }

    @Test func eachDecisionKeepsItsOwnReason() throws {
        let desk = ApprovalDesk()
        let id = RecordID(high: 0, low: 1)
        try desk.request(
            id: id,
            .init(
                requester: person("bot").principal, agent: AgentContext(), session: RecordID(high: 0, low: 2),
                connection: "orders", text: "DELETE", terms: HoldTerms(groups: ["dba"], count: 3, within: 900),
                digest: [1]),
            now: start)
        try desk.approve(id, by: person("one"), reason: "checked the plan", now: start)
        try desk.approve(id, by: person("two"), now: start)
        #expect(throws: ApprovalError.alreadyApproved) {
            try desk.approve(id, by: person("one"), reason: "again", now: start)
        }
        let approval = try desk.deny(id, by: person("three"), reason: "too wide", now: start)
        #expect(approval.approvals.map(\.reason) == ["checked the plan", nil])
        #expect(approval.denial?.reason == "too wide" && approval.state == .denied)
    }
}
