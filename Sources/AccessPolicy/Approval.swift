package import GatewayCore

/// Masked columns that somebody asks to see.
package struct UnmaskRequest: Sendable, Hashable {
    /// By their whole names.
    package var columns: [String]
    package var seconds: Int

    package init(columns: [String], seconds: Int) {
        self.columns = columns
        self.seconds = seconds
    }
}

/// A held command's request for approval: pending, then granted once by enough people, or ended. A value; the clock is
/// passed in.
package struct Approval: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
        case pending
        case approved
        case denied
        case expired
        /// By its requester, or because the client left.
        case withdrawn
        /// Granted and used for its one command.
        case consumed
    }

    /// One person's yes or no.
    package struct Decision: Sendable, Hashable {
        package var by: Principal
        package var at: Timestamp
        package var reason: String?
    }

    /// What is asked, as the approver sees it: the record's own masked content.
    package struct Request: Sendable, Hashable {
        package var requester: Principal
        package var agent: AgentContext
        /// Nil for what no session asks for: access to a connection.
        package var session: RecordID?
        package var connection: String
        package var database: String
        package var text: String
        /// A JSON array of what the text's `$1`... stand for; empty when there are none.
        package var parameters: [UInt8]
        /// The texts of prepared statements and cursors that the command runs by name.
        package var prepared: [String]
        /// The first statement's verb; empty where there is none.
        package var verb = ""
        /// Tables and what else it names.
        package var objects: [String] = []
        /// How many rows it is expected to touch, where that was asked.
        package var rowsEstimate: Int?
        /// The session's last commands before this one, oldest first.
        package var history: [EarlierCommand] = []
        package var rules: [String]
        package var message: String?
        package var terms: HoldTerms
        /// For how many seconds access to the whole connection is asked; nil for a command.
        package var access: Int?
        /// Which masked columns are asked to be shown for a time; nil for anything else.
        package var unmask: UnmaskRequest?
        /// Keyed digest of command, parameters and circumstances (made by the caller); never shown.
        package var digest: [UInt8]

        package init(
            requester: Principal, agent: AgentContext, session: RecordID?, connection: String,
            database: String = "",
            text: String, parameters: [UInt8] = [], prepared: [String] = [],
            rules: [String] = [], message: String? = nil, terms: HoldTerms, digest: [UInt8],
            access: Int? = nil, unmask: UnmaskRequest? = nil
        ) {
            self.requester = requester
            self.agent = agent
            self.session = session
            self.connection = connection
            self.database = database
            self.text = text
            self.parameters = parameters
            self.prepared = prepared
            self.rules = rules
            self.message = message
            self.terms = terms
            self.digest = digest
            self.access = access
            self.unmask = unmask
        }
    }

    /// What it takes to keep, about.
    var byteCount: Int {
        let texts = request.prepared.reduce(request.text.utf8.count) { $0 + $1.utf8.count }
        return request.history.reduce(texts + request.parameters.count + 1024) { $0 + $1.text.utf8.count }
    }

    package let id: RecordID
    package let request: Request
    package let created: Timestamp
    package let expires: Timestamp
    package private(set) var state: State
    package private(set) var approvals: [Decision] = []
    package private(set) var denial: Decision?
    /// When it left `pending`.
    package private(set) var settled: Timestamp?
    /// Its command was refused while it waits, and passes when it comes again: a grant stays usable for as long as it
    /// could have been given.
    package private(set) var isDeferred = false
    /// Nil where there is no session that could hold any.
    package var locks: Locks?

    package init(id: RecordID, request: Request, now: Timestamp) {
        self.id = id
        self.request = request
        created = now
        expires = now.advanced(bySeconds: Int64(clamping: request.terms.within))
        state = .pending
    }

    /// Adds one person's yes; with enough of them the approval is granted.
    package mutating func approve(by identity: VerifiedIdentity, reason: String? = nil, now: Timestamp)
        throws(ApprovalError)
    {
        try open(now)
        try admit(identity, now)
        guard !approvals.contains(where: { Self.mayBeOne($0.by, identity.principal) }) else { throw .alreadyApproved }
        approvals.append(Decision(by: identity.principal, at: now, reason: reason))
        if approvals.count >= max(1, request.terms.count) {
            state = .approved
            settled = now
        }
    }

    /// One person's no ends it.
    package mutating func deny(by identity: VerifiedIdentity, reason: String? = nil, now: Timestamp)
        throws(ApprovalError)
    {
        try open(now)
        try admit(identity, now)
        denial = Decision(by: identity.principal, at: now, reason: reason)
        state = .denied
        settled = now
    }

    /// The client is not kept waiting: its command is to come again.
    package mutating func deferCommand() throws(ApprovalError) {
        guard state == .pending else { throw .settled(state) }
        isDeferred = true
    }

    /// The client left, cancelled, or its session ended; or who asked takes it back: also a grant that was not used.
    package mutating func withdraw(now: Timestamp) throws(ApprovalError) {
        guard state == .pending || state == .approved else { throw .settled(state) }
        state = .withdrawn
        settled = now
    }

    /// Ends a request whose time is over, and a grant that was not used within `graceAfterGrant`.
    ///
    /// - Returns: whether it expired now.
    package mutating func expire(now: Timestamp) -> Bool {
        switch state {
        case .pending where now >= expires: break
        case .approved where now >= usableUntil: break
        default: return false
        }
        state = .expired
        settled = now
        return true
    }

    /// Uses the grant, once, for the command it was given for. Everything else refuses.
    package mutating func consume(digest: [UInt8], now: Timestamp) throws(ApprovalError) {
        guard state == .approved else { throw .notGranted(state) }
        guard now < usableUntil else {
            _ = expire(now: now)
            throw .notGranted(.expired)
        }
        guard isFor(digest) else { throw .otherCommand }
        state = .consumed
    }

    /// Seconds a grant stays usable at least, also past the request's end: the command forwards as soon as it is granted.
    package static let graceAfterGrant: Int64 = 60

    /// When an unused grant is void.
    package var usableUntil: Timestamp {
        let grace = (settled ?? created).advanced(bySeconds: Self.graceAfterGrant)
        return isDeferred ? max(grace, expires) : grace
    }

    private func open(_ now: Timestamp) throws(ApprovalError) {
        guard state == .pending else { throw .settled(state) }
        guard now < expires else { throw .settled(.expired) }
    }

    /// Who may decide: a person of one of the groups, who neither asked nor is the one asked for.
    private func admit(_ identity: VerifiedIdentity, _ now: Timestamp) throws(ApprovalError) {
        let person = identity.principal
        guard identity.expires > now else { throw .tokenExpired }
        guard identity.agent.agent == nil, identity.agent.onBehalfOf == nil else { throw .agent }
        guard !identity.isMachine else { throw .machine }
        guard !Self.mayBeOne(person, request.requester) else { throw .requester }
        if let behalf = request.agent.onBehalfOf, Self.names(person, behalf) { throw .actedFor }
        guard person.isPersonIssuer else { throw .notAPerson }
        guard person.groups.contains(where: request.terms.groups.contains) else {
            throw .notInGroups(request.terms.groups)
        }
    }

    /// Whether two principals may be one human: one account, or accounts of two issuers that go by the same name. Nobody
    /// approves for themselves, or twice, by signing in elsewhere.
    private static func mayBeOne(_ one: Principal, _ other: Principal) -> Bool {
        if one == other { return true }
        guard one.issuer != other.issuer else { return false }
        return names(one, other.subject) || other.name.map { names(one, $0) } ?? false
    }

    /// Whether `text`, which tells no issuer, may mean this person.
    private static func names(_ person: Principal, _ text: String) -> Bool {
        let text = text.lowercased()
        return text == person.subject.lowercased() || text == person.name?.lowercased()
    }

    /// Whether it was asked for with this digest.
    func isFor(_ digest: [UInt8]) -> Bool {
        !digest.isEmpty && ConstantTime.areEqual(digest, request.digest)
    }
}
