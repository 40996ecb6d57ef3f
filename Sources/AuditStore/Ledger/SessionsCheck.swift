import AuditLedger
import GatewayCore

/// Checks the record of session after session as the tree's check comes upon their ends.
struct SessionsCheck {
    /// Sessions checked between two reports.
    private static let batch = 64

    let archive: AuditArchive?
    let workers: Int
    private var total = SessionCheck.Result()
    /// Those that the index does not know: erased, or lost.
    private var unknown: [RecordID] = []
    /// Those whose content does not open any more because their key was destroyed.
    private var emptied: [RecordID] = []

    init(archive: AuditArchive?, workers: Int) {
        self.archive = archive
        self.workers = workers
    }

    /// Throws `LedgerProblem` of the first of `sessions` whose record is bad.
    mutating func take(
        _ sessions: [(key: RecordID, value: SessionTally)], isFinal: Bool,
        _ report: (LedgerCheckProgress) throws -> Void = { _ in }
    ) throws {
        guard let archive else { return }
        let check = SessionCheck(archive: archive)
        var next = 0
        while next < sessions.count {
            try report(
                LedgerCheckProgress(stage: .sessions, done: UInt64(next), total: UInt64(sessions.count)))
            // Alone on its thread a check is to be ended soon.
            let batch = workers > 1 ? Self.batch : 1
            let some = Array(sessions[next..<min(next + batch, sessions.count)])
            let results = parallel(some.count, workers: workers) { place in
                Result { () throws(LedgerProblem) in
                    try check.run(some[place].key, some[place].value, isFinal: isFinal)
                }
            }
            for (session, result) in zip(some, results) {
                let found = try result.get()
                total.contents += found.contents
                total.erased += found.erased
                total.partial += found.partial
                if found.isUnknown { unknown.append(session.key) }
                if found.isErased { emptied.append(session.key) }
            }
            next += some.count
        }
    }

    /// `erased` are the sessions of which the tree has an entry that says so.
    /// `isAnew`: there may be others that ended before the tree was begun.
    func finish(
        erased: Set<RecordID>, isLive: Bool, isAnew: Bool, into summary: inout LedgerSummary
    ) throws(LedgerProblem) {
        guard let archive else { return }
        if let lost = unknown.first(where: { !erased.contains($0) }) {
            throw LedgerProblem(
                .index, "the index does not have it, and no entry says that it was erased", session: lost)
        }
        if let lost = emptied.first(where: { !erased.contains($0) }) {
            throw LedgerProblem(.content, "its key is gone, and no entry says that it was erased", session: lost)
        }
        // A running gateway opens sessions that the checkpoint does not have yet.
        if !isLive, summary.uncovered == 0 {
            let count: UInt64
            do throws(GatewayError) { count = try archive.sessionCount() } catch {
                throw LedgerProblem(.index, error.message)
            }
            let known = count + UInt64(unknown.count)
            guard known == summary.sessions || isAnew && known > summary.sessions else {
                throw LedgerProblem(
                    .index, "the index has \(count) sessions, the tree has \(summary.sessions - UInt64(unknown.count))")
            }
        }
        summary.hasRecord = true
        summary.contents = total.contents
        summary.erased = total.erased
        summary.partial = total.partial
        summary.erasedSessions = UInt64(unknown.count)
    }
}
