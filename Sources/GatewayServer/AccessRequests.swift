package import AccessPolicy
import AuditLedger
import AuditStore
package import GatewayConfiguration
package import GatewayCore
import Identity
import Synchronization

/// Asking for a whole connection for a time, by the same approvals as for a command.
extension ApprovalService {
    /// Files a request for access, or finds the one that is open.
    ///
    /// - Parameters:
    ///   - seconds: how long; nil or more than the connection allows means as long as it allows.
    ///   - reason: what the requester says.
    package func requestAccess(
        to connection: ConnectionConfiguration, for seconds: Int?, by identity: VerifiedIdentity, reason: String?,
        address: String
    ) async throws -> Approval {
        guard let rule = connection.accessRequest, rule.who.allows(identity.principal) else {
            throw ApprovalError.unknown
        }
        let now = time.now
        let key = AccessGrants.Key(identity, connection: connection.name)
        let seconds = min(seconds ?? rule.seconds, rule.seconds)
        let id = RecordID(at: now)
        let request = Approval.Request(
            requester: identity.principal, agent: identity.agent, session: nil, connection: connection.name,
            database: connection.target.database, text: Self.words(connection.name, seconds, reason),
            rules: ["access.request"], message: reason, terms: rule.terms, digest: Array(id.description.utf8),
            access: seconds)
        let (approval, isNew) = try filing.withLock { _ throws(ApprovalError) in
            if let open = openRequest(key, now) { return (open, false) }
            return (try file(id, request, key, seconds, now), true)
        }
        guard isNew else { return approval }
        var draft = EntryDraft(.approvalRequested)
        describe(request, id, in: &draft)
        draft.principal = identity.principal
        draft.agent = identity.agent
        draft.clientAddress = address
        draft.details = [
            "kind": "access", "seconds": String(seconds), "within": String(rule.terms.within),
            "count": String(max(1, rule.terms.count)),
        ]
        if let reason { draft.content = [ContentItem(.reason, reason)] }
        try await store.appendSystemDurably(draft)
        tell(.requested, approval)
        return approval
    }

    private func file(
        _ id: RecordID, _ request: Approval.Request, _ key: AccessGrants.Key, _ seconds: Int, _ now: Timestamp
    ) throws(ApprovalError) -> Approval {
        try desk.request(id: id, request, now: now) { [self] approval in
            guard approval.state == .approved else { return }
            let now = time.now
            // Granted once: from here on it lasts for its time.
            guard (try? desk.consume(id, digest: request.digest, now: now)) != nil else { return }
            access.add(key, id, until: now.advanced(bySeconds: Int64(seconds)))
        }
    }

    /// The one request of this principal that waits, or was denied so short a time ago that asking again would be pestering.
    private func openRequest(_ key: AccessGrants.Key, _ now: Timestamp) -> Approval? {
        desk.list().last { approval in
            guard approval.request.access != nil, approval.request.requester == key.principal,
                approval.request.agent.agent == key.agent, approval.request.connection == key.connection
            else { return false }
            switch approval.state {
            case .pending: return now < approval.expires
            case .denied: return now < approval.expires
            case .approved, .expired, .withdrawn, .consumed: return false
            }
        }
    }

    /// Whether access was agreed to and lasts.
    func access(of identity: VerifiedIdentity, to connection: String) -> AccessGrants.Grant? {
        access.find(AccessGrants.Key(identity, connection: connection), now: time.now)
    }

    private static func words(_ connection: String, _ seconds: Int, _ reason: String?) -> String {
        let time =
            seconds % 3600 == 0
            ? "\(seconds / 3600) h" : seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s"
        return "access to \(connection) for \(time)" + (reason.map { ": " + $0 } ?? "")
    }
}
