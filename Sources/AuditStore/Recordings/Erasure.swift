package import AuditLedger
package import GatewayCore

/// Destroying the content of closed sessions for good: their keys first, without which no copy of a recording or of the log
/// opens any more; then the recordings and all that the index holds of them. The ledger keeps their leaves.
extension AuditStore {
    /// Writes an entry for each session (`draft` says who and why), then erases them; what is returned is gone from every
    /// file of the data folder. An erasure that was cut short is completed by calling again.
    ///
    /// Errors: `not_found` for a session that is not there (any more), `session_open`, `not_erasable` for the gateway's
    /// own; then nothing is erased.
    package func erase(_ sessions: [RecordID], as draft: EntryDraft) async throws {
        guard let filer, let archive else {
            throw GatewayError(.notErasable, "A store without an index cannot erase.")
        }
        guard try await archive.caughtUp() else {
            throw GatewayError(.indexFailed, "The index lags behind the log; try again in a moment.")
        }
        for session in sessions {
            guard let found = try archive.session(session) else {
                throw GatewayError(.notFound, "There is no session \(session).")
            }
            guard found.context.kind != "gateway" else {
                throw GatewayError(.notErasable, "\(session) is the gateway's own record, which is not erased.")
            }
            guard found.closed != nil else {
                throw GatewayError(.sessionOpen, "Session \(session) is open; end it first.")
            }
        }
        // The entries first: an erasure without a trace would be worse than the trace of one that has to be done again.
        var last = LogPosition.start
        for session in sessions {
            var entry = draft
            entry.type = .admin("erased")
            entry.aboutSession = session
            last = try appendSystem(entry)
        }
        try await durable(last)
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            do throws(GatewayError) {
                try Thread.start("erasure") { done.resume(with: Result { try filer.erase(sessions) }) }
            } catch {
                done.resume(throwing: error)
            }
        }
    }
}

extension GatewayError.Code {
    /// The session is still open.
    package static let sessionOpen = GatewayError.Code("session_open")
    package static let notErasable = GatewayError.Code("not_erasable")
}
