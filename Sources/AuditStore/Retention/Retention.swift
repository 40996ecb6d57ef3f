import AuditLedger
import GatewayCore

/// What one round of retention did.
package struct RetentionRound: Sendable {
    package var erased: [RetentionCandidate] = []
    /// There may be more that is due: the round's bound was reached.
    package var isFull = false

    package var bytes: UInt64 { erased.reduce(0) { $0 &+ $1.bytes } }
}

extension AuditStore {
    /// Nice value of the thread that erases: everything else comes first.
    private static let retentionPriority: Int32 = 19

    /// One round: completes what was left of earlier erasures, then erases at most `limit` closed sessions that are due by
    /// `rules`, by the same way as `erase(_:as:)` and with an entry for each that names the rule.
    ///
    /// Nothing is erased while the record is known to be damaged: it may be evidence of who did it. Errors: those of the
    /// log, `index_failed`, `recording_failed`, `not_erasable` without an index.
    package func retain(_ rules: [RetentionRule], limit: Int = 500) async throws -> RetentionRound {
        guard let filer, let archive else { throw Self.noIndex }
        if let problem = failure ?? check.problem { throw problem }
        let now = time
        let due = try await onThread(priority: Self.retentionPriority) {
            try filer.completeErasures()
            return try archive.due(rules, at: now, limit: limit)
        }
        guard !due.isEmpty else { return RetentionRound() }
        try await erase(due.map(Self.draft), priority: Self.retentionPriority)
        return RetentionRound(erased: due, isFull: due.count >= limit)
    }

    private static func draft(_ due: RetentionCandidate) -> EntryDraft {
        var draft = EntryDraft(.erased)
        draft.aboutSession = due.session.context.session
        draft.connection = due.session.context.connection
        draft.reasonCode = "retention"
        draft.rules = [due.rule.name]
        draft.details["because"] = due.cause.rawValue
        if let age = due.rule.age { draft.details["age_seconds"] = String(age) }
        if let size = due.rule.size { draft.details["size_bytes"] = String(size) }
        draft.measures = [Measure("recording_bytes", Int(clamping: due.bytes))]
        return draft
    }
}
