package import AccessPolicy
import AuditLedger
import AuditStore
import Crypto
import GatewayConfiguration
package import GatewayCore
import Identity
import Logging
import NIOCore
import SessionKernel
import Synchronization

/// Takes held commands to the desk and decisions back to their sessions. A decision takes effect when its entry is
/// durable.
package final class ApprovalService: Sendable {
    private let desk = ApprovalDesk()
    private let store: AuditStore
    private let digestKey: SymmetricKey
    private let logger: Logger

    init(store: AuditStore, digestKey: SymmetricKey, logger: Logger) {
        self.store = store
        self.digestKey = digestKey
        self.logger = logger
        // An approval holds the text of its command.
        store.afterErasing { [desk] in desk.forget(sessions: Set($0)) }
    }

    // MARK: - For sessions

    /// Files a request. `opened` is called once with its id, then `decided` once unless it is withdrawn; both on any
    /// thread.
    func open(
        _ question: ApprovalQuestion, exchange: ExchangeID, of session: AdmittedSession,
        decided: @escaping @Sendable (ApprovalDecision) -> Void, opened: @escaping @Sendable (RecordID) -> Void
    ) {
        let now = Timestamp.wall()
        let id = RecordID(at: now)
        let digest = digest(of: question, in: session)
        let request = Approval.Request(
            requester: session.identity.principal, agent: session.context.agent, session: session.context.session,
            connection: session.connection.name, database: session.terms.database,
            text: String(decoding: question.text, as: UTF8.self), parameters: question.parameters,
            prepared: question.prepared.map { String(decoding: $0, as: UTF8.self) }, rules: question.rules,
            message: question.message, terms: question.terms, digest: digest)
        let desk = self.desk
        do throws(ApprovalError) {
            try desk.request(id: id, request, now: now) { approval in
                switch approval.state {
                case .approved:
                    // The grant is used up here, once; the session writes its entry before the first byte is forwarded.
                    do throws(ApprovalError) {
                        try desk.consume(id, digest: digest, now: Timestamp.wall())
                        decided(
                            .granted(
                                by: approval.approvals.map(\.by), reasons: approval.approvals.compactMap(\.reason)))
                    } catch {
                        decided(.failed(error.description))
                    }
                case .denied:
                    if let denial = approval.denial { decided(.denied(by: denial.by, reason: denial.reason)) }
                case .expired: decided(.expired)
                case .pending, .withdrawn, .consumed: break
                }
            }
        } catch {
            return decided(.failed(error.description))
        }
        var draft = EntryDraft(.approvalRequested, exchange: exchange.number)
        describe(request, id, in: &draft)
        _ = try? store.appendSystem(draft)
        opened(id)
    }

    func withdraw(_ id: RecordID) {
        guard let approval = try? desk.withdraw(id, now: Timestamp.wall()) else { return }
        var draft = EntryDraft(.approvalWithdrawn)
        describe(approval.request, id, in: &draft)
        _ = try? store.appendSystem(draft)
    }

    /// Ends what is overdue; called once a second.
    func expire() {
        let now = Timestamp.wall()
        desk.expire(now: now)
        desk.forget(settledBefore: now.advanced(bySeconds: -86_400))
    }

    // MARK: - For people

    package func list(_ state: Approval.State?) -> [Approval] {
        desk.list(state)
    }

    package func approval(_ id: RecordID) -> Approval? {
        desk.approval(id)
    }

    /// One person's yes. It is tried on a copy first, so that what would be refused writes no entry.
    package func approve(_ id: RecordID, by identity: VerifiedIdentity, reason: String?) async throws -> Approval {
        let now = Timestamp.wall()
        guard var approval = desk.approval(id) else { throw ApprovalError.unknown }
        try approval.approve(by: identity, reason: reason, now: now)
        try await record(.approvalApproved, approval, by: identity.principal, reason: reason)
        return try desk.approve(id, by: identity, reason: reason, now: Timestamp.wall())
    }

    package func deny(_ id: RecordID, by identity: VerifiedIdentity, reason: String?) async throws -> Approval {
        let now = Timestamp.wall()
        guard var approval = desk.approval(id) else { throw ApprovalError.unknown }
        try approval.deny(by: identity, reason: reason, now: now)
        try await record(.approvalDenied, approval, by: identity.principal, reason: reason)
        return try desk.deny(id, by: identity, reason: reason, now: Timestamp.wall())
    }

    private func record(_ type: EntryType, _ approval: Approval, by person: Principal, reason: String?) async throws {
        var draft = EntryDraft(type)
        describe(approval.request, approval.id, in: &draft)
        draft.approver = person
        if let reason { draft.content = [ContentItem(.reason, reason)] }
        try await store.appendSystemDurably(draft)
    }

    private func describe(_ request: Approval.Request, _ id: RecordID, in draft: inout EntryDraft) {
        draft.approval = id
        draft.requester = request.requester
        draft.connection = request.connection
        draft.aboutSession = request.session
        draft.rules = request.rules
    }

    /// The keyed digest that an approval binds (P5): identity, connection, database, role and the very bytes.
    private func digest(of question: ApprovalQuestion, in session: AdmittedSession) -> [UInt8] {
        var mac = HMAC<SHA256>(key: digestKey)
        let identity = session.identity
        for part in [
            identity.principal.issuer, identity.principal.subject, session.context.agent.agent ?? "",
            session.context.agent.run ?? "",
            session.connection.name, session.terms.database, session.terms.targetUser,
            session.context.session.description,
        ] {
            mac.update(data: Array("\(part.utf8.count):".utf8))
            mac.update(data: Array(part.utf8))
        }
        mac.update(data: Array(question.bytes.readableBytesView))
        return Array(mac.finalize())
    }
}
