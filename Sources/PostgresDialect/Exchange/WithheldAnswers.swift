import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Answers that must not reach the client although the server gives them.
///
/// The server has not failed: its transaction goes on, and the ReadyForQuery that ends the answer says so truthfully. An
/// ErrorResponse with the status `T` behind it is legal (a client may not conclude the status from an error), and
/// drivers go by the status. What the client does conclude is that nothing of the same unit took effect: neither what
/// ran before in an implicit transaction nor what was sent behind it in the same pipeline. Where that would be untrue
/// the session ends instead.
extension PostgresDialect {
    /// Puts an error in place of the rest of an answer; everything up to ReadyForQuery is dropped.
    ///
    /// - Throws: when the client would take something for undone that was done.
    mutating func withhold(
        _ id: ExchangeID, _ refusal: Refusal, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) {
        guard mayWithhold(id) else {
            var fault = DialectFault(.target, refusal.code, refusal.message)
            fault.refusal.detail =
                "Other commands of the same query or pipeline have run; whether they took effect is not told."
            fault.refusal.hint = refusal.hint
            throw fault
        }
        var words = refusal
        words.detail = refusal.detail ?? "The answer is withheld; what the command did at the server is not undone."
        queue.open[id]?.withheld = words
        data(id, &run, &events)
        run.replace(0) { ErrorFields(severity: "ERROR", words).write(as: BackendType.error, into: &$0) }
        run.flush(into: &events)
        queue.isMuted = true
        guard !(queue.open[id]?.isQuery ?? true) else { return }
        let sync = queue.expected.first { if case .sync = $0.kind { true } else { false } }
        if case .sync(let last)? = sync?.kind {
            for later in queue.open.keys where later > id && later.number <= last {
                queue.open[later]?.isUnheard = true
            }
        } else {
            for later in queue.open.keys where later > id { queue.open[later]?.isUnheard = true }
            // As after a refusal: what comes before the Sync does not reach the server.
            dropsUntilSync = true
        }
    }

    private func mayWithhold(_ id: ExchangeID) -> Bool {
        guard let exchange = queue.open[id] else { return false }
        guard !exchange.isQuery else { return isAlone(exchange) }
        if status == .idle, queue.hasActed { return false }
        for item in queue.expected {
            switch item.kind {
            case .sync: return true
            case .describeStatement, .describePortal, .close, .refusedExtended, .parse(""), .bind(""): break
            case .execute:
                guard let other = item.id, other == id || onlyReads(queue.open[other]?.meanings ?? []) else {
                    return false
                }
            default: return false
            }
        }
        return true
    }

    /// Whether the other statements of a Query change nothing, or stand before it in a transaction that goes on.
    private func isAlone(_ exchange: OpenExchange) -> Bool {
        guard exchange.meanings.count == 1, exchange.meanings[0].notUnderstood == nil else { return false }
        let facts = exchange.meanings[0].facts
        if facts.count <= 1 { return true }
        if status == .inTransaction, exchange.statementIndex == facts.count - 1 { return true }
        return facts.indices.allSatisfy { $0 == exchange.statementIndex || TextEffects.onlyReads(facts[$0]) }
    }

    private func onlyReads(_ meanings: [Meaning]) -> Bool {
        !meanings.isEmpty && !meanings.contains { !$0.effects.onlyReads }
    }

    /// An Execute has ended.
    func mayHaveActed(_ id: ExchangeID) -> Bool { !onlyReads(queue.open[id]?.meanings ?? []) }

    /// The outcome as the record tells it: what the server did, and what the client heard of it.
    func told(_ outcome: Outcome, _ exchange: OpenExchange?) -> Outcome {
        guard let exchange else { return outcome }
        var outcome = outcome
        if let refusal = exchange.withheld {
            let withheld = [refusal.message, refusal.detail ?? ""].joined(separator: "\nDETAIL: ")
            outcome.errorText = [withheld, outcome.errorText].compactMap { $0 }.joined(separator: "\n")
            if outcome.kind != .error || exchange.isCut { outcome.code = refusal.code }
            outcome.kind = .error
        } else if exchange.isUnheard, outcome.kind != .skipped {
            let words = "The answer was not passed on: one before it in the same pipeline was withheld."
            outcome.errorText = [words, outcome.errorText].compactMap { $0 }.joined(separator: "\n")
        }
        return outcome
    }

    /// Keeps the end of an exchange until ReadyForQuery, the only bytes that can wait for its record (P2).
    mutating func park(_ id: ExchangeID, _ outcome: Outcome) {
        queue.open[id]?.outcome = outcome
        queue.open[id]?.hasEnded = true
    }

    /// Passes a message on, unless the client is told of nothing now.
    func put(_ count: Int, _ run: inout OutputRun) {
        if queue.isMuted { run.drop(count) } else { run.keep(count) }
    }
}
