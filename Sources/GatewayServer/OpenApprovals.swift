package import AuditLedger
package import GatewayCore

/// Approvals that the record says were left open by a gateway that was killed, folded from its own entries.
package struct OpenApprovals: Sendable {
    package struct Open: Sendable, Hashable {
        package var id: RecordID
        package var requester: Principal?
        package var connection: String?
        package var session: RecordID?
        package var rules: [String]
        var created: Timestamp
        /// Seconds that there were for a decision.
        var within: Int64
        var count: Int
        var approvals = 0
        var granted: Timestamp?

        /// Enough people approved it; nothing here says whether that was used.
        package var isGranted: Bool { granted != nil }

        /// Nobody can have used it any more after this.
        var usableUntil: Timestamp {
            let end = created.advanced(bySeconds: within)
            return granted.map { max($0.advanced(bySeconds: 60), end) } ?? end
        }
    }

    private var open: [RecordID: Open] = [:]

    package init() {}

    /// Entries come in their order.
    package mutating func take(_ leaf: Leaf) {
        guard let type = leaf.type, let id = leaf["approval"]?.string.flatMap({ RecordID($0) }) else { return }
        switch type {
        case .approvalRequested:
            func number(_ name: String) -> Int? { leaf["details"]?[name]?.string.flatMap { Int($0) } }
            open[id] = Open(
                id: id, requester: Self.principal(leaf["requester"]), connection: leaf["connection"]?.string,
                session: leaf["subject_session"]?.string.flatMap { RecordID($0) },
                rules: (leaf["rules"]?.list ?? []).compactMap(\.string),
                created: leaf.time ?? Timestamp(microseconds: 0),
                within: Int64(number("within") ?? 900), count: number("count") ?? 1)
        case .approvalApproved:
            open[id]?.approvals += 1
            if let found = open[id], found.approvals >= found.count { open[id]?.granted = leaf.time }
        case .approvalDenied, .approvalExpired, .approvalWithdrawn: open[id] = nil
        default: break
        }
    }

    /// What could still be decided or used when its gateway was gone, in the order of making. A grant whose time was over by
    /// `time` was used, or has its end.
    package func left(at time: Timestamp) -> [Open] {
        open.values.filter { !$0.isGranted || $0.usableUntil > time }.sorted { $0.id < $1.id }
    }

    private static func principal(_ value: LeafValue?) -> Principal? {
        guard let issuer = value?["issuer"]?.string, let subject = value?["subject"]?.string else { return nil }
        return Principal(
            issuer: issuer, subject: subject, name: value?["name"]?.string, groups: [], isPersonIssuer: false)
    }
}
