package import GatewayCore

/// What an approver is shown besides the request itself. None of it is bound by the approval.
extension Approval {
    /// A command that the session sent before, as recorded.
    package struct EarlierCommand: Sendable, Hashable {
        package var at: Timestamp
        /// Masked; the beginning of a long one.
        package var text: String
        /// `allowed`, `blocked`, `held`, `granted`, `denied`, `expired` or `deferred`.
        package var verdict: String
        /// Nil while it runs.
        package var outcome: OutcomeKind?
        /// The target's own code of an error.
        package var code: String?
        package var rows: Int?

        package init(
            at: Timestamp, text: String, verdict: String, outcome: OutcomeKind? = nil, code: String? = nil,
            rows: Int? = nil
        ) {
            self.at = at
            self.text = text
            self.verdict = verdict
            self.outcome = outcome
            self.code = code
            self.rows = rows
        }
    }

    /// What the session's open transaction holds at the target while its command waits.
    package enum Locks: Sendable, Hashable {
        case asking
        /// The target did not tell in time.
        case unknown
        /// `waiting`: how many other sessions of the target wait for this one.
        case held([TargetLock], waiting: Int)
    }

    package struct TargetLock: Sendable, Hashable {
        /// A relation, or what else is locked.
        package var object: String
        /// In the target's own words, such as `RowExclusiveLock`.
        package var mode: String

        package init(object: String, mode: String) {
            self.object = object
            self.mode = mode
        }
    }
}
