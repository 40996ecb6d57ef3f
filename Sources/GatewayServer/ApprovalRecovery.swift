import AuditLedger
import AuditStore
import GatewayCore

/// At start: what a gateway that was killed had left open gets its end, since nobody can decide or use it any more.
extension ApprovalService {
    /// Runs of the gateway that are looked at: one that was killed while it started may have written no ends.
    private static let runs = 8

    /// Called before anybody is let in. Errors: `gateway.start`.
    func endWhatWasLeft() throws(GatewayError) {
        guard let archive = store.archive else { return }
        do {
            var open = OpenApprovals()
            var last = Timestamp(microseconds: 0)
            for session in try archive.gatewaySessions().suffix(Self.runs) {
                try Self.each(session, archive) { leaf in
                    open.take(leaf)
                    if leaf.type != .gatewayStarted { last = max(last, leaf.time ?? last) }
                }
            }
            for left in open.left(at: last) {
                if left.isGranted, try wasUsed(left, archive) { continue }
                var draft = EntryDraft(.approvalWithdrawn)
                draft.approval = left.id
                draft.requester = left.requester
                draft.connection = left.connection
                draft.aboutSession = left.session
                draft.rules = left.rules
                draft.reasonCode = "gateway_restarted"
                _ = try store.appendSystem(draft)
            }
        } catch {
            throw GatewayError(.gatewayStart, "The approvals cannot be read from the ledger.", cause: error)
        }
    }

    private static func each(_ session: RecordID, _ archive: AuditArchive, _ body: (Leaf) throws -> Void) throws {
        var from: UInt64 = 0
        while true {
            let entries = try archive.entries(of: session, from: from, limit: 1000)
            for entry in entries { try body(try Leaf(entry.leaf)) }
            guard entries.count == 1000 else { return }
            from += 1000
        }
    }

    /// Whether a session of who asked used it: its own, or one that sent the same command again.
    private func wasUsed(_ open: OpenApprovals.Open, _ archive: AuditArchive) throws -> Bool {
        var query = SessionQuery(limit: 200)
        query.owner = open.requester
        query.connection = open.connection
        var sessions = try archive.sessions(query).map(\.context.session)
        if let own = open.session, !sessions.contains(own) { sessions.append(own) }
        for session in sessions {
            var found = false
            try Self.each(session, archive) { leaf in
                if leaf.type == .commandGranted, leaf["approval"]?.string == open.id.description { found = true }
            }
            if found { return true }
        }
        return false
    }
}
