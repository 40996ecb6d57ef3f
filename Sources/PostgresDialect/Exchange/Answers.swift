import DataMasking
import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
package import SessionKernel

/// Matches the target's messages against what was submitted.
extension PostgresDialect {
    /// Rows and COPY data up to this size wait until they are whole; larger ones go on as they come.
    private static var wholeMessageLimit: Int { 8192 }
    /// Messages that are neither rows nor COPY data nor descriptions.
    private static var smallMessageLimit: Int { 1 << 20 }

    mutating func walk(into events: inout [TargetEvent]) throws(DialectFault) {
        var run = OutputRun(target.bytes)
        while lookup == nil, try step(&run, &events) {}
        run.flush(into: &events)
        target.bytes = run.source
    }

    package mutating func resume(with answer: LookupAnswer, into events: inout [TargetEvent]) throws(DialectFault) {
        guard let pending = lookup else { return }
        lookup = nil
        defer { target.settle() }
        try settle(pending, answer)
        try walk(into: &events)
    }

    /// - Returns: false when more bytes are needed.
    private mutating func step(_ run: inout OutputRun, _ events: inout [TargetEvent]) throws(DialectFault) -> Bool {
        if case .pass(let remaining, let id) = stream {
            let step = min(remaining, run.source.readableBytes)
            guard step > 0 else { return false }
            data(id, &run, &events)
            run.keep(step)
            stream = step == remaining ? .none : .pass(remaining: remaining - step, of: id)
            return true
        }
        guard let header = try Self.header(run.source) else { return false }
        if header.type == BackendType.dataRow || header.type == BackendType.copyData {
            return try row(header, &run, &events)
        }
        let limit =
            [BackendType.rowDescription, BackendType.functionCallResponse].contains(header.type)
            ? limits.message : Self.smallMessageLimit
        guard header.total <= limit else { throw unexpected(header.type, "of \(header.total) bytes") }
        guard run.source.readableBytes >= header.total,
            let message = run.source.getSlice(at: run.source.readerIndex, length: header.total)
        else { return false }
        switch header.type {
        case BackendType.notice, BackendType.notification:
            spread(&run)
            if header.type == BackendType.notice {
                notice(message, header, &run)
            } else {
                try notification(message, &run)
            }
            return true
        case BackendType.parameterStatus:
            guard let parameter = ParameterStatus(message) else { throw malformed(header.type) }
            if let masks, hasMasks, let hidden = SideChannels.masked(parameter, masks) {
                run.replace(header.total) { hidden.write(into: &$0) }
            } else {
                run.keep(header.total)
            }
            return parameterChanged(parameter, &run, &events)
        case BackendType.error:
            return try failed(message, &run, &events)
        case BackendType.readyForQuery:
            try ready(message, &run, &events)
            return true
        default:
            return try answered(header, message, &run, &events)
        }
    }

    static func header(_ source: ByteBuffer) throws(DialectFault) -> MessageHeader? {
        do throws(MalformedMessage) {
            return try MessageHeader(at: source)
        } catch {
            throw DialectFault(.target, "08P01", "The target's bytes are not the protocol: \(error.message).")
        }
    }

    // MARK: - Rows

    private mutating func row(_ header: MessageHeader, _ run: inout OutputRun, _ events: inout [TargetEvent])
        throws(DialectFault) -> Bool
    {
        guard let head = queue.head(), let id = head.id, head.kind == .query || head.kind == .execute,
            !queue.skipsToSync
        else {
            throw unexpected(header.type)
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
    private mutating func maskedRows(_ first: MessageHeader, _ id: ExchangeID, _ run: inout OutputRun)
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
    private func data(_ id: ExchangeID?, _ run: inout OutputRun, _ events: inout [TargetEvent]) {
        if run.isData, run.exchange != id { run.flush(into: &events) }
        run.isData = true
        run.exchange = id
    }

    // MARK: - Messages outside any exchange

    /// What can come at any time joins the answer that is under way, or stands alone.
    private mutating func spread(_ run: inout OutputRun) {
        guard !run.isData else { return }
        run.isData = true
        run.exchange = queue.head()?.id.flatMap { queue.open[$0] != nil ? $0 : nil }
    }

    private mutating func notice(_ message: ByteBuffer, _ header: MessageHeader, _ run: inout OutputRun) {
        guard let masks, hasMasks, var fields = ErrorFields(message),
            mask(&fields, masks)
        else { return run.keep(header.total) }
        run.replace(header.total) { fields.write(as: BackendType.notice, into: &$0) }
    }

    private func notification(_ message: ByteBuffer, _ run: inout OutputRun) throws(DialectFault) {
        guard let masks, hasMasks else { return run.keep(message.readableBytes) }
        guard var notification = NotificationResponse(message) else { throw malformed(BackendType.notification) }
        guard SideChannels.mask(&notification, masks) else { return run.keep(message.readableBytes) }
        run.replace(message.readableBytes) { notification.write(into: &$0) }
    }

    /// Hides what an error or notice of the command that is answered now tells of values.
    private mutating func mask(_ fields: inout ErrorFields, _ masks: MaskSet) -> Bool {
        let meanings = queue.head()?.id.flatMap { queue.open[$0] }?.meanings ?? []
        return ErrorMasking.apply(
            masks, to: &fields, statements: meanings.compactMap { $0.analysis?.text },
            keepsNames: !touchesMasked(meanings, masks))
    }

    private mutating func parameterChanged(
        _ parameter: ParameterStatus, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) -> Bool {
        if parameter.name == "search_path" { searchPath = parameter.value }
        guard !SettingsGuard.accepts(parameter) else { return true }
        run.flush(into: &events)
        events.append(
            .fatal(
                Refusal(
                    code: "42501",
                    message:
                        "\(parameter.name) became \(parameter.value.prefix(64)): the gateway and the server would read a text differently."
                )))
        return false
    }

    // MARK: - Answers

    private mutating func answered(
        _ header: MessageHeader, _ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard let head = queue.head(), !queue.skipsToSync else { throw unexpected(header.type) }
        switch (header.type, head.kind) {
        case (BackendType.parseComplete, .parse(let statement)):
            queue.expected.removeFirst()
            run.keep(header.total)
            if let id = head.id {
                names.confirmStatement(statement, id.number)
                close(id, Outcome(kind: .success, tag: "PARSE"), &run, &events)
            }
        case (BackendType.bindComplete, .bind(let portal)):
            queue.expected.removeFirst()
            if let id = head.id { names.confirmPortal(portal, id.number) }
            run.keep(header.total)
        case (BackendType.closeComplete, .close(let target)):
            queue.expected.removeFirst()
            if let id = head.id {
                switch target.kind {
                case .statement: names.closeStatement(target.name, through: id.number)
                case .portal: names.closePortal(target.name, through: id.number)
                }
            }
            run.keep(header.total)
        case (BackendType.parameterDescription, .describeStatement):
            run.keep(header.total)
        case (BackendType.noData, .describeStatement):
            queue.expected.removeFirst()
            run.keep(header.total)
        case (BackendType.noData, .describePortal(let isOwn)):
            queue.expected.removeFirst()
            if let id = head.id { queue.open[id]?.isNoData = true }
            if isOwn { run.drop(header.total) } else { run.keep(header.total) }
        case (BackendType.rowDescription, .describeStatement):
            queue.expected.removeFirst()
            run.keep(header.total)
        case (BackendType.rowDescription, .describePortal(let isOwn)):
            guard try planRows(message, head.id, &run, &events) else { return false }
            queue.expected.removeFirst()
            if isOwn { run.drop(header.total) } else { run.keep(header.total) }
        case (BackendType.rowDescription, .query):
            guard let id = head.id else { throw unexpected(header.type) }
            guard try planRows(message, id, &run, &events) else { return false }
            data(id, &run, &events)
            run.keep(header.total)
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
            run.keep(header.total)
            if outcome.kind == .success { succeeded(id) }
            try takeReady(&run, &events, with: (id, outcome))
        case (BackendType.copyOutResponse, .query), (BackendType.copyOutResponse, .execute):
            guard let id = head.id else { throw unexpected(header.type) }
            guard try planCopy(message, id, &run, &events) else { return false }
            data(id, &run, &events)
            run.keep(header.total)
        case (BackendType.copyInResponse, .query), (BackendType.copyInResponse, .execute):
            guard let id = head.id else { throw unexpected(header.type) }
            queue.beginCopyIn(id)
            run.keep(header.total)
        case (BackendType.copyDone, .query), (BackendType.copyDone, .execute):
            data(head.id, &run, &events)
            run.keep(header.total)
        default:
            throw unexpected(header.type)
        }
        return true
    }

    /// The end of one statement of a Query. Whether it is the last shows only by what follows, so it stays unread until
    /// that is there.
    private mutating func completedInQuery(
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
        run.keep(header.total)
        return true
    }

    /// Whether ReadyForQuery is the next message but for those that can come at any time; nil when it cannot be told
    /// yet.
    private func readyFollows(_ source: ByteBuffer, behind count: Int) throws(DialectFault) -> Bool? {
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

    private mutating func failed(_ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent])
        throws(DialectFault) -> Bool
    {
        guard var fields = ErrorFields(message) else { throw malformed(BackendType.error) }
        let count = message.readableBytes
        let head = queue.head()
        let isFatal = ["FATAL", "PANIC"].contains(
            fields.text(ErrorFields.Field.severityUnlocalised) ?? fields.text(ErrorFields.Field.severity))
        if !isFatal, let head, !queue.skipsToSync {
            if case .refusedExtended(let refusal) = head.kind {
                queue.skipsToSync = true
                run.flush(into: &events)
                run.replace(count) { ErrorFields(severity: "ERROR", refusal).write(as: BackendType.error, into: &$0) }
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
        let put = { (run: inout OutputRun) in
            if isMasked {
                run.replace(count) { fields.write(as: BackendType.error, into: &$0) }
            } else {
                run.keep(count)
            }
        }
        let outcome = Outcome(kind: .error, code: fields.code, errorText: Self.errorText(fields))
        if let head, let id = head.id, queue.open[id] != nil, !queue.skipsToSync {
            if queue.copyingIn == id { queue.copyingIn = nil }
            switch head.kind {
            case .query, .function:
                if isFatal { break }
                guard try readyFollows(run.source, behind: count) != nil else { return false }
                run.flush(into: &events)
                queue.open[id]?.outcome = outcome
                put(&run)
                return true
            case .parse(let statement):
                names.closeStatement(statement, number: id.number)
            default:
                break
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

    private static func errorText(_ fields: ErrorFields) -> String {
        var text = fields.message ?? ""
        if let detail = fields.text(ErrorFields.Field.detail) { text += "\nDETAIL: " + detail }
        return text
    }

    // MARK: - Ends

    /// Closes an exchange; ReadyForQuery goes along when it is right behind.
    private mutating func takeReady(
        _ run: inout OutputRun, _ events: inout [TargetEvent], with end: (id: ExchangeID, outcome: Outcome)
    ) throws(DialectFault) {
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
    private mutating func close(
        _ id: ExchangeID, _ outcome: Outcome, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) {
        queue.open[id] = nil
        if run.isData { run.isData = false }
        events.append(.outcome(run.take(), of: id, outcome))
    }

    private mutating func ready(_ message: ByteBuffer, _ run: inout OutputRun, _ events: inout [TargetEvent])
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
                    ($0, Outcome(kind: .success, tag: "BIND"))
                }
                for (id, _) in queue.settled { queue.open[id] = nil }
                try newStatus(message, through: id.number)
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
        try synchronise(message, except: nil)
        run.keep(message.readableBytes)
        if !queue.settled.isEmpty {
            run.flush(into: &events)
            drainSettled(&events)
        }
    }

    /// ReadyForQuery after a Sync: what was sent before it and is still open was skipped, or is a Bind that nobody
    /// executed.
    private mutating func synchronise(_ message: ByteBuffer, except: ExchangeID?) throws(DialectFault) {
        let outcome = queue.skipsToSync ? Outcome(kind: .skipped) : Outcome(kind: .success, tag: "BIND")
        var through: UInt64?
        while through == nil, let next = queue.expected.popFirst() {
            if case .sync(let last) = next.kind { through = last }
        }
        guard let through else { throw unexpected(BackendType.readyForQuery) }
        queue.skipsToSync = false
        for id in queue.open.keys.filter({ $0.number <= through && $0 != except }).sorted() {
            queue.open[id] = nil
            queue.settled.append((id, outcome))
        }
        try newStatus(message, through: through)
    }

    private mutating func drainSettled(_ events: inout [TargetEvent]) {
        for (id, outcome) in queue.settled { events.append(.outcome(ByteBuffer(), of: id, outcome)) }
        queue.settled.removeAll(keepingCapacity: true)
    }

    private mutating func newStatus(_ message: ByteBuffer, through number: UInt64) throws(DialectFault) {
        guard let new = TransactionStatus(message) else { throw malformed(BackendType.readyForQuery) }
        status = new
        if new == .idle { names.endTransaction(through: number) }
    }

    /// What a command that took effect changed about names; told only when it had one meaning with one statement.
    private mutating func succeeded(_ id: ExchangeID) {
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

    // MARK: - Faults

    func unexpected(_ type: UInt8, _ more: String = "") -> DialectFault {
        let rest = more.isEmpty ? "" : " " + more
        return DialectFault(
            .target, "08P01", "The target sent an unexpected message of type \(FrontendDecoder.name(type))\(rest).")
    }

    func malformed(_ type: UInt8) -> DialectFault {
        DialectFault(.target, "08P01", "The target sent a malformed message of type \(FrontendDecoder.name(type)).")
    }
}
