import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Rows and COPY data on their way to the client.
extension PostgresDialect {
    mutating func row(_ header: MessageHeader, _ run: inout OutputRun, _ events: inout [TargetEvent])
        throws(DialectFault) -> Bool
    {
        guard let head = queue.head(), let id = head.id, head.kind == .query || head.kind == .execute,
            !queue.skipsToSync
        else {
            throw unexpected(header.type)
        }
        if queue.isMuted {
            stream = .drop(remaining: header.total)
            return true
        }
        data(id, &run, &events)
        let isRow = header.type == BackendType.dataRow
        if hasMasks,
            isRow ? !(queue.open[id]?.plan?.isIdentity ?? false) : !(queue.open[id]?.copyPassesThrough ?? false)
        {
            return try maskedRows(header, id, &run)
        }
        // Whole messages of the same kind go on as one slice, read no further than their headers.
        var next: MessageHeader? = header
        while let header = next {
            guard run.source.readableBytes >= header.total else {
                guard header.total > Self.wholeMessageLimit else { return false }
                if isRow { run.rows += 1 }
                stream = .pass(remaining: header.total, of: id)
                return true
            }
            if isRow { run.rows += 1 }
            run.keep(header.total)
            next = try Self.header(run.source)
            if next?.type != header.type { return next != nil }
        }
        return false
    }

    /// Rewrites rows, or COPY data, as long as whole messages of the kind are there.
    mutating func maskedRows(_ first: MessageHeader, _ id: ExchangeID, _ run: inout OutputRun)
        throws(DialectFault) -> Bool
    {
        // Taken out, so that what it holds is changed in place.
        guard var exchange = queue.open.removeValue(forKey: id) else { throw unexpected(first.type) }
        defer { queue.open[id] = exchange }
        let isRow = first.type == BackendType.dataRow
        guard isRow ? exchange.plan != nil : exchange.copyOut != nil else {
            throw unexpected(first.type, "before its columns are known")
        }
        var next: MessageHeader? = first
        while let header = next {
            guard header.total <= limits.row else {
                throw DialectFault(
                    .target, "54000",
                    "A row of \(header.total) bytes is too large to be masked; limits.row is \(limits.row).")
            }
            guard run.source.readableBytes >= header.total else { return false }
            if isRow, let plan = exchange.plan {
                guard RowRewriter.rewrite(header.total, plan, exchange.columns, &run) else {
                    throw malformed(header.type)
                }
                run.rows += 1
            } else {
                guard exchange.copyOut?.rewrite(header.total, &run) ?? false else { throw malformed(header.type) }
            }
            next = try Self.header(run.source)
            if next?.type != first.type { return next != nil }
        }
        return false
    }

    /// What follows is data of exchange `id`.
    func data(_ id: ExchangeID?, _ run: inout OutputRun, _ events: inout [TargetEvent]) {
        guard !queue.isMuted else { return }
        if run.isData, run.exchange != id { run.flush(into: &events) }
        run.isData = true
        run.exchange = id
    }
}
