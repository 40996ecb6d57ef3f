package import AccessPolicy
import GatewayCore

/// A request for approval, as its approvers see it.
package struct ApprovalView: Codable, Sendable, Hashable {
    package struct Decision: Codable, Sendable, Hashable {
        package var by: PrincipalView
        package var at: String
        package var reason: String?
    }

    /// A command that the session sent before.
    package struct EarlierCommand: Codable, Sendable, Hashable {
        package var at: String
        package var text: String
        package var verdict: String
        /// Absent while it runs.
        package var outcome: String?
        package var code: String?
        package var rows: Int?

        init(_ command: Approval.EarlierCommand) {
            at = command.at.description
            text = command.text
            verdict = command.verdict
            outcome = command.outcome?.rawValue
            code = command.code
            rows = command.rows
        }
    }

    /// What the session's transaction holds at the target.
    package struct Locks: Codable, Sendable, Hashable {
        package struct Held: Codable, Sendable, Hashable {
            package var object: String
            package var mode: String
        }

        /// `asking`, `unknown` or `known`.
        package var state: String
        package var held: [Held]?
        /// How many other sessions of the target wait for this one.
        package var waiting: Int?

        init(_ locks: Approval.Locks) {
            switch locks {
            case .asking: state = "asking"
            case .unknown: state = "unknown"
            case .held(let locks, let waiting):
                state = "known"
                held = locks.map { Held(object: $0.object, mode: $0.mode) }
                self.waiting = waiting
            }
        }
    }

    package var id: String
    package var state: String
    package var requester: PrincipalView
    package var agent: AgentView?
    /// Absent for access to a connection.
    package var session: String?
    package var connection: String
    package var database: String
    package var text: String
    /// The text with characters that are invisible, or pass for others, by number; absent where it has none.
    package var visibleText: String?
    /// The first statement's verb, and the tables and other things named; absent for access to a connection.
    package var verb: String?
    package var objects: [String]?
    /// Rows that it is expected to touch; absent where that is not known.
    package var rowsEstimate: Int?
    /// For how many seconds access to the connection is asked; absent for a command.
    package var accessSeconds: Int?
    /// The masked columns that are asked to be shown, and for how many seconds; absent for anything else.
    package var unmaskColumns: [String]?
    package var unmaskSeconds: Int?
    /// The values of `$1`... in the text; absent when it has none.
    package var parameters: [String?]?
    /// The texts of prepared statements and cursors that the command runs by name; absent when it names none.
    package var prepared: [String]?
    package var rules: [String]
    package var message: String?
    package var groups: [String]
    package var count: Int
    package var created: String
    package var expires: String
    /// Its command was refused meanwhile and passes when it is sent again; absent while the client waits.
    package var isDeferred: Bool?
    /// Until when an unused grant may be used; absent when there is none.
    package var usableUntil: String?
    package var approvals: [Decision]
    package var denial: Decision?
    /// The session's last commands before this one, oldest first; absent for access to a connection.
    package var history: [EarlierCommand]?
    /// Absent where no session could hold any.
    package var locks: Locks?

    package init(_ approval: Approval) {
        id = approval.id.description
        state = approval.state.rawValue
        requester = PrincipalView(approval.request.requester)
        agent = AgentView(approval.request.agent)
        session = approval.request.session?.description
        accessSeconds = approval.request.access
        unmaskColumns = approval.request.unmask?.columns
        unmaskSeconds = approval.request.unmask?.seconds
        connection = approval.request.connection
        database = approval.request.database
        let isCommand = approval.request.access == nil
        text = approval.request.text
        let visible = VisibleText.exact(VisibleText.safe(text, keepingLines: true))
        visibleText = visible == text.replacing("\t", with: "    ") ? nil : visible
        verb = approval.request.verb.isEmpty ? nil : approval.request.verb
        objects = isCommand ? approval.request.objects : nil
        rowsEstimate = approval.request.rowsEstimate
        history = isCommand ? approval.request.history.map(EarlierCommand.init) : nil
        locks = approval.locks.map(Locks.init)
        let recorded = approval.request.parameters
        parameters = recorded.isEmpty ? nil : ContentText.parameters(recorded)
        prepared = approval.request.prepared.isEmpty ? nil : approval.request.prepared
        rules = approval.request.rules
        message = approval.request.message
        groups = approval.request.terms.groups
        count = approval.request.terms.count
        created = approval.created.description
        expires = approval.expires.description
        isDeferred = approval.isDeferred ? true : nil
        usableUntil = approval.state == .approved ? approval.usableUntil.description : nil
        approvals = approval.approvals.map(Decision.init)
        denial = approval.denial.map(Decision.init)
    }
}

extension ApprovalView.Decision {
    fileprivate init(_ decision: Approval.Decision) {
        by = PrincipalView(decision.by)
        at = decision.at.description
        reason = decision.reason
    }
}
