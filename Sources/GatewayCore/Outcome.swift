/// How a command ended.
package enum OutcomeKind: String, Sendable {
    case success
    /// The target answered with an error; `Outcome.code` is the native code.
    case error
    /// Refused by a guard, a denied or expired approval, or a lock.
    case blocked
    /// Cancelled by the client before it was forwarded, or with its session.
    case cancelled
    /// The session ended before the target's answer did.
    case interrupted
    /// A row-limited answer that may be continued.
    case suspended
    /// The target skipped it because an earlier command of the same pipeline failed.
    case skipped
}

/// The end of one exchange, as its entry records it.
package struct Outcome: Sendable, Hashable {
    package var kind: OutcomeKind
    /// Native code: SQLSTATE, HTTP status, exit code.
    package var code: String?
    /// Rows answered or affected, when the protocol tells.
    package var rows: Int?
    /// The protocol's own closing word, e.g. the command tag `SELECT 5`.
    package var tag: String?
    /// The error text as shown to the client; content, so it goes to the recording, never into the leaf.
    package var errorText: String?

    package init(kind: OutcomeKind, code: String? = nil, rows: Int? = nil, tag: String? = nil, errorText: String? = nil)
    {
        self.kind = kind
        self.code = code
        self.rows = rows
        self.tag = tag
        self.errorText = errorText
    }
}
