import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// The ends of exchanges.
extension PostgresDialect {
    /// Closes an exchange; ReadyForQuery goes along when it is right behind.
    mutating func takeReady(
        _ run: inout OutputRun, _ events: inout [TargetEvent], with end: (id: ExchangeID, outcome: Outcome)
    ) throws(DialectFault) {
        if queue.isMuted { return park(end.id, end.outcome) }
        let next = try Self.header(run.source)
        guard next?.type == BackendType.readyForQuery, next?.total == 6,
            let message = run.source.getSlice(at: run.source.readerIndex, length: 6)
        else { return close(end.id, end.outcome, &run, &events) }
        if !queue.skipsToSync {
            guard case .sync = queue.head()?.kind else { return close(end.id, end.outcome, &run, &events) }
        }
        try synchronise(message, except: end.id)
        run.keep(6)
        close(end.id, end.outcome, &run, &events)
        drainSettled(&events)
    }

    /// The outcome of `id`, with the bytes of the run.
    mutating func close(
        _ id: ExchangeID, _ outcome: Outcome, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) {
        let outcome = told(outcome, queue.open.removeValue(forKey: id))
        if run.isData { run.isData = false }
        events.append(.outcome(run.take(), of: id, outcome))
    }

    mutating func ready(_ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent])
        throws(DialectFault)
    {
        guard TransactionStatus(message) != nil else { throw malformed(BackendType.readyForQuery) }
        guard let head = queue.head() else { throw unexpected(BackendType.readyForQuery) }
        if !queue.skipsToSync {
            switch head.kind {
            case .query, .function:
                guard let id = head.id else { throw unexpected(BackendType.readyForQuery) }
                queue.expected.removeFirst()
                let outcome = queue.open[id]?.outcome ?? Outcome(kind: .success)
                if outcome.kind == .success { succeeded(id) }
                queue.settled = queue.open.keys.filter { $0 < id }.sorted().map {
                    ($0, told(Outcome(kind: .success, tag: "BIND"), queue.open[$0]))
                }
                for (id, _) in queue.settled { queue.open[id] = nil }
                try newStatus(message, through: id.number)
                queue.endStretch()
                isUnsynced = queue.expected.contains { if case .sync = $0.kind { false } else { true } } && isUnsynced
                if run.isData { run.flush(into: &events) }
                run.keep(message.readableBytes)
                close(id, outcome, &run, &events)
                drainSettled(&events)
                return
            case .refusedQuery:
                queue.expected.removeFirst()
                try newStatus(message, through: 0)
                run.keep(message.readableBytes)
                return
            case .sync:
                break
            default:
                throw unexpected(BackendType.readyForQuery)
            }
        }
        let wasMuted = queue.isMuted
        try synchronise(message, except: nil)
        if wasMuted, let last = queue.settled.popLast() {
            run.flush(into: &events)
            drainSettled(&events)
            run.keep(message.readableBytes)
            events.append(.outcome(run.take(), of: last.id, last.outcome))
            return
        }
        run.keep(message.readableBytes)
        if !queue.settled.isEmpty {
            run.flush(into: &events)
            drainSettled(&events)
        }
    }

    /// ReadyForQuery after a Sync: what was sent before it and is still open was skipped, or is a Bind that nobody
    /// executed.
    mutating func synchronise(_ message: ByteBuffer, except: ExchangeID?) throws(DialectFault) {
        let outcome = queue.skipsToSync ? Outcome(kind: .skipped) : Outcome(kind: .success, tag: "BIND")
        var through: UInt64?
        while through == nil, let next = queue.expected.popFirst() {
            if case .sync(let last) = next.kind { through = last }
        }
        guard let through else { throw unexpected(BackendType.readyForQuery) }
        queue.skipsToSync = false
        queue.endStretch()
        // Mostly it is the one exchange that ends by itself.
        if queue.open.count > 1 || except == nil || queue.open.first?.key != except {
            for id in queue.open.keys.sorted() where id.number <= through && id != except {
                guard let exchange = queue.open.removeValue(forKey: id) else { continue }
                queue.settled.append((id, told(exchange.hasEnded ? exchange.outcome : outcome, exchange)))
            }
        }
        try newStatus(message, through: through)
    }

    mutating func drainSettled(_ events: inout [TargetEvent]) {
        for (id, outcome) in queue.settled { events.append(.outcome(ByteBuffer(), of: id, outcome)) }
        queue.settled.removeAll(keepingCapacity: true)
    }

    mutating func newStatus(_ message: ByteBuffer, through number: UInt64) throws(DialectFault) {
        guard let new = TransactionStatus(message) else { throw malformed(BackendType.readyForQuery) }
        status = new
        // What was sent behind it is not answered yet, and may change that again.
        if queue.isEmpty { expectedStatus = new }
        guard new == .idle else { return }
        settlePath()
        names.endTransaction(through: number)
        if let changed = viewsChangedBy, changed <= number {
            viewsChangedBy = nil
            forgetSchema()
        }
    }

    /// What a command that took effect changed about names; told only when it had one meaning with one statement.
    mutating func succeeded(_ id: ExchangeID) {
        guard let meanings = queue.open[id]?.meanings, meanings.count == 1 else { return }
        for facts in meanings[0].facts {
            switch facts.name {
            case .prepares(let name): names.confirmStatement(name, id.number)
            case .declaresCursor(let name): names.confirmPortal(name, id.number)
            case .deallocates(let name) where meanings[0].facts.count == 1:
                names.closeStatement(name, through: id.number)
            case .deallocatesAll where meanings[0].facts.count == 1: names.closeAllStatements(through: id.number)
            case .closesCursor(let name) where meanings[0].facts.count == 1: names.closePortal(name, through: id.number)
            case .closesAllCursors where meanings[0].facts.count == 1: names.closeAllPortals(through: id.number)
            case .discardsAll where meanings[0].facts.count == 1:
                names.closeAllStatements(through: id.number)
                names.closeAllPortals(through: id.number)
            default: break
            }
        }
    }
}
