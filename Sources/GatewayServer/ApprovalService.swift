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
    let desk = ApprovalDesk()
    let access = AccessGrants()
    let unmasked = UnmaskGrants()
    /// Held while a request for access or to unmask is filed, so that there is one of each.
    let filing = Mutex(())
    private let standing = StandingGrants()
    let store: AuditStore
    /// By which all of its deadlines go.
    let time = SteadyTime()
    private let decisions = DecisionGate()
    private let digestKey: SymmetricKey
    let notifier: Notifier?
    private let logger: Logger

    init(store: AuditStore, digestKey: SymmetricKey, notifier: Notifier?, logger: Logger) {
        self.store = store
        self.digestKey = digestKey
        self.notifier = notifier
        self.logger = logger
        // An approval holds the text of its command.
        store.afterErasing { [desk, standing] in
            desk.forget(sessions: Set($0))
            standing.forget(until: Timestamp.wall(), sessions: Set($0))
        }
    }

    // MARK: - For sessions

    /// How a request ended, for a session that still waits for it: whoever asks this takes a grant, and uses it up.
    typealias Taking = @Sendable () -> ApprovalDecision

    /// Files a request, or goes on with the one that the same command left open. `opened` is called once with it, then
    /// `decided` once, unless a grant was there already; both on any thread.
    ///
    /// - Parameter fingerprint: of the statement, where its terms let a grant reach others of the same form.
    func open(
        _ question: ApprovalQuestion, exchange: ExchangeID, of session: AdmittedSession, fingerprint: String?,
        history: [Approval.EarlierCommand] = [],
        decided: @escaping @Sendable (@escaping Taking) -> Void, opened: @escaping @Sendable (Approval) -> Void
    ) {
        let now = time.now
        if let reason = question.breakGlass?.trimmed, !reason.isEmpty, session.mayBreakGlass {
            return breakGlass(question, exchange, session, reason, decided)
        }
        let reach = fingerprint.flatMap { self.reach(of: question, $0, in: session) }
        if let reach, let grant = standing.find(reach.key, now: now) { return decided { .granted(grant.approval) } }
        let digest = digest(of: question, in: session)
        let observer = observer(digest: digest, reach, decided)
        if question.mayDefer,
            let found = desk.resume(digest: digest, terms: question.terms, now: now, observer: observer)
        {
            guard found.state == .consumed else { return opened(found) }
            extend(found, reach)
            return decided { .granted(found) }
        }
        let id = RecordID(at: now)
        var request = Approval.Request(
            requester: session.identity.principal, agent: session.context.agent, session: session.context.session,
            connection: session.connection.name, database: session.terms.database,
            text: String(decoding: question.text, as: UTF8.self), parameters: question.parameters,
            prepared: question.prepared.map { String(decoding: $0, as: UTF8.self) }, rules: question.rules,
            message: question.message, terms: question.terms, digest: digest)
        request.verb = question.subject.verbs.first ?? ""
        request.objects = Self.objects(of: question.subject)
        request.rowsEstimate = question.subject.estimate?.rows
        request.history = history
        let approval: Approval
        do throws(ApprovalError) {
            approval = try desk.request(id: id, request, now: now, observer: observer)
        } catch {
            return decided { .failed(error.description) }
        }
        var draft = EntryDraft(.approvalRequested, exchange: exchange.number)
        describe(request, id, in: &draft)
        draft.classes = question.subject.classes.map(\.rawValue).sorted()
        draft.verb = request.verb.isEmpty ? nil : request.verb
        draft.objects = request.objects
        draft.details["within"] = String(request.terms.within)
        draft.details["count"] = String(max(1, request.terms.count))
        draft.details["rows_estimate"] = request.rowsEstimate.map(String.init)
        _ = try? store.appendSystem(draft)
        tell(.requested, approval)
        opened(approval)
    }

    /// What was learned of a request's circumstances since it was filed.
    func note(_ locks: Approval.Locks, of id: RecordID) {
        desk.note(locks, of: id)
    }

    private static func objects(of subject: CommandSubject) -> [String] {
        var objects: [String] = []
        for object in (subject.reads + subject.writes).map(\.description) where !objects.contains(object) {
            objects.append(object)
            if objects.count == 64 { break }
        }
        return objects
    }

    private func observer(
        digest: [UInt8], _ reach: Reach?, _ decided: @escaping @Sendable (@escaping Taking) -> Void
    ) -> ApprovalDesk.Observer {
        { [self] approval in
            switch approval.state {
            case .approved: decided { self.take(approval.id, digest: digest, reach) }
            case .denied:
                if let denial = approval.denial { decided { .denied(by: denial.by, reason: denial.reason) } }
            case .expired: decided { .expired }
            case .withdrawn: decided { .withdrawn }
            case .pending, .consumed: break
            }
        }
    }

    /// Uses a grant up, once; the session writes its entry before the first byte is forwarded. Until then it stays with the
    /// desk, for the same command sent again or to be taken back.
    private func take(_ id: RecordID, digest: [UInt8], _ reach: Reach?) -> ApprovalDecision {
        do throws(ApprovalError) {
            let used = try desk.consume(id, digest: digest, now: time.now)
            extend(used, reach)
            return .granted(used)
        } catch .notGranted(.withdrawn) {
            return .withdrawn
        } catch .notGranted(.expired) {
            return .expired
        } catch {
            return .failed(error.description)
        }
    }

    // MARK: - Scope

    /// What else a grant of a command lets pass, and for how many seconds.
    private struct Reach: Sendable {
        var key: StandingGrants.Key
        var seconds: Int
    }

    private func reach(of question: ApprovalQuestion, _ fingerprint: String, in session: AdmittedSession) -> Reach? {
        guard case .same(let seconds, let extent) = question.terms.scope, let standalone = question.standalone,
            question.subject.isSameForOtherValues
        else { return nil }
        let here = extent == .session ? session.context.session.description : nil
        let parts: [String?] = ["scope", here, fingerprint] + question.rules + ["", question.terms.key]
        return Reach(
            key: mac(of: session, parts + question.subject.form, standalone.circumstances), seconds: seconds)
    }

    private func extend(_ approval: Approval, _ reach: Reach?) {
        guard let reach else { return }
        let until = (approval.settled ?? time.now).advanced(bySeconds: Int64(reach.seconds))
        standing.add(reach.key, approval, until: until)
    }

    // MARK: - Break-glass

    /// Lets a command pass on its requester's own word, once the alert is durable.
    private func breakGlass(
        _ question: ApprovalQuestion, _ exchange: ExchangeID, _ session: AdmittedSession, _ reason: String,
        _ decided: @escaping @Sendable (@escaping Taking) -> Void
    ) {
        let person = session.identity.principal
        var draft = EntryDraft(.alertBreakGlass, exchange: exchange.number)
        draft.principal = person
        draft.agent = session.context.agent
        draft.connection = session.connection.name
        draft.clientAddress = session.context.clientAddress
        draft.aboutSession = session.context.session
        draft.rules = question.rules
        draft.classes = question.subject.classes.map(\.rawValue).sorted()
        draft.verb = question.subject.verbs.first
        draft.objects = Self.objects(of: question.subject)
        draft.content = [ContentItem(.reason, reason)]
        let (store, alert, notifier) = (self.store, draft, self.notifier)
        let notification = ApprovalNotification(
            brokenBy: person, agent: session.context.agent, session: session.context.session,
            connection: session.connection.name, database: session.terms.database, verb: draft.verb ?? "",
            objects: draft.objects, rules: draft.rules, at: time.now)
        Task {
            do {
                try await store.appendSystemDurably(alert)
                notifier?.tell(notification)
                decided { .granted(by: [person], reasons: [reason], isBreakGlass: true) }
            } catch {
                decided { .failed("the alert could not be recorded") }
            }
        }
    }

    // MARK: - Ends

    /// Nobody waits in the session any more. What was left open for its command to come again stays so, granted or not.
    func leave(_ id: RecordID) {
        expire()
        guard !desk.abandon(id), let approval = try? desk.withdraw(id, now: time.now) else { return }
        note(.approvalWithdrawn, approval)
    }

    /// The client is not kept waiting, and is to send its command again. False when it is decided already.
    func deferCommand(_ id: RecordID) -> Bool {
        (try? desk.deferCommand(id)) != nil
    }

    /// Ends what is overdue; called once a second.
    func expire() {
        let now = time.now
        for approval in desk.expire(now: now) { note(.approvalExpired, approval) }
        desk.forget(settledBefore: now.advanced(bySeconds: -86_400))
        standing.forget(until: now)
        access.forget(until: now)
        note(.approvalExpired, unmasked.forget(until: now), why: "over")
    }

    /// The gateway stops: what is open grants nothing after it.
    func close() {
        for approval in desk.list() where approval.state == .pending || approval.state == .approved {
            guard let ended = try? desk.withdraw(approval.id, now: time.now) else { continue }
            note(.approvalWithdrawn, ended, why: "shutdown")
        }
        note(.approvalWithdrawn, unmasked.removeAll(), why: "shutdown")
    }

    /// An end that takes nothing from anybody needs not be durable first.
    func note(_ type: EntryType, _ approval: Approval, why: String? = nil) {
        tell(type == .approvalExpired ? .expired : .withdrawn, approval)
        var draft = EntryDraft(type)
        describe(approval.request, approval.id, in: &draft)
        draft.reasonCode = why
        _ = try? store.appendSystem(draft)
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
        try await decisions.run(id) { [self] in
            guard var approval = desk.approval(id) else { throw ApprovalError.unknown }
            try approval.approve(by: identity, reason: reason, now: time.now)
            try await record(.approvalApproved, approval, by: identity.principal, reason: reason)
            let decided = try desk.approve(id, by: identity, reason: reason, now: time.now)
            tell(.approved, decided, by: identity.principal)
            return decided
        }
    }

    package func deny(_ id: RecordID, by identity: VerifiedIdentity, reason: String?) async throws -> Approval {
        try await decisions.run(id) { [self] in
            guard var approval = desk.approval(id) else { throw ApprovalError.unknown }
            try approval.deny(by: identity, reason: reason, now: time.now)
            try await record(.approvalDenied, approval, by: identity.principal, reason: reason)
            let decided = try desk.deny(id, by: identity, reason: reason, now: time.now)
            tell(.denied, decided, by: identity.principal)
            return decided
        }
    }

    /// Takes the request back, or a grant that was not used: by who asked, or by an administrator.
    package func withdraw(_ id: RecordID, by principal: Principal, reason: String?) async throws -> Approval {
        try await decisions.run(id) { [self] in
            let now = time.now
            guard var approval = desk.approval(id) else { throw ApprovalError.unknown }
            // What it granted is taken back at once, and stays so whatever happens to the entry.
            let wasStanding =
                standing.remove(id, now: now) != nil || access.remove(id, now: now)
                || unmasked.remove(id, now: now)
            if !wasStanding { try approval.withdraw(now: now) }
            var draft = EntryDraft(.approvalWithdrawn)
            describe(approval.request, id, in: &draft)
            draft.principal = principal
            if let reason { draft.content = [ContentItem(.reason, reason)] }
            try await store.appendSystemDurably(draft)
            let withdrawn = wasStanding ? approval : try desk.withdraw(id, now: time.now)
            tell(.withdrawn, withdrawn, by: principal)
            return withdrawn
        }
    }

    private func record(_ type: EntryType, _ approval: Approval, by person: Principal, reason: String?) async throws {
        var draft = EntryDraft(type)
        describe(approval.request, approval.id, in: &draft)
        draft.approver = person
        if let reason { draft.content = [ContentItem(.reason, reason)] }
        try await store.appendSystemDurably(draft)
    }

    func describe(_ request: Approval.Request, _ id: RecordID, in draft: inout EntryDraft) {
        draft.approval = id
        draft.requester = request.requester
        draft.connection = request.connection
        draft.aboutSession = request.session
        draft.rules = request.rules
        if let unmask = request.unmask { draft.details = unmask.details }
    }

    /// Tells whoever is to be told at once; nothing waits for it.
    func tell(_ kind: ApprovalNotification.Kind, _ approval: Approval, by person: Principal? = nil) {
        notifier?.tell(ApprovalNotification(kind, approval, by: person, at: time.now))
    }

    /// The keyed digest that an approval binds (P5): identity, who acts and why, connection, database, role and the very
    /// bytes; with the session, unless the command is the same wherever it is sent.
    private func digest(of question: ApprovalQuestion, in session: AdmittedSession) -> [UInt8] {
        if question.mayDefer, let standalone = question.standalone {
            return mac(of: session, ["again"], standalone.circumstances, standalone.command)
        }
        return mac(of: session, ["here", session.context.session.description], question.bytes)
    }

    private func mac(of session: AdmittedSession, _ parts: [String?], _ bytes: ByteBuffer...) -> [UInt8] {
        var mac = HMAC<SHA256>(key: digestKey)
        let (principal, agent) = (session.identity.principal, session.context.agent)
        let who = [
            principal.issuer, principal.subject, agent.agent, agent.run, agent.purpose, agent.onBehalfOf,
            session.connection.name, session.terms.database, session.terms.targetUser,
        ]
        // Each with its length, and an absent part is not an empty one.
        for part in who + parts {
            mac.update(data: Array((part.map { "\($0.utf8.count):" } ?? "-").utf8))
            mac.update(data: Array((part ?? "").utf8))
        }
        for part in bytes {
            mac.update(data: Array("\(part.readableBytes):".utf8))
            mac.update(data: Array(part.readableBytesView))
        }
        return Array(mac.finalize())
    }
}

extension String {
    /// Without what is blank at its ends.
    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

extension HoldTerms {
    /// As one text, for what must be asked on the same terms.
    fileprivate var key: String {
        (["\(count)", "\(within)", "\(scope)"] + groups.sorted().map { "\($0.utf8.count):\($0)" })
            .joined(separator: "/")
    }
}

extension ApprovalDecision {
    fileprivate static func granted(_ approval: Approval) -> ApprovalDecision {
        .granted(
            by: approval.approvals.map(\.by), reasons: approval.approvals.compactMap(\.reason), approval: approval.id)
    }
}
