import GatewayCore

/// Walks the parser's tree of one text and gathers the facts of its statements and the uses of its literals.
///
/// Recursive: it runs on the analyser's own threads only, whose stacks are made for trees as deep as the token limit lets them be.
struct FactsReader {
    enum Role {
        case read
        case write
    }

    let tree: ParseTree
    let text: UnsafeRawBufferPointer
    let scan: TokenizedText
    var facts = StatementFacts(.empty, verb: "", range: 0..<0)
    /// What RangeVars met in passing count as.
    var role = Role.read
    /// Names of the common table expressions in sight, innermost last.
    var scopes: [Set<String>] = []
    var selectDepth = 0
    /// The setting that the SELECT at hand is restricted to, when it reads nothing but `pg_settings`.
    var chosenSetting: String?
    var trail = LiteralTrail()
    /// Numbers of the literals that are programs in themselves (DO, CREATE FUNCTION): what is in them cannot be told.
    var opaqueLiterals: Set<Int> = []

    init(tree: ParseTree, text: UnsafeRawBufferPointer, scan: TokenizedText) {
        self.tree = tree
        self.text = text
        self.scan = scan
        trail.uses = Array(repeating: LiteralUses.Context(), count: scan.literalTokens.count)
    }

    mutating func statements() -> [StatementFacts]? {
        guard let list = tree.child(ParseTree.root, "stmts") else { return [] }
        var result: [StatementFacts] = []
        var current = tree.first(list)
        while let raw = current {
            if let wrapper = tree.child(raw, "stmt"), let node = tree.unwrapped(wrapper) {
                let location = tree.integer(raw, "stmt_location")
                let length = tree.integer(raw, "stmt_len")
                guard location >= 0, location <= text.count, length >= 0, length <= text.count - location else {
                    return nil
                }
                let bytes = location..<(length > 0 ? location + length : text.count)
                let tokens = scan.tokens(in: bytes)
                let range = tokens.first.flatMap { first in
                    tokens.last.map { first.range.lowerBound..<$0.range.upperBound }
                }
                result.append(statement(node, tokens: tokens, range: range ?? location..<location))
            }
            current = tree.next(raw, of: list)
        }
        return result
    }

    /// Facts of one statement, on its own.
    mutating func statement(_ node: Int, tokens: ArraySlice<SQLToken>, range: Range<Int>) -> StatementFacts {
        let outer = facts
        let outerRole = role
        let kind = String(tree.key(node))
        let (statementClass, verb) = StatementKinds.of(kind)
        facts = StatementFacts(statementClass, verb: verb ?? VerbReader(text: text).verb(of: tokens), range: range)
        if kind == "DoStmt" || kind == "CreateFunctionStmt" {
            for token in tokens.indices where tokens[token].kind == .string {
                if let literal = scan.number(ofLiteralToken: token) { opaqueLiterals.insert(literal) }
            }
        }
        content(kind, node, tokens: tokens)
        let attributes = AttributeCalls(tree: tree, in: node)
        facts.rowAttributes = attributes.names
        facts.functions += attributes.functions
        effects(kind, node, attributes)
        facts.readsWithoutLimit = RowBound(tree: tree).isMissing(in: node)
        var joins = JoinCount(tree: tree)
        facts.joinedRelations = joins.count(node)
        if !facts.hasStar { facts.hasStar = WholeRows(tree: tree).isReferred(in: node) }
        if kind == "SelectStmt", !facts.hasStar { facts.outputs = TargetReader(tree: tree).outputs(of: node) }
        facts.probes = probes(of: node)
        facts.removeDuplicates()
        let result = facts
        facts = outer
        role = outerRole
        return result
    }

    /// With the columns behind output names that are asked by.
    private func probes(of node: Int) -> [String] {
        var names = ProbeReader.columns(tree: tree, in: node)
        var seen = Set(names)
        var index = 0
        while index < names.count {
            if trail.renamed.contains(names[index]), seen.insert("*").inserted { names.append("*") }
            for name in trail.aliases[names[index], default: []].sorted() where seen.insert(name).inserted {
                names.append(name)
            }
            index += 1
        }
        return names
    }

    /// What its calls and settings do beside what its own words say.
    private mutating func effects(_ kind: String, _ node: Int, _ attributes: AttributeCalls) {
        facts.classes.formUnion(StatementKinds.effects(of: kind))
        if facts.settings.contains(where: SettingEffects.isRisky) { facts.classes.insert(.riskySetting) }
        guard !EffectReader.isDefinition(kind) else { return }
        var reader = EffectReader(tree: tree)
        reader.read(node, attributes)
        facts.classes.formUnion(
            // Planning may call functions, but it locks no row.
            kind == "ExplainStmt" && facts.verb == "EXPLAIN" ? reader.classes.subtracting([.lock]) : reader.classes)
        facts.unknownCalls = reader.unknownCalls
        facts.leansOnPath = reader.leansOnPath
        if facts.settings.contains(where: SettingEffects.hidesBuiltIns) {
            facts.classes.insert(.unknownEffect)
            facts.unknownCalls.append("a search_path that may hide the server's own functions")
        }
    }

    /// A statement inside another: its class and content count as the outer one's.
    mutating func nested(_ node: Int) {
        let kind = String(tree.key(node))
        let outerRole = role
        facts.classes.insert(StatementKinds.of(kind).statementClass)
        content(kind, node, tokens: [])
        role = outerRole
    }

    mutating func content(_ kind: String, _ node: Int, tokens: ArraySlice<SQLToken>) {
        role = .read
        switch kind {
        case "SelectStmt": select(node, insert: nil)
        case "InsertStmt": insert(node)
        case "UpdateStmt": update(node)
        case "DeleteStmt": delete(node)
        case "MergeStmt": merge(node)
        case "CopyStmt": copy(node, tokens: tokens)
        case "ExplainStmt": explain(node)
        case "PrepareStmt", "DeclareCursorStmt": carrier(kind, node, tokens: tokens)
        case "ExecuteStmt", "DeallocateStmt", "FetchStmt", "ClosePortalStmt", "DiscardStmt": names(kind, node)
        case "VariableSetStmt": setting(node, stored: false)
        case "AlterSystemStmt", "AlterDatabaseSetStmt", "AlterRoleSetStmt": storedSetting(kind, node)
        case "TransactionStmt", "ConstraintsSetStmt": transaction(kind, node)
        case "CallStmt": call(node)
        case "DoStmt": block(node)
        case "CreateTableAsStmt":
            if tree.string(node, "objtype") == "OBJECT_MATVIEW" { facts.verb = "CREATE MATERIALIZED VIEW" }
            role = .write
            walkChildren(node)
        case "LockStmt":
            // ACCESS SHARE is what any SELECT takes; pg_dump asks for it by name.
            if tree.integer(node, "mode") == 1 {
                facts.classes = [.session]
                facts.statementClass = .session
            } else {
                facts.classes.insert(.lock)
                role = .write
            }
            walkChildren(node)
        case "TruncateStmt":
            facts.hasWriteWithoutWhere = true
            role = .write
            walkChildren(node)
        case "DropOwnedStmt":
            facts.classes.insert(.ddl)
            walkChildren(node)
        default:
            role = .write
            objects(node)
            walkChildren(node)
        }
    }

    // MARK: The walk

    mutating func walkChildren(_ node: Int) {
        var current = tree.first(node)
        while let child = current {
            walk(child)
            current = tree.next(child, of: node)
        }
    }

    mutating func walk(_ node: Int?) {
        guard let node, tree.isContainer(node) else { return }
        guard tree.hasTypeKey(node) else {
            if tree.child(node, "relname") != nil {
                let outer = role
                if tree.key(node, is: "pktable") { role = .read }
                relation(node)
                role = outer
            } else {
                walkChildren(node)
            }
            return
        }
        if tree.key(node, is: "ColumnRef") { return column(node) }
        if tree.key(node, is: "A_Const") { return constant(node) }
        if tree.key(node, is: "A_Expr") { return compare(node) }
        if tree.key(node, is: "FuncCall") { return function(node) }
        if tree.key(node, is: "RangeVar") { return relation(node) }
        if tree.key(node, is: "ParamRef") {
            return trail.meet(scan.literal(at: tree.integer(node, "location"), in: text))
        }
        if tree.key(node, is: "ResTarget") { return target(node) }
        if tree.key(node, is: "SubLink") { return sublink(node) }
        if tree.key(node, is: "RangeSubselect") { return subselect(node) }
        if tree.key(node, is: "ColumnDef") || tree.key(node, is: "NamedArgExpr") { return named(node) }
        if tree.key(node, is: "CaseExpr") || tree.key(node, is: "CoalesceExpr") || tree.key(node, is: "MinMaxExpr")
            || tree.key(node, is: "XmlExpr") || tree.key(node, is: "A_Indirection")
        {
            return mixed(node)
        }
        if tree.key(node, is: "JoinExpr") { return join(node) }
        if tree.key(node, is: "LockingClause") { return }
        if tree.isStatement(node) { return nested(node) }
        walkChildren(node)
    }

    private mutating func column(_ node: Int) {
        guard let fields = tree.child(node, "fields") else { return }
        var last: Int?
        var current = tree.first(fields)
        while let field = current {
            last = field
            current = tree.next(field, of: fields)
        }
        guard let last, let typed = tree.unwrapped(last) else { return }
        if tree.key(typed, is: "A_Star") {
            facts.hasStar = true
        } else if let name = tree.string(typed, "sval") {
            facts.columns.append(name)
            trail.columns.append(name)
        }
    }

    private mutating func constant(_ node: Int) {
        guard tree.child(node, "isnull") == nil, tree.child(node, "boolval") == nil else { return }
        trail.meet(scan.literal(at: tree.integer(node, "location"), in: text))
    }

    /// Every operator relates what stands on its sides, whatever it is called.
    private mutating func compare(_ node: Int) {
        let start = trail.mark
        walk(tree.child(node, "lexpr"))
        let middle = trail.mark
        walk(tree.child(node, "rexpr"))
        let end = trail.mark
        trail.relate(literals: start.literals..<middle.literals, columns: middle.columns..<end.columns)
        trail.relate(literals: middle.literals..<end.literals, columns: start.columns..<middle.columns)
    }

    /// USING names columns without a reference to them, NATURAL does not even name them.
    private mutating func join(_ node: Int) {
        if tree.bool(node, "isNatural") { facts.joinsNaturally = true }
        if let names = tree.child(node, "usingClause") { facts.columns += tree.strings(names) }
        walkChildren(node)
    }

    /// All literals below belong to all columns below: arguments of a function, branches of a CASE.
    mutating func mixed(_ node: Int) {
        let start = trail.mark
        walkChildren(node)
        trail.relate(from: start)
    }

    private mutating func named(_ node: Int) {
        let start = trail.mark
        walkChildren(node)
        guard let name = tree.string(node, "colname") ?? tree.string(node, "name") else { return }
        trail.relate(literals: start.literals..<trail.mark.literals, to: name)
    }

    private mutating func target(_ node: Int) {
        let start = trail.mark
        walk(tree.child(node, "val"))
        if let alias = tree.string(node, "name") { trail.alias(alias, from: start) }
    }

    private mutating func sublink(_ node: Int) {
        let start = trail.mark
        walkChildren(node)
        if tree.child(node, "testexpr") != nil { trail.relate(from: start) }
    }

    private mutating func subselect(_ node: Int) {
        let start = trail.mark
        walk(tree.child(node, "subquery"))
        if let alias = tree.child(node, "alias"), let names = tree.child(alias, "colnames") {
            for name in tree.strings(names) { trail.alias(name, from: start) }
        }
    }

    // MARK: Relations

    mutating func relation(_ node: Int) {
        guard let name = relationName(node) else { return }
        if let alias = tree.child(node, "alias"), let names = tree.child(alias, "colnames") {
            for name in tree.strings(names) { trail.renamed.insert(name) }
        }
        switch role {
        case .write:
            facts.writes.append(name)
        case .read:
            if name.schema.isEmpty, scopes.contains(where: { $0.contains(name.name) }) { return }
            facts.reads.append(name)
        }
    }

    func relationName(_ node: Int) -> RelationName? {
        guard let name = tree.string(node, "relname") else { return nil }
        return RelationName(schema: tree.string(node, "schemaname") ?? "", name: name)
    }
}

extension ParseTree {
    /// Statement nodes, and none of the parts whose names end alike.
    func isStatement(_ node: Int) -> Bool { key(node).hasSuffix("Stmt") && !key(node, is: "ReplicaIdentityStmt") }

    /// Strings of a list `[{"String": {"sval": …}}, …]`.
    func strings(_ list: Int) -> [String] {
        var result: [String] = []
        var current = first(list)
        while let item = current {
            if let typed = unwrapped(item), let value = string(typed, "sval") { result.append(value) }
            current = next(item, of: list)
        }
        return result
    }

    /// Children of `node`'s list called `name`, unwrapped.
    func items(_ node: Int, _ name: StaticString) -> [Int] {
        guard let list = child(node, name) else { return [] }
        return items(list)
    }

    func items(_ list: Int) -> [Int] {
        var result: [Int] = []
        var current = first(list)
        while let item = current {
            if let typed = unwrapped(item) { result.append(typed) }
            current = next(item, of: list)
        }
        return result
    }
}

extension StatementFacts {
    /// Keeps the first of each name.
    mutating func removeDuplicates() {
        reads = reads.unique
        writes = writes.unique
        objects = objects.unique
        schemas = schemas.unique
        functions = functions.unique
        columns = columns.unique
        rowAttributes = rowAttributes.unique
        writtenColumns = writtenColumns.unique
        probes = probes.unique
    }
}

extension Array where Element: Hashable {
    fileprivate var unique: [Element] {
        guard count > 1 else { return self }
        var seen = Set<Element>()
        return filter { seen.insert($0).inserted }
    }
}
