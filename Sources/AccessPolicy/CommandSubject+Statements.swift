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
        var names = NamedStatements()
        self.init(analysis: analysis, names: &names)
    }

    /// The same behind other texts of the session, which gave `names` their meanings.
    package init(analysis: SQLAnalysis, names: inout NamedStatements) {
        self.init(classes: analysis.classes, text: analysis.text, notUnderstood: analysis.notUnderstood)
        // In one text a name may be given again; before it, only what was given last counts.
        var given: Set<NamedStatements.Key> = []
        for facts in analysis.statements {
            add(facts)
            switch facts.name {
            case .prepares(let name): names.give(facts.inner, to: .init(name, isCursor: false), &given)
            case .declaresCursor(let name): names.give(facts.inner, to: .init(name, isCursor: true), &given)
            case .executes(let name): follow(names.meanings[.init(name, isCursor: false)], name)
            case .fetches(let name): follow(names.meanings[.init(name, isCursor: true)], name)
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
}

/// What SQL's names of prepared statements and cursors stand for in a session.
package struct NamedStatements {
    struct Key: Hashable {
        let name: String
        let isCursor: Bool

        init(_ name: String, isCursor: Bool) { (self.name, self.isCursor) = (name, isCursor) }
    }

    fileprivate var meanings: [Key: [StatementFacts]] = [:]

    package init() {}

    fileprivate mutating func give(_ facts: [StatementFacts], to key: Key, _ given: inout Set<Key>) {
        if given.insert(key).inserted { meanings[key] = [] }
        meanings[key, default: []] += facts
    }
}
