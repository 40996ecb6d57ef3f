import GatewayCore
package import SQLAnalysis

/// What SQL statements make of a subject.
extension CommandSubject {
    /// Adds one statement, with all that it carries.
    package mutating func add(_ facts: StatementFacts) {
        classes.formUnion(facts.classes)
        unknownCalls += facts.unknownCalls.filter { !unknownCalls.contains($0) }
        leansOnPath = leansOnPath || facts.leansOnPath
        // What is carried counts as the carrier's already.
        readsWithoutLimit = readsWithoutLimit || facts.readsWithoutLimit
        joinedRelations = max(joinedRelations, facts.joinedRelations)
        addColumns(facts)
        addContent(facts)
    }

    private mutating func addColumns(_ facts: StatementFacts) {
        let fills = facts.copy.map { $0.direction == .from && $0.relation != nil } ?? false
        columnsRead += facts.columns + facts.rowAttributes
        // The star of a COPY FROM without a list stands for columns written.
        readsAnyColumn = readsAnyColumn || facts.hasStar && !fills || facts.joinsNaturally
        columnsWritten += facts.writtenColumns
        writesAnyColumn = writesAnyColumn || facts.writesAnyColumn || fills && facts.writtenColumns.isEmpty
    }

    private mutating func addContent(_ facts: StatementFacts) {
        var verb = facts.verb
        if let copy = facts.copy {
            verb = copy.direction == .from ? "COPY FROM" : "COPY TO"
            switch copy.endpoint {
            case .client: break
            case .file: verb += " FILE"
            case .program: verb += " PROGRAM"
            }
        }
        if facts.doLanguage != nil {
            // Its code may do anything that a rule is about, and is not read (P6).
            notUnderstood = notUnderstood ?? NotUnderstood(message: "the code of a DO block is not analysed")
        }
        verbs.append(verb)
        reads += facts.reads
        writes += facts.writes
        functions += facts.functions
        schemas += facts.schemas
        for change in facts.settings {
            if change.kind != .reset, change.kind != .resetAll { settings.append(change.name ?? "") }
            if SettingEffects.liftsReadOnly(change) { liftsReadOnly = true }
        }
        if facts.hasWriteWithoutWhere { writesWithoutWhere = true }
        for inner in facts.inner { addContent(inner) }
    }

    /// The session's search_path lets others stand before the server's own functions: nothing that is named without a
    /// schema is known any more.
    package mutating func loseBuiltIns() {
        guard leansOnPath else { return }
        classes.insert(.unknownEffect)
        unknownCalls.append("names that this session's search_path may give to others than the server's own functions")
    }

    /// A text on its own, in a session that has prepared nothing: EXECUTE and FETCH find what the text itself prepared.
    package init(analysis: SQLAnalysis) {
        self.init(classes: analysis.classes, text: analysis.text, notUnderstood: analysis.notUnderstood)
        var named: [NameKey: [StatementFacts]] = [:]
        for facts in analysis.statements {
            add(facts)
            switch facts.name {
            case .prepares(let name): named[NameKey(name, isCursor: false), default: []] += facts.inner
            case .declaresCursor(let name): named[NameKey(name, isCursor: true), default: []] += facts.inner
            case .executes(let name): follow(named[NameKey(name, isCursor: false)], name)
            case .fetches(let name): follow(named[NameKey(name, isCursor: true)], name)
            default: break
            }
        }
    }

    private mutating func follow(_ meanings: [StatementFacts]?, _ name: String) {
        for facts in meanings ?? [] { add(facts) }
        guard meanings == nil, notUnderstood == nil else { return }
        classes.insert(.unknown)
        notUnderstood = NotUnderstood(
            message: "nothing is known of the prepared statement or cursor \"\(name)\"")
    }

    private struct NameKey: Hashable {
        let name: String
        let isCursor: Bool

        init(_ name: String, isCursor: Bool) { (self.name, self.isCursor) = (name, isCursor) }
    }
}
