import AuditLedger
import GatewayCore
import GatewayServer
import Testing

private let start = Timestamp(microseconds: 1_800_000_000_000_000)

/// What a killed gateway left open, by its own entries.
@Suite struct OpenApprovalsTests {
    private func id(_ number: UInt64) -> RecordID {
        RecordID(high: 0x0191_0000_0000_7000, low: 0x8000_0000_0000_0000 | number)
    }

    private func leaf(
        _ type: EntryType, _ approval: UInt64?, at seconds: Int64, within: Int = 900, count: Int = 1
    ) throws -> Leaf {
        var draft = EntryDraft(type)
        draft.approval = approval.map(id)
        draft.requester = Principal(issuer: "https://idp", subject: "bot", groups: [], isPersonIssuer: false)
        draft.connection = "orders"
        draft.rules = ["deletes"]
        if type == .approvalRequested { draft.details = ["within": String(within), "count": String(count)] }
        let context = SessionContext(
            session: id(99), principal: nil, connection: "", kind: "gateway", clientAddress: "")
        var writer = CanonicalWriter()
        LeafEncoder(context).encode(
            draft, sequence: 1, id: id(1000), time: start.advanced(bySeconds: seconds), commitments: [], into: &writer)
        return try Leaf(writer.bytes)
    }

    private func open(_ leaves: [Leaf]) -> OpenApprovals {
        var open = OpenApprovals()
        for leaf in leaves { open.take(leaf) }
        return open
    }

    @Test func everyEndCloses() throws {
        for end in [EntryType.approvalDenied, .approvalExpired, .approvalWithdrawn] {
            let open = open([try leaf(.approvalRequested, 1, at: 0), try leaf(end, 1, at: 5)])
            #expect(open.left(at: start).isEmpty)
        }
    }

    @Test func whatIsPendingIsLeft() throws {
        let open = open([
            try leaf(.approvalRequested, 1, at: 0), try leaf(.approvalRequested, 2, at: 0, count: 2),
            try leaf(.approvalApproved, 2, at: 3),
        ])
        let left = open.left(at: start.advanced(bySeconds: 5000))
        #expect(left.map(\.id) == [id(1), id(2)] && left.allSatisfy { !$0.isGranted })
        #expect(left[0].requester?.subject == "bot" && left[0].connection == "orders" && left[0].rules == ["deletes"])
    }

    @Test func aGrantIsLeftForAsLongAsItCouldBeUsed() throws {
        let open = open([try leaf(.approvalRequested, 1, at: 0, within: 100), try leaf(.approvalApproved, 1, at: 90)])
        #expect(open.left(at: start.advanced(bySeconds: 149)).map(\.isGranted) == [true])
        #expect(open.left(at: start.advanced(bySeconds: 150)).isEmpty)
    }

    @Test func otherEntriesAreNothingToIt() throws {
        let open = open([
            try leaf(.approvalApproved, 7, at: 0), try leaf(.approvalDenied, 8, at: 0),
            try leaf(.gatewayStarted, nil, at: 0),
            try leaf(.lockSet, 1, at: 0),
        ])
        #expect(open.left(at: start).isEmpty)
    }
}
