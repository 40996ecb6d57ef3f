import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Settles what happens to the columns of an answer before its first row is released.
extension PostgresDialect {
    /// - Returns: false when the catalogue must be asked first; the message stays where it is.
    mutating func planRows(
        _ message: ByteBuffer, _ id: ExchangeID?, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard hasMasks, !queue.isMuted, let masks, let id, let exchange = queue.open[id] else { return true }
        noteSchemaVersion()
        let unmasking = unmasking
        if let known = knownPlan(message, exchange, unmasking) {
            queue.open[id]?.plan = known.plan
            queue.open[id]?.columns = known.columns
            tell(known.plan, id, &events)
            return true
        }
        guard let description = RowDescription(message) else { throw malformed(BackendType.rowDescription) }
        if masks.hasColumnRules || unmasking != nil, viewsChangedBy == nil {
            var missing: [LookupRequest.ColumnReference] = []
            for column in description.columns where column.table != 0 && column.attribute > 0 {
                let reference = LookupRequest.ColumnReference(table: column.table, attribute: column.attribute)
                if origins[reference] == nil, !origins.isUnknown(reference), !missing.contains(reference) {
                    missing.append(reference)
                }
            }
            if !missing.isEmpty {
                run.flush(into: &events)
                lookup = PendingLookup(purpose: .rows(missing), exchange: id)
                events.append(.lookup(.columns(missing)))
                return false
            }
        }
        if description.columns.contains(where: { $0.table == 0 }), askForRelation(exchange, masks, &run, &events) {
            return false
        }
        defer {
            origins.retryUnknown()
            relations.retryUnknown()
        }
        let touches = computedTouches(exchange, description.columns.count, masks)
        // A cursor that outlived its transaction gives rows of the views as they were, and describes them as they are.
        let isOutdated = exchange.heldSince.map { $0 != terms?.schema.current } ?? false
        var columns = description.columns
        for index in columns.indices {
            // A Describe of a portal tells formats; a Query's are its own.
            if !exchange.isQuery, let format = Self.format(exchange.resultFormats, index) {
                columns[index].format = format
            }
        }
        let plan = masks.plan(
            columns: columns.indices.map { index in
                AnswerColumn(
                    name: columns[index].name, origins: origins(of: columns[index], isOutdated: isOutdated),
                    isText: TypeShape.isReadable(columns[index].type), touchesMasked: touches[index],
                    needsName: TypeShape.needsName(columns[index].type))
            }, showing: unmasking)
        queue.open[id]?.plan = plan
        queue.open[id]?.columns = columns
        keep(plan, columns, message, exchange, unmasking)
        tell(plan, id, &events)
        if let refusal = denial(plan, names: columns.map(\.name)) { try withhold(id, refusal, &run, &events) }
        return true
    }

    /// The plan of an earlier execution of the same statement, when nothing that it depends on has changed.
    private func knownPlan(
        _ message: ByteBuffer, _ exchange: OpenExchange, _ unmasking: Unmasking?
    ) -> PlannedAnswer? {
        guard exchange.meanings.count == 1, !exchange.isQuery, viewsChangedBy == nil,
            let known = exchange.meanings[0].lastPlan, known.schemaEpoch == schemaEpoch,
            known.unmasking == unmasking,
            known.resultFormats == exchange.resultFormats, known.description == message
        else { return nil }
        return known
    }

    /// Keeps a plan that depends on nothing but columns whose origins are known.
    private func keep(
        _ plan: MaskPlan, _ columns: [RowDescription.Column], _ message: ByteBuffer, _ exchange: OpenExchange,
        _ unmasking: Unmasking?
    ) {
        guard exchange.meanings.count == 1, !exchange.isQuery, viewsChangedBy == nil, plan.denied == nil,
            columns.allSatisfy({ column in
                column.attribute > 0
                    && origins[LookupRequest.ColumnReference(table: column.table, attribute: column.attribute)] != nil
            })
        else { return }
        exchange.meanings[0].lastPlan = PlannedAnswer(
            description: ByteBuffer(bytes: message.readableBytesView), resultFormats: exchange.resultFormats,
            schemaEpoch: schemaEpoch, unmasking: unmasking, plan: plan, columns: columns)
    }

    /// What this principal may see at this moment; asked for only where a mask can be lifted at all.
    private var unmasking: Unmasking? { masks?.mayUnmask ?? false ? terms?.unmasking() : nil }

    private func tell(_ plan: MaskPlan, _ id: ExchangeID, _ events: inout [TargetEvent]) {
        if !plan.shown.isEmpty { events.append(.unmasked(id, plan.shown)) }
    }

    /// Another session, or time, has moved the schema's version: what is known of it is asked anew. An answer that was
    /// under way meanwhile is used once.
    private mutating func noteSchemaVersion() {
        guard lookup == nil, let current = terms?.schema.current, current != schemaSeen else { return }
        schemaSeen = current
        forgetSchema()
    }

    static func format(_ formats: [Int16], _ index: Int) -> Int16? {
        formats.isEmpty ? nil : formats.count == 1 ? formats[0] : formats.indices.contains(index) ? formats[index] : nil
    }

    private func origins(of column: RowDescription.Column, isOutdated: Bool) -> [ColumnOrigin] {
        guard column.table != 0 else { return [.computed] }
        // A whole row, or a system column.
        guard column.attribute > 0 else { return [column.attribute == 0 ? .unknown : .computed] }
        guard viewsChangedBy == nil else { return [.unknown] }
        let reference = LookupRequest.ColumnReference(table: column.table, attribute: column.attribute)
        guard let known = origins[reference], !(isOutdated && known.isView) else { return [.unknown] }
        return known.origins.map(HiddenReads.resolved)
    }

    /// What the client hears when a rule says `unknown: deny`.
    private func denial(_ plan: MaskPlan, names: [String]) -> Refusal? {
        guard let denied = plan.denied else { return nil }
        let name = names.indices.contains(denied) && !names[denied].isEmpty ? names[denied] : "\(denied + 1)"
        return Refusal(
            message: "The column \"\(name)\" of this answer may hold masked values, and its origin is not known.",
            hint: "Ask for columns of tables by their names, without expressions.")
    }

    // MARK: - COPY

    /// - Returns: false when the catalogue must be asked first.
    mutating func planCopy(
        _ message: ByteBuffer, _ id: ExchangeID, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool {
        guard hasMasks, !queue.isMuted, let exchange = queue.open[id], exchange.copyOut == nil,
            !exchange.copyPassesThrough
        else { return true }
        if let refusal = exchange.copyDenied {
            try withhold(id, refusal, &run, &events)
            return true
        }
        noteSchemaVersion()
        let (facts, text) = copyFacts(exchange)
        if let masks, facts?.copy?.query != nil, askForRelation(exchange, masks, &run, &events) { return false }
        run.flush(into: &events)
        lookup = PendingLookup(purpose: .copy, exchange: id)
        guard let copy = facts?.copy else {
            // Not a COPY that is understood: every column is unknown.
            events.append(.lookup(.columns([])))
            return false
        }
        if viewsChangedBy != nil {
            events.append(.lookup(.columns([])))
        } else if let range = copy.query, let text, range.lowerBound >= 0, range.upperBound <= text.count,
            namesAreSure(in: facts)
        {
            events.append(.lookup(.query(text: Array(text[range]), searchPath: searchPath)))
        } else if let relation = copy.relation, namesAreSure(of: relation) {
            events.append(.lookup(.relation(relation, columns: copy.columns, searchPath: searchPath)))
        } else {
            events.append(.lookup(.columns([])))
        }
        return false
    }

    /// The COPY that answers now: by its place among the statements, when that can be told.
    private func copyFacts(_ exchange: OpenExchange) -> (StatementFacts?, [UInt8]?) {
        guard exchange.meanings.count == 1 else { return (nil, nil) }
        let facts = exchange.meanings[0].facts
        let text = exchange.meanings[0].analysis?.text
        let outs = facts.filter { $0.copy?.direction == .to && $0.copy?.endpoint == .client }
        return (
            outs.count == 1
                ? outs[0] : facts.indices.contains(exchange.statementIndex) ? facts[exchange.statementIndex] : nil, text
        )
    }

    /// Takes the catalogue's answer in; the message that asked is walked again afterwards.
    mutating func settle(_ pending: PendingLookup, _ answer: LookupAnswer, _ events: inout [TargetEvent])
        throws(DialectFault)
    {
        switch pending.purpose {
        case .rows(let references):
            origins.learn(references, answer)
        case .relation(let name):
            relations.learn(name, answer)
        case .copy:
            guard let id = pending.exchange, let masks, let exchange = queue.open[id] else { return }
            guard let response = CopyResponse(target.bytes) else { throw malformed(BackendType.copyOutResponse) }
            let (facts, _) = copyFacts(exchange)
            let found = answer.columns.flatMap { $0.count == response.columnCount ? $0 : nil }
            let touches = touchesMasked(exchange.meanings, masks)
            relations.retryUnknown()
            let columns = (0..<response.columnCount).map { index in
                let type = found?[index].type ?? 0
                return AnswerColumn(
                    name: found?[index].name ?? "",
                    origins: found?[index].origins.map(HiddenReads.resolved) ?? [.unknown],
                    isText: type == 0 || TypeShape.isReadable(type), touchesMasked: touches,
                    needsName: TypeShape.needsName(type))
            }
            let plan = masks.plan(columns: columns, showing: unmasking)
            tell(plan, id, &events)
            if let refusal = denial(plan, names: columns.map(\.name)) {
                queue.open[id]?.copyDenied = refusal
                return
            }
            if plan.isIdentity {
                queue.open[id]?.copyPassesThrough = true
                return
            }
            guard let format = CopyFormat(isBinary: response.isBinary, facts: facts) else {
                queue.open[id]?.copyDenied = Refusal(
                    code: "0A000", message: "This form of COPY cannot be masked.",
                    hint: "Use text, csv or binary with plain options.")
                return
            }
            queue.open[id]?.copyOut = CopyRewriter(
                plan: plan, types: (0..<response.columnCount).map { found?[$0].type ?? 0 }, format: format,
                limit: limits.row)
        }
    }
}
