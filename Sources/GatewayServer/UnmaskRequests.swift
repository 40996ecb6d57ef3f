package import AccessPolicy
import AuditLedger
import AuditStore
import DataMasking
package import GatewayConfiguration
package import GatewayCore
import Identity
import Synchronization

/// Asking to see masked columns of a connection for a time, by the same approvals as for a command.
extension ApprovalService {
    /// Columns of one request at most.
    private static let mostUnmasked = 64

    /// Files a request, or finds the same one that is open.
    ///
    /// - Parameters:
    ///   - names: of the columns, `table.column` or `schema.table.column`.
    ///   - seconds: how long; nil or more than the masks allow means as long as they allow.
    ///   - reason: what the requester says.
    /// - Throws: `UnmaskProblem` when nobody may agree to it, else `ApprovalError`.
    package func requestUnmasking(
        of names: [String], on connection: ConnectionConfiguration, for seconds: Int?,
        by identity: VerifiedIdentity, reason: String?, address: String
    ) async throws -> Approval {
        // Whoever has access for a time has the connection, too.
        guard
            connection.access.allows(identity.principal) || access(of: identity, to: connection.name) != nil
        else { throw ApprovalError.unknown }
        let columns = try Self.columns(names)
        let needed = try UnmaskTerms.needed(for: columns, by: connection.masks)
        let now = time.now
        let key = UnmaskGrants.Key(identity, connection: connection.name)
        let asked = UnmaskRequest(
            columns: columns.map(\.description), seconds: min(seconds ?? needed.all.seconds, needed.all.seconds))
        let id = RecordID(at: now)
        let request = Approval.Request(
            requester: identity.principal, agent: identity.agent, session: nil, connection: connection.name,
            database: connection.target.database, text: asked.words(on: connection.name, reason),
            rules: ["mask.unmask"], message: reason, terms: needed.all.terms, digest: Array(id.description.utf8),
            unmask: asked)
        let shown = Unmasking.Grant(approval: id, columns: columns, terms: needed.each)
        let (approval, isNew) = try filing.withLock { _ throws(ApprovalError) in
            if let open = openUnmasking(asked, key, now) { return (open, false) }
            return (try file(request, shown, key), true)
        }
        guard isNew else { return approval }
        var draft = EntryDraft(.approvalRequested)
        describe(request, id, in: &draft)
        draft.principal = identity.principal
        draft.agent = identity.agent
        draft.clientAddress = address
        if let reason { draft.content = [ContentItem(.reason, reason)] }
        try await store.appendSystemDurably(draft)
        tell(.requested, approval)
        return approval
    }

    private static func columns(_ names: [String]) throws(UnmaskProblem) -> [UnmaskedColumn] {
        guard names.count <= mostUnmasked else {
            throw UnmaskProblem("At most \(mostUnmasked) columns can be asked for at once.")
        }
        var columns: Set<UnmaskedColumn> = []
        for name in names {
            guard let column = UnmaskedColumn(name) else {
                throw UnmaskProblem(
                    "\(ClaimedIdentity.printable(name)) is no column's whole name; write table.column or schema.table.column."
                )
            }
            columns.insert(column)
        }
        return columns.sorted()
    }

    private func file(
        _ request: Approval.Request, _ shown: Unmasking.Grant, _ key: UnmaskGrants.Key
    ) throws(ApprovalError) -> Approval {
        let seconds = request.unmask?.seconds ?? 0
        return try desk.request(id: shown.approval, request, now: time.now) { [self] approval in
            guard approval.state == .approved else { return }
            let now = time.now
            // Granted once: from here on it lasts for its time.
            guard (try? desk.consume(shown.approval, digest: request.digest, now: now)) != nil else { return }
            unmasked.add(key, shown, until: now.advanced(bySeconds: Int64(seconds)))
        }
    }

    private func openUnmasking(_ asked: UnmaskRequest, _ key: UnmaskGrants.Key, _ now: Timestamp) -> Approval? {
        desk.list(.pending).last { approval in
            let request = approval.request
            return request.unmask == asked && request.requester == key.principal && request.agent.agent == key.agent
                && request.agent.onBehalfOf == key.onBehalfOf && request.connection == key.connection
                && now < approval.expires
        }
    }

    /// Asked by a session for each answer: what its principal may see now.
    func unmasking(
        of identity: VerifiedIdentity, on connection: String
    ) -> @Sendable () -> Unmasking? {
        let key = UnmaskGrants.Key(identity, connection: connection)
        return { [unmasked, time] in unmasked.find(key, now: time.now) }
    }

    /// A lock takes back what it names, also for when it is lifted.
    func endUnmasking(where isMeant: (Principal, AgentContext, String) -> Bool) {
        let ended = unmasked.remove { key in
            var agent = AgentContext()
            agent.agent = key.agent
            agent.onBehalfOf = key.onBehalfOf
            return isMeant(key.principal, agent, key.connection)
        }
        note(.approvalWithdrawn, ended, why: "locked")
    }

    func note(_ type: EntryType, _ ended: [RecordID], why: String) {
        for id in ended {
            guard let approval = desk.approval(id) else { continue }
            note(type, approval, why: why)
        }
    }
}

extension UnmaskRequest {
    fileprivate func words(on connection: String, _ reason: String?) -> String {
        "see unmasked on \(connection) for \(DurationText.words(seconds)): " + columns.joined(separator: ", ")
            + (reason.map { ": " + $0 } ?? "")
    }

    /// For entries. A gateway that starts anew shows nothing.
    var details: [String: String] {
        [
            "kind": "unmask", "columns": columns.joined(separator: ","), "seconds": String(seconds),
            "on_restart": "ends",
        ]
    }
}

/// A time in words.
enum DurationText {
    static func words(_ seconds: Int) -> String {
        seconds % 3600 == 0 ? "\(seconds / 3600) h" : seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s"
    }
}
