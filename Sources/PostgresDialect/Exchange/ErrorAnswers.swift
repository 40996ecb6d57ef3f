import DataMasking
import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Errors of the target, and what they end.
extension PostgresDialect {
    mutating func failed(_ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent])
        throws(DialectFault) -> Bool
    {
        guard var fields = ErrorFields(message) else { throw malformed(BackendType.error) }
        let count = message.readableBytes
        let head = queue.head()
        let isFatal = fields.isFatal
        if !isFatal, let head, !queue.skipsToSync {
            if case .refusedExtended(let refusal) = head.kind {
                queue.skipsToSync = true
                refused(refusal, count, &run, &events)
                return true
            }
            if case .refusedQuery(let refusal) = head.kind {
                run.flush(into: &events)
                run.replace(count) { ErrorFields(severity: "ERROR", refusal).write(as: BackendType.error, into: &$0) }
                return true
            }
        }
        var isMasked = false
        if let masks, hasMasks { isMasked = mask(&fields, masks) }
        let isUnheard = queue.isMuted && !isFatal
        let put = { (run: inout OutputRun) in
            if isUnheard {
                run.drop(count)
            } else if isMasked {
                run.replace(count) { fields.write(as: BackendType.error, into: &$0) }
            } else {
                run.keep(count)
            }
        }
        if let id = head?.id, let refusal = queue.open[id]?.overdue, fields.code == refusal.code, !isFatal {
            fields = ErrorFields(severity: "ERROR", refusal)
            isMasked = true
        }
        let outcome = Outcome(kind: .error, code: fields.code, errorText: Self.errorText(fields))
        if let head, let id = head.id, let exchange = queue.open[id], !queue.skipsToSync {
            if queue.copyingIn == id { queue.copyingIn = nil }
            switch head.kind {
            case .query, .function:
                notPrepared(exchange, id)
                if isFatal { break }
                guard try readyFollows(run.source, behind: count) != nil else { return false }
                run.flush(into: &events)
                queue.open[id]?.outcome = outcome
                put(&run)
                return true
            case .parse(let statement):
                names.closeStatement(statement, number: id.number)
            default:
                notPrepared(exchange, id)
            }
            if !isFatal {
                queue.skipsToSync = true
                run.flush(into: &events)
                put(&run)
                try takeReady(&run, &events, with: (id, outcome))
                return true
            }
            run.flush(into: &events)
            put(&run)
            close(id, outcome, &run, &events)
            return true
        }
        if !isFatal {
            guard head != nil, !queue.skipsToSync else { throw unexpected(BackendType.error) }
            // An error of a Describe, Close or Sync of no exchange.
            queue.skipsToSync = head.map { if case .sync = $0.kind { false } else { true } } ?? false
        }
        data(nil, &run, &events)
        put(&run)
        return true
    }

    /// A PREPARE that stood alone has failed. One among other statements may have taken effect before the error, and no
    /// rollback undoes it.
    private mutating func notPrepared(_ exchange: OpenExchange, _ id: ExchangeID) {
        guard exchange.meanings.count == 1, exchange.meanings[0].facts.count == 1,
            case .prepares(let name) = exchange.meanings[0].facts[0].name
        else { return }
        names.closeStatement(name, number: id.number)
    }

    static func errorText(_ fields: ErrorFields) -> String {
        var text = fields.message ?? ""
        if let detail = fields.text(ErrorFields.Field.detail) { text += "\nDETAIL: " + detail }
        return text
    }
}
