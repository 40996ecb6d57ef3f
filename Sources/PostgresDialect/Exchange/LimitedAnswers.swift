import GatewayCore
import NIOCore
package import SessionKernel

/// Answers that end at `limits.rows`, `limits.bytes` or `limits.time`: the client gets an error in place of the rest, the
/// target is cancelled, and the session goes on.
extension PostgresDialect {
    var countsRows: Bool { limits.rows > 0 || limits.bytes > 0 }

    /// A row, or a line of COPY data, has been passed on.
    mutating func count(_ header: MessageHeader, _ id: ExchangeID) {
        queue.open[id]?.sent.rows += 1
        queue.open[id]?.sent.bytes += header.total
    }

    /// Whether the row at hand is one too many; then the answer has been cut.
    mutating func isOverLimit(
        _ header: MessageHeader, _ id: ExchangeID, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard var sent = queue.open[id]?.sent else { return false }
        sent.rows += 1
        sent.bytes += header.total
        let refusal: Refusal
        if limits.rows > 0, sent.rows > limits.rows {
            refusal = Refusal(
                code: "54000", message: "The answer has more than \(limits.rows) rows, the limit of this connection.",
                detail: "It was cut there, and the command cancelled at the server.",
                hint: "Narrow the query, or ask for a higher limits.rows.")
        } else if limits.bytes > 0, sent.bytes > limits.bytes {
            refusal = Refusal(
                code: "54000", message: "The answer has more than \(limits.bytes) bytes, the limit of this connection.",
                detail: "It was cut there, and the command cancelled at the server.",
                hint: "Narrow the query, or ask for a higher limits.bytes.")
        } else {
            return false
        }
        queue.open[id]?.isCut = true
        try withhold(id, refusal, &run, &events)
        events.append(.cancel)
        return true
    }

    package mutating func overdue(_ id: ExchangeID, _ refusal: Refusal) -> Bool {
        guard queue.open[id] != nil else { return false }
        queue.open[id]?.overdue = refusal
        return true
    }
}
