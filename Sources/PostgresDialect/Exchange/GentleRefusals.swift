import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// `on_refusal: continue`: a refusal inside an explicit transaction answers the command and leaves the transaction as it is.
///
/// An ErrorResponse with the status `T` behind it is legal, and drivers go by the status. In the implicit transaction of a
/// pipeline a refusal still fails all of it, since nobody could tell which half was meant.
extension PostgresDialect {
    private static let gentleText = "/* sallyport refused this command */"

    /// Whether what was sent so far leads into an explicit transaction.
    private var leadsIntoTransaction: Bool { expectedStatus == .inTransaction || expectedStatus == .failed }

    /// Nil where the refusal must fail the transaction.
    mutating func refuseGently(query refusal: Refusal) -> RefusalPlan? {
        guard terms?.continuesAfterRefusal ?? false, !isUnsynced || leadsIntoTransaction else { return nil }
        if queue.isEmpty, !isUnsynced { return .reply(answer(refusal)) }
        // The server keeps the order of answers: it answers an empty query.
        queue.append(.refusedQuery(refusal))
        isUnsynced = false
        return .substitute(QueryMessage.encoded(Self.gentleText.utf8), text: Self.gentleText)
    }

    /// Everything up to the Sync is dropped; the ReadyForQuery behind it is the server's own.
    mutating func refuseGently(extended refusal: Refusal) -> RefusalPlan? {
        guard terms?.continuesAfterRefusal ?? false, leadsIntoTransaction else { return nil }
        dropsUntilSync = true
        if queue.isEmpty, !isUnsynced {
            isUnsynced = true
            return .reply(ErrorFields.error(refusal))
        }
        isUnsynced = true
        refusalCount &+= 1
        queue.append(.refusedExtended(refusal))
        // Closing what does not exist is no error, and is answered in its place.
        let name = "sallyport_refused_\(refusalCount)"
        return .substitute(NamedTarget.encoded(FrontendType.close, .statement, name), text: "CLOSE \(name)")
    }

    func answer(_ refusal: Refusal) -> ByteBuffer {
        var reply = ErrorFields.error(refusal)
        status.write(into: &reply)
        return reply
    }

    /// The answer to what stands in for a refused command: the refusal goes in its place.
    mutating func refused(_ refusal: Refusal, _ count: Int, _ run: inout OutputRun, _ events: inout [TargetEvent]) {
        run.flush(into: &events)
        if queue.isMuted { return run.drop(count) }
        run.replace(count) { ErrorFields(severity: "ERROR", refusal).write(as: BackendType.error, into: &$0) }
    }

    /// What running `meanings` makes of the transaction, should it succeed.
    mutating func noteTransaction(_ meanings: [Meaning]) {
        for facts in meanings.lazy.flatMap(\.facts) {
            switch facts.transaction {
            case .begin: expectedStatus = .inTransaction
            case .commit, .rollback, .prepare: expectedStatus = meanings.count == 1 ? .idle : nil
            case .savepoint, .rollbackTo, .release, .constraints, .commitPrepared, .rollbackPrepared, nil: break
            }
        }
        if meanings.isEmpty || meanings.contains(where: { $0.notUnderstood != nil }) { expectedStatus = nil }
        if meanings.contains(where: { $0.facts.contains { $0.classes.contains(.procedure) } }) { expectedStatus = nil }
    }
}
