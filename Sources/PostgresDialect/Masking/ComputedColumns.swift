import DataMasking
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// Judges columns that have no origin: whether their expressions may carry values of a masked column.
///
/// A column of a plain SELECT goes by what its own expression mentions; any other by what the whole statement does. When
/// in doubt it is masked.
extension PostgresDialect {
    /// Whether each column of the answer under way, if computed, may carry a masked value.
    func computedTouches(_ exchange: OpenExchange, _ count: Int, _ masks: MaskSet) -> [Bool] {
        guard touchesMasked(exchange.meanings, masks) else { return Array(repeating: false, count: count) }
        guard let facts = answering(exchange), let outputs = facts.outputs, outputs.count == count,
            !HiddenReads.happen(in: facts)
        else { return Array(repeating: true, count: count) }
        return outputs.map { touchesMasked($0, facts, masks) }
    }

    /// The statement whose answer comes now, when that can be told.
    private func answering(_ exchange: OpenExchange) -> StatementFacts? {
        guard exchange.meanings.count == 1, exchange.meanings[0].notUnderstood == nil else { return nil }
        let facts = exchange.meanings[0].facts
        if facts.count == 1 { return facts[0] }
        return exchange.isQuery && facts.indices.contains(exchange.statementIndex)
            ? facts[exchange.statementIndex] : nil
    }

    private func touchesMasked(_ output: TargetColumns, _ facts: StatementFacts, _ masks: MaskSet) -> Bool {
        if output.hasSubquery || !output.functions.allSatisfy(HarmlessFunctions.contains) { return true }
        if output.callsForeign || builtInsAreHidden && output.leansOnPath { return true }
        let sources = facts.reads.filter { !Self.isCatalogue($0) }
        let readsCatalogue = sources.count < facts.reads.count
        return output.columns.contains { column in
            if masks.mayCarry(columnNamed: column) { return true }
            var isFound = readsCatalogue
            for source in sources {
                guard let columns = known(source) else { return true }
                guard let origins = columns[column] else { continue }
                isFound = true
                if origins.contains(where: { Self.isMasked($0, masks) }) { return true }
            }
            // Not a column: `c.full_name` may call a function with the row.
            return !isFound
        }
    }

    /// Whether an expression of these texts may carry a value of a masked column.
    func touchesMasked(_ meanings: [Meaning], _ masks: MaskSet) -> Bool {
        meanings.isEmpty
            || meanings.contains { meaning in
                meaning.notUnderstood != nil || meaning.facts.contains { touchesMasked($0, masks) }
            }
    }

    private func touchesMasked(_ facts: StatementFacts, _ masks: MaskSet) -> Bool {
        if mentionsMasked(facts, masks) { return true }
        guard masks.hasColumnRules, Self.mentionsColumns(facts) else {
            return facts.inner.contains { touchesMasked($0, masks) }
        }
        let sources = Self.sources(of: facts)
        // A function that is called with a row sees all of it.
        let isCall = { (name: String) in
            sources.contains { !Self.isCatalogue($0) } && !sources.contains { self.known($0)?[name] != nil }
        }
        if facts.rowAttributes.contains(where: isCall) { return true }
        return sources.contains { source in
            guard let columns = known(source) else { return !Self.isCatalogue(source) }
            if facts.hasStar { return columns.values.joined().contains { Self.isMasked($0, masks) } }
            return facts.columns.contains { columns[$0]?.contains { Self.isMasked($0, masks) } ?? false }
        } || facts.inner.contains { touchesMasked($0, masks) }
    }

    /// By what the text says alone, as far as no catalogue is needed.
    func mentionsMasked(_ meanings: [Meaning], _ masks: MaskSet) -> Bool {
        meanings.isEmpty
            || meanings.contains { meaning in
                meaning.notUnderstood != nil || meaning.facts.contains { mentionsMasked($0, masks) }
            }
    }

    private func mentionsMasked(_ facts: StatementFacts, _ masks: MaskSet) -> Bool {
        switch facts.name {
        case .executes, .fetches: return true
        default: break
        }
        if facts.columns.contains(where: { masks.mayCarry(columnNamed: $0) }) { return true }
        if facts.hasStar,
            facts.reads.isEmpty || (facts.reads + facts.writes).contains(where: { masks.mayCarry(anyColumnOf: $0) })
        {
            return true
        }
        if HiddenReads.happen(in: facts) { return true }
        if masks.hasColumnRules,
            facts.classes.contains(.procedure) || !facts.functions.allSatisfy(HarmlessFunctions.contains)
                || facts.callsForeignOperator || builtInsAreHidden && facts.leansOnPath
        {
            return true
        }
        return facts.inner.contains { mentionsMasked($0, masks) }
    }

    private static func isMasked(_ origin: ColumnOrigin, _ masks: MaskSet) -> Bool {
        switch origin {
        case .column(let schema, let table, let column), .derived(let schema, let table, let column):
            masks.carries(schema: schema, table: table, column: column)
        case .computed: false
        case .unknown: true
        }
    }

    /// Whether the statement names a column that a mask covers, as far as that is known.
    func readsMasked(_ facts: StatementFacts, _ masks: MaskSet) -> Bool {
        if facts.columns.contains(where: { masks.mayCarry(columnNamed: $0) }) { return true }
        let sources = Self.sources(of: facts)
        if facts.hasStar, sources.contains(where: { masks.mayCarry(anyColumnOf: $0) }) { return true }
        return sources.lazy.compactMap(known).contains { columns in
            let named = facts.hasStar ? Array(columns.values.joined()) : facts.columns.flatMap { columns[$0] ?? [] }
            return named.contains { Self.isMasked($0, masks) }
        }
    }

    // MARK: - Relations

    /// Asks the catalogue for the next relation whose columns must be known; false when there is none.
    mutating func askForRelation(
        _ exchange: OpenExchange, _ masks: MaskSet, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) -> Bool {
        guard masks.hasColumnRules, let name = missingRelation(exchange, masks) else { return false }
        run.flush(into: &events)
        lookup = PendingLookup(purpose: .relation(name), exchange: queue.head()?.id)
        events.append(.lookup(.relation(name, columns: [], searchPath: searchPath)))
        return true
    }

    private func missingRelation(_ exchange: OpenExchange, _ masks: MaskSet) -> RelationName? {
        let all = exchange.meanings.flatMap(\.facts)
        // Masked whatever the relations are.
        if mentionsMasked(exchange.meanings, masks), answering(exchange)?.outputs == nil { return nil }
        for facts in all + all.flatMap(\.inner) where Self.mentionsColumns(facts) {
            for source in Self.sources(of: facts)
            where !Self.isCatalogue(source) && namesAreSure(of: source) && !relations.isSettled(source) {
                return source
            }
        }
        return nil
    }

    func known(_ name: RelationName) -> [String: [ColumnOrigin]]? {
        namesAreSure(of: name) ? relations[name] : nil
    }

    /// Whether the catalogue connection finds the relation that this session means.
    func namesAreSure(of relation: RelationName) -> Bool {
        guard viewsChangedBy == nil else { return false }
        return relation.schema.isEmpty ? !namesAreUnsure : !relation.schema.hasPrefix("pg_temp")
    }

    /// The same of all that a statement reads.
    func namesAreSure(in facts: StatementFacts?) -> Bool {
        guard let facts else { return false }
        return facts.reads.allSatisfy(namesAreSure) && facts.inner.allSatisfy(namesAreSure)
    }

    private static func mentionsColumns(_ facts: StatementFacts) -> Bool { facts.hasStar || !facts.columns.isEmpty }

    /// What rows may be computed from. A relation that a statement changes answers with RETURNING.
    private static func sources(of facts: StatementFacts) -> [RelationName] {
        facts.classes.isDisjoint(with: [.insert, .update, .delete, .merge]) ? facts.reads : facts.reads + facts.writes
    }

    /// The server's own relations, but for those that stand for others with secrets.
    static func isCatalogue(_ name: RelationName) -> Bool {
        name.schema == "information_schema"
            || name.schema == "pg_catalog" && !["pg_shadow", "pg_user", "pg_roles"].contains(name.name)
    }
}
