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
        guard countsRows else { return try pass(header, id, &run, &events) }
        if try isOverLimit(header, id, &run, &events) { return true }
        let before = run.rows
        let isDone = try pass(header, id, &run, &events)
        if run.rows > before { count(header, id) }
        return isDone
    }

    private mutating func pass(
        _ header: MessageHeader, _ id: ExchangeID, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        let isRow = header.type == BackendType.dataRow
        if hasMasks,
            isRow ? !(queue.open[id]?.plan?.isIdentity ?? false) : !(queue.open[id]?.copyPassesThrough ?? false)
        {
            guard header.total <= limits.row else { return try oversized(header, id, &run, &events) }
            return try maskedRows(header, id, &run)
        }
        // Whole messages of the same kind go on as one slice, read no further than their headers.
        var next: MessageHeader? = header
        while let header = next {
            guard run.source.readableBytes >= header.total else {
                guard header.total > Self.wholeMessageLimit else { return false }
                run.rows += 1
                stream = .pass(remaining: header.total, of: id)
                return true
            }
            run.rows += 1
            run.keep(header.total)
            next = try Self.header(run.source)
            if next?.type != header.type || countsRows { return next != nil }
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
        var batch =
            isRow && !countsRows ? exchange.plan.flatMap { RowBatch($0, exchange.columns, limit: limits.row) } : nil
        while let header = next {
            if let rows = batch?.look(run.source), let plan = exchange.plan {
                guard Self.pass(rows, plan, exchange.columns, &run) else { throw malformed(first.type) }
                next = try Self.header(run.source)
                if next?.type != first.type { return next != nil }
                continue
            }
            guard header.total <= limits.row else { return true }
            guard run.source.readableBytes >= header.total else { return false }
            if isRow, let plan = exchange.plan {
                guard RowRewriter.rewrite(header.total, of: header.total, plan, exchange.columns, &run) else {
                    throw malformed(header.type)
                }
            } else {
                guard exchange.copyOut?.rewrite(header.total, &run) ?? false else { throw malformed(header.type) }
            }
            run.rows += 1
            next = try Self.header(run.source)
            if next?.type != first.type || countsRows { return next != nil }
        }
        return false
    }

    /// Rows in which there is nothing go on as they are, the others are rewritten.
    ///
    /// - Returns: false when a row is malformed.
    private static func pass(
        _ rows: RowBatch.Rows, _ plan: MaskPlan, _ columns: [RowDescription.Column], _ run: inout OutputRun
    ) -> Bool {
        var done = 0
        for (index, end) in rows.ends.enumerated() where rows.hits >> UInt64(index) & 1 == 1 {
            let start = index > 0 ? rows.ends[index - 1] : 0
            if start > done { run.keep(start - done) }
            guard RowRewriter.rewrite(end - start, of: end - start, plan, columns, &run) else { return false }
            done = end
        }
        if let last = rows.ends.last, last > done { run.keep(last - done) }
        run.rows += rows.ends.count
        return true
    }

    /// A row over `limits.row`. When its masked columns end within that many bytes they are masked as ever and the rest
    /// goes on as it comes; else they are overwritten while they pass. What cannot be overwritten is withheld.
    private mutating func oversized(
        _ header: MessageHeader, _ id: ExchangeID, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard let exchange = queue.open[id] else { throw unexpected(header.type) }
        guard header.type == BackendType.dataRow else {
            guard exchange.copyOut != nil else { throw unexpected(header.type, "before its columns are known") }
            try withhold(id, tooLarge(header.total), &run, &events)
            return true
        }
        guard let plan = exchange.plan else { throw unexpected(header.type, "before its columns are known") }
        switch RowPrefix.find(header.total, plan, in: run.source, limit: limits.row) {
        case .needsMore:
            return false
        case .malformed:
            throw malformed(header.type)
        case .end(let end):
            guard run.source.readableBytes >= end else { return false }
            guard RowRewriter.rewrite(end, of: header.total, plan, exchange.columns, &run) else {
                throw malformed(header.type)
            }
            run.rows += 1
            stream = end < header.total ? .pass(remaining: header.total - end, of: id) : .none
        case .beyond:
            guard OversizedRow.holds(plan, exchange.columns) else {
                try withhold(id, tooLarge(header.total), &run, &events)
                return true
            }
            run.keep(5)
            run.rows += 1
            stream = .overwrite(OversizedRow(header.total, plan, exchange.columns), of: id)
        }
        return true
    }

    private func tooLarge(_ count: Int) -> Refusal {
        Refusal(
            code: "54000",
            message: "A row of \(count) bytes is too large to be masked; limits.row is \(limits.row).",
            hint: "Ask for the large column in pieces, or in an answer without masked columns.")
    }

    mutating func overwrite(_ run: inout OutputRun, _ events: inout [TargetEvent]) throws(DialectFault) -> Bool {
        guard case .overwrite(var row, let id) = stream, run.source.readableBytes > 0 else { return false }
        // Taken out, so that what it holds is changed in place.
        stream = .none
        data(id, &run, &events)
        let source = run.source
        let step = min(row.remaining, source.readableBytes)
        var isFine = false
        run.replace(step) { output in
            isFine = source.withUnsafeReadableBytes { bytes in
                row.take(UnsafeRawBufferPointer(rebasing: bytes[..<step]), into: &output)
            }
        }
        guard isFine else { throw malformed(BackendType.dataRow) }
        if row.remaining > 0 { stream = .overwrite(row, of: id) }
        return true
    }

    /// What follows is data of exchange `id`.
    func data(_ id: ExchangeID?, _ run: inout OutputRun, _ events: inout [TargetEvent]) {
        guard !queue.isMuted else { return }
        if run.isData, run.exchange != id { run.flush(into: &events) }
        run.isData = true
        run.exchange = id
    }
}
