package import AuditLedger
package import GatewayCore
import Glibc

/// Destroying the content of closed sessions for good: their keys first, without which no copy of a recording or of the log
/// opens any more; then the recordings and all that the index holds of them. The ledger keeps their leaves.
extension AuditStore {
    /// Writes an entry for each session (`draft` says who and why), then erases them; what is returned is gone from every
    /// file of the data folder. An erasure that was cut short is completed at the next start or erasure.
    ///
    /// Errors: `not_found` for a session that is not there (any more), `session_open`, `not_erasable` for the gateway's
    /// own; then nothing is erased.
    package func erase(_ sessions: [RecordID], as draft: EntryDraft) async throws {
        guard let archive else { throw Self.noIndex }
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
        try await erase(
            sessions.map { session in
                var entry = draft
                entry.aboutSession = session
                return entry
            })
    }

    /// Erases the closed sessions that these drafts are about.
    func erase(_ drafts: [EntryDraft], priority: Int32 = 0) async throws {
        guard let filer else { throw Self.noIndex }
        // The entries first: an erasure without a trace would be worse than the trace of one that has to be done again.
        var last = LogPosition.start
        for draft in drafts {
            var entry = draft
            entry.type = .erased
            last = try appendSystem(entry)
        }
        try await durable(last)
        let end = last.offset
        try await onThread(priority: priority) { try filer.erase(through: end) }
    }

    /// Runs `body`, which blocks, on a thread of its own; `priority` is its nice value.
    func onThread<Value: Sendable>(
        priority: Int32, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { done in
            do throws(GatewayError) {
                try Thread.start("erasure") {
                    // On Linux this is the calling thread's own.
                    if priority > 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, priority) }
                    done.resume(with: Result { try body() })
                }
            } catch {
                done.resume(throwing: error)
            }
        }
    }

    static var noIndex: GatewayError { GatewayError(.notErasable, "A store without an index cannot erase.") }
}

extension GatewayError.Code {
    /// The session is still open.
    package static let sessionOpen = GatewayError.Code("session_open")
    package static let notErasable = GatewayError.Code("not_erasable")
}
