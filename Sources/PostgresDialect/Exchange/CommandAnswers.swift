import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Answers to commands, but for rows and errors.
extension PostgresDialect {
    mutating func answered(
        _ header: MessageHeader, _ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard let head = queue.head(), !queue.skipsToSync else { throw unexpected(header.type) }
        switch (header.type, head.kind) {
        case (BackendType.parseComplete, .parse(let statement)):
            queue.expected.removeFirst()
            put(header.total, &run)
            if let id = head.id {
                names.confirmStatement(statement, id.number)
                let outcome = Outcome(kind: .success, tag: "PARSE")
                if queue.isMuted { park(id, outcome) } else { close(id, outcome, &run, &events) }
            }
        case (BackendType.bindComplete, .bind(let portal)):
            queue.expected.removeFirst()
            if let id = head.id { names.confirmPortal(portal, id.number) }
            put(header.total, &run)
        case (BackendType.closeComplete, .refusedExtended(let refusal)):
            queue.expected.removeFirst()
            refused(refusal, header.total, &run, &events)
        case (BackendType.emptyQuery, .refusedQuery(let refusal)):
            refused(refusal, header.total, &run, &events)
        case (BackendType.closeComplete, .close(let target)):
            queue.expected.removeFirst()
            if let id = head.id {
                switch target.kind {
                case .statement: names.closeStatement(target.name, through: id.number)
                case .portal: names.closePortal(target.name, through: id.number)
                }
            }
            put(header.total, &run)
        case (BackendType.parameterDescription, .describeStatement(let statement, let last)):
            guard let description = ParameterDescription(message) else { throw malformed(header.type) }
            names.describeParameters(statement, last, description.types)
            put(header.total, &run)
        case (BackendType.noData, .describeStatement):
            queue.expected.removeFirst()
            put(header.total, &run)
        case (BackendType.noData, .describePortal(let isOwn)):
            queue.expected.removeFirst()
            if let id = head.id { queue.open[id]?.isNoData = true }
            if isOwn { run.drop(header.total) } else { put(header.total, &run) }
        case (BackendType.rowDescription, .describeStatement(let statement, let last)):
            queue.expected.removeFirst()
            try noteColumns(message, of: statement, last)
            put(header.total, &run)
        case (BackendType.rowDescription, .describePortal(let isOwn)):
            guard try planRows(message, head.id, &run, &events) else { return false }
            queue.expected.removeFirst()
            if let exchange = head.id.flatMap({ queue.open[$0] }), let statement = exchange.statement,
                exchange.meanings.count == 1
            {
                try noteColumns(message, of: statement, exchange.meanings[0].number)
            }
            if isOwn { run.drop(header.total) } else { put(header.total, &run) }
        case (BackendType.rowDescription, .query):
            guard let id = head.id else { throw unexpected(header.type) }
            guard try planRows(message, id, &run, &events) else { return false }
            data(id, &run, &events)
            put(header.total, &run)
        case (BackendType.commandComplete, .query), (BackendType.emptyQuery, .query),
            (BackendType.functionCallResponse, .function):
            return try completedInQuery(header, message, &run, &events)
        case (BackendType.commandComplete, .execute), (BackendType.emptyQuery, .execute),
            (BackendType.portalSuspended, .execute):
            guard let id = head.id else { throw unexpected(header.type) }
            queue.expected.removeFirst()
            var outcome = Outcome(kind: header.type == BackendType.portalSuspended ? .suspended : .success)
            if header.type == BackendType.commandComplete {
                let tag = CommandTag(message)
                outcome.tag = tag?.text
                outcome.rows = tag?.rows
            }
            if run.isData { run.flush(into: &events) }
            put(header.total, &run)
            if outcome.kind == .success { succeeded(id) }
            if mayHaveActed(id) { queue.hasActed = true }
            try takeReady(&run, &events, with: (id, outcome))
        case (BackendType.copyOutResponse, .query), (BackendType.copyOutResponse, .execute):
            guard let id = head.id else { throw unexpected(header.type) }
            guard try planCopy(message, id, &run, &events) else { return false }
            data(id, &run, &events)
            put(header.total, &run)
        case (BackendType.copyInResponse, .query), (BackendType.copyInResponse, .execute):
            guard let id = head.id else { throw unexpected(header.type) }
            queue.beginCopyIn(id)
            put(header.total, &run)
        case (BackendType.copyDone, .query), (BackendType.copyDone, .execute):
            data(head.id, &run, &events)
            put(header.total, &run)
        default:
            throw unexpected(header.type)
        }
        return true
    }

    /// Keeps what a Describe tells for the record of later executions that nobody describes.
    private mutating func noteColumns(_ message: ByteBuffer, of statement: String, _ number: UInt64)
        throws(DialectFault)
    {
        guard !statement.isEmpty, names.lacksColumns(statement, number) else { return }
        guard let description = RowDescription(message) else { throw malformed(BackendType.rowDescription) }
        names.describe(statement, number, description.columns)
    }

    /// The end of one statement of a Query. Whether it is the last shows only by what follows, so it stays unread until
    /// that is there.
    mutating func completedInQuery(
        _ header: MessageHeader, _ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard let id = queue.head()?.id else { throw unexpected(header.type) }
        guard let isLast = try readyFollows(run.source, behind: header.total) else { return false }
        let tag = header.type == BackendType.commandComplete ? CommandTag(message) : nil
        queue.copyingIn = nil
        if var exchange = queue.open.removeValue(forKey: id) {
            exchange.outcome.tag =
                tag?.text ?? (header.type == BackendType.functionCallResponse ? "FUNCTION" : exchange.outcome.tag)
            if let rows = tag?.rows { exchange.rows = (exchange.rows ?? 0) &+ rows }
            exchange.outcome.rows = exchange.rows
            exchange.statementIndex += 1
            exchange.plan = nil
            exchange.copyOut = nil
            exchange.copyPassesThrough = false
            queue.open[id] = exchange
        }
        if isLast, header.type != BackendType.functionCallResponse {
            run.flush(into: &events)
        } else {
            data(id, &run, &events)
        }
        put(header.total, &run)
        return true
    }

    /// Whether ReadyForQuery is the next message but for those that can come at any time; nil when it cannot be told
    /// yet.
    func readyFollows(_ source: ByteBuffer, behind count: Int) throws(DialectFault) -> Bool? {
        var walk = source
        walk.moveReaderIndex(forwardBy: count)
        for _ in 0..<8 {
            guard let header = try Self.header(walk) else { return nil }
            switch header.type {
            case BackendType.readyForQuery:
                return walk.readableBytes >= header.total ? true : nil
            case BackendType.notice, BackendType.notification, BackendType.parameterStatus:
                guard header.total <= Self.smallMessageLimit else { return false }
                guard walk.readableBytes >= header.total else { return nil }
                walk.moveReaderIndex(forwardBy: header.total)
            default:
                return false
            }
        }
        // What completes the answer is then ReadyForQuery alone.
        return false
    }
}
