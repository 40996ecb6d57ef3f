package import AccessPolicy
package import GatewayCore

/// What people are told of an approval at once. Never a text, value or reason of anybody: those lie in the record only.
package struct ApprovalNotification: Sendable {
    package enum Kind: String, Sendable {
        case requested = "approval.requested"
        /// One person's yes, also when others must follow.
        case approved = "approval.approved"
        case denied = "approval.denied"
        case expired = "approval.expired"
        case withdrawn = "approval.withdrawn"
        case brokenGlass = "alert.break_glass"
    }

    /// Its own, shared by all attempts to deliver it.
    package let id: RecordID
    package let kind: Kind
    package let at: Timestamp
    /// Nil for broken glass.
    package var approval: RecordID?
    package var requester: Principal
    package var agent: AgentContext
    package var session: RecordID?
    package var connection: String
    package var database: String
    package var verb: String
    package var objects: [String]
    package var rules: [String]
    /// The rule's own words.
    package var message: String?
    package var groups: [String] = []
    package var count = 0
    package var approvals = 0
    package var expires: Timestamp?
    /// For how many seconds access to the connection is asked; nil for a command.
    package var access: Int?
    package var by: Principal?

    package init(_ kind: Kind, _ approval: Approval, by person: Principal? = nil, at now: Timestamp) {
        let request = approval.request
        id = RecordID(at: now)
        self.kind = kind
        at = now
        self.approval = approval.id
        requester = request.requester
        agent = request.agent
        session = request.session
        connection = request.connection
        database = request.database
        verb = request.verb
        objects = request.objects
        rules = request.rules
        // Who asks for access says why in the same place.
        message = request.access == nil ? request.message : nil
        groups = request.terms.groups
        count = max(1, request.terms.count)
        approvals = approval.approvals.count
        expires = approval.expires
        access = request.access
        by = person
    }

    /// Broken glass.
    package init(
        brokenBy person: Principal, agent: AgentContext, session: RecordID, connection: String, database: String,
        verb: String, objects: [String], rules: [String], at now: Timestamp
    ) {
        id = RecordID(at: now)
        kind = .brokenGlass
        at = now
        requester = person
        self.agent = agent
        self.session = session
        self.connection = connection
        self.database = database
        self.verb = verb
        self.objects = objects
        self.rules = rules
        by = person
    }
}
