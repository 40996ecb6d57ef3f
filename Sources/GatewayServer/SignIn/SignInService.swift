import AccessPolicy
import AuditLedger
import AuditStore
import CredentialVault
import GatewayConfiguration
import GatewayCore
import Identity
import SessionKernel

/// Decides who is let in to which connection. Everything but the one success is a refusal that is recorded.
final class SignInService: Sendable {
    private let book: ConnectionBook
    private let verifier: TokenVerifier
    private let tickets: TicketStore
    private let locks: LockRegistry
    private let sessions: SessionRegistry
    private let store: AuditStore
    private let refusals: RefusalLog
    private let approvals: ApprovalService
    private let limit: Int

    init(
        book: ConnectionBook, verifier: TokenVerifier, tickets: TicketStore, locks: LockRegistry,
        sessions: SessionRegistry,
        store: AuditStore, approvals: ApprovalService, maximumSessions: Int
    ) {
        self.book = book
        self.verifier = verifier
        self.tickets = tickets
        self.locks = locks
        self.sessions = sessions
        self.store = store
        self.refusals = RefusalLog(store: store)
        self.approvals = approvals
        self.limit = maximumSessions
        tickets.onRevocation { sessions.end(ticket: $0.id) }
    }

    func admit(_ proof: SignInProof, kind: String, clientAddress: String) async -> Result<
        AdmittedSession, SignInRefused
    > {
        let now = Timestamp.wall()
        do throws(SignInRefused) {
            return .success(try await decide(proof, kind: kind, clientAddress: clientAddress, now: now))
        } catch {
            refusals.write(error, proof: proof, kind: kind, clientAddress: clientAddress, at: now)
            return .failure(error)
        }
    }

    private func decide(
        _ proof: SignInProof, kind: String, clientAddress: String, now: Timestamp
    ) async throws(SignInRefused) -> AdmittedSession {
        guard store.admissionProblem == nil else { throw .notRecording }
        guard sessions.count < limit else {
            throw SignInRefused(
                "too_many_sessions", "The gateway has as many sessions as it takes.", hint: "Try again later.",
                sqlState: "53300")
        }
        let (identity, ticket, token) = try await identify(proof)
        let claimed = ClaimedIdentity(issuer: identity.principal.issuer, subject: identity.principal.subject)
        let grant = approvals.access(of: identity, to: proof.connection)
        let entry: ConnectionBook.Entry
        do throws(GatewayError) {
            entry = try AccessDecision.authorize(identity.principal, connection: proof.connection) { name in
                book.entry(named: name, kind: kind).map { ($0.access, $0) }
            }
        } catch {
            guard let found = book.entry(named: proof.connection, kind: kind),
                let rule = found.configuration.accessRequest,
                rule.who.allows(identity.principal)
            else { throw SignInRefused("access_denied", error.message, claimed: claimed) }
            guard grant != nil else {
                try refuseLocked(identity, proof, found.configuration.name)
                let refusal = await ask(identity, found.configuration, rule, clientAddress, claimed)
                throw refusal
            }
            entry = found
        }
        let connection = entry.configuration
        // Who is on the list anyway needs no grant.
        let access = entry.access.allows(identity.principal) ? nil : grant
        let agent = identity.agent.merged(withClaims: proof.claims)
        if let lock = locks.match(identity.principal, agent: agent, connection: connection.name) {
            throw SignInRefused("locked", "Access is locked: \(lock.reason)", hint: "Talk to \(lock.author).")
        }
        // libpq fills a missing database in with the user's name, which here is the connection's: that is no choice of
        // the client.
        let isDefault =
            proof.database.isEmpty || proof.database == proof.connection && !connection.allows(database: proof.database)
        let database = isDefault ? connection.target.database : proof.database
        guard connection.allows(database: database) else {
            throw SignInRefused(
                "database_denied",
                "The database \"\(ClaimedIdentity.printable(database))\" cannot be reached by this connection.",
                hint: "Leave the database out, or name one that the connection allows.", sqlState: "3D000")
        }
        let context = SessionContext(
            session: RecordID(at: now), principal: identity.principal, agent: agent, connection: connection.name,
            kind: kind,
            clientAddress: clientAddress, database: database.isEmpty ? nil : database,
            role: connection.credential.username.isEmpty ? nil : connection.credential.username,
            durability: book.durability == .relaxed ? "relaxed" : nil)
        var terms = SessionTerms(
            context: context, database: database, targetUser: connection.credential.username, masks: entry.masks,
            cancelKey: sessions.makeCancelKey(), durability: book.durability, limits: entry.limits,
            targetTLS: connection.target.tls.negotiation, schema: entry.schema,
            isReadOnly: connection.isReadOnly, continuesAfterRefusal: connection.continuesAfterRefusal)
        terms.targetPlace = connection.target.place(showing: connection.credential.form)
        terms.unmasking = approvals.unmasking(of: identity, on: connection.name)
        let credential = connection.credential
        let check = access.map { access in Self.check(access, of: identity, to: connection.name, approvals) }
        return AdmittedSession(
            context: context, terms: terms, identity: identity, connection: connection, judge: entry.judge,
            life: book.life, since: now, ticket: ticket, token: token,
            objection: { [locks, tickets] in
                if let ticket, tickets.isRevoked(ticket) { return SignInRefused.ticketRevoked }
                return locks.match(identity.principal, agent: agent, connection: connection.name)
                    .map { SignInRefused.locked($0.reason) }
            },
            access: access?.approval, accessLasts: check
        ) { () throws(GatewayError) -> TargetCredential in
            let secret = try credential.password?.resolve()
            return TargetCredential(
                username: credential.username, password: secret.map { $0.withBytes { Array($0) } },
                form: credential.form.kernel)
        }
    }

    /// Whether what was admitted a moment ago would be admitted now, as far as it can be told without its issuer.
    func stillAdmits(_ session: AdmittedSession) -> Bool {
        guard store.admissionProblem == nil, sessions.count < limit, session.objection() == nil,
            let entry = book.entry(named: session.connection.name, kind: session.context.kind),
            entry.configuration.masks == session.connection.masks
        else { return false }
        if let lasts = session.accessLasts { return lasts() }
        return entry.access.allows(session.identity.principal)
    }

    private static func check(
        _ grant: AccessGrants.Grant, of identity: VerifiedIdentity, to connection: String, _ approvals: ApprovalService
    ) -> @Sendable () -> Bool {
        { approvals.access(of: identity, to: connection)?.approval == grant.approval }
    }

    private func refuseLocked(
        _ identity: VerifiedIdentity, _ proof: SignInProof, _ connection: String
    ) throws(SignInRefused) {
        let agent = identity.agent.merged(withClaims: proof.claims)
        guard let lock = locks.match(identity.principal, agent: agent, connection: connection) else { return }
        throw SignInRefused("locked", "Access is locked: \(lock.reason)", hint: "Talk to \(lock.author).")
    }

    /// Files a request for who has no access and may ask for it, and says whom to wait for.
    private func ask(
        _ identity: VerifiedIdentity, _ connection: ConnectionConfiguration, _ rule: AccessRequestConfiguration,
        _ address: String, _ claimed: ClaimedIdentity
    ) async -> SignInRefused {
        guard
            let approval = try? await approvals.requestAccess(
                to: connection, for: nil, by: identity, reason: nil, address: address)
        else {
            return SignInRefused(
                "access_denied", "Access to \"\(connection.name)\" could not be asked for.", hint: "Try again later.",
                claimed: claimed)
        }
        if let denial = approval.denial {
            return SignInRefused(
                "access_denied",
                "Access to \"\(connection.name)\" was denied by \(denial.by.name ?? denial.by.subject).",
                hint: "It can be asked for again after \(approval.expires).", claimed: claimed)
        }
        let groups = rule.terms.groups.map { "\"\($0)\"" }.joined(separator: ", ")
        return SignInRefused(
            "access_requested",
            "You have no access to \"\(connection.name)\" yet. It was asked for, and waits for approval \(approval.id).",
            hint: "Someone of \(groups) can run: sallyport approve \(approval.id). Then connect again.",
            claimed: claimed)
    }

    private func identify(
        _ proof: SignInProof
    ) async throws(SignInRefused) -> (identity: VerifiedIdentity, ticket: RecordID?, token: WatchedToken?) {
        let token = String(decoding: proof.token, as: UTF8.self)
        if TicketStore.isTicket(token) {
            do throws(GatewayError) {
                let redeemed = try tickets.redeem(token)
                return (redeemed.identity, redeemed.id, nil)
            } catch {
                throw SignInRefused(error.code.description, error.message, sqlState: "28P01")
            }
        }
        switch await verifier.check(token) {
        case .accepted(let identity): return (identity, nil, verifier.watched(token, of: identity))
        case .refused(let error, let claimed):
            throw SignInRefused(
                error.code.description, error.message,
                hint: "The password of a gateway session is a token or a ticket.", sqlState: "28P01",
                claimed: claimed)
        }
    }
}

extension AgentContext {
    /// Verified claims win; what the client says of itself fills the gaps and is marked as claimed when nothing was
    /// verified.
    func merged(withClaims claimed: AgentContext) -> AgentContext {
        var merged = self
        let hasVerified = agent != nil || run != nil || purpose != nil
        merged.agent = agent ?? claimed.agent
        merged.verifiedAgent = agent
        merged.model = model ?? claimed.model
        merged.run = run ?? claimed.run
        merged.purpose = purpose ?? claimed.purpose
        merged.traceparent = traceparent ?? claimed.traceparent
        merged.onBehalfOf = onBehalfOf ?? claimed.onBehalfOf
        merged.trust = hasVerified ? .verified : .claimed
        return merged
    }
}
