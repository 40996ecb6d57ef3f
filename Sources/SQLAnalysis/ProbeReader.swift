/// Finds the columns by which a statement chooses, joins, groups, orders or sums up: its answer tells of their values though
/// it does not show them.
///
/// Flat passes over the nodes, so that no place of the grammar is missed; a column too many is the safe mistake.
struct ProbeReader {
    let tree: ParseTree
    /// Names of relations and their aliases: a reference to one of them is to a whole row.
    private var relations: Set<String> = []
    private var columns: [String] = []
    /// Everything before this node's place was collected with what it stands in: each node is collected once in the pass.
    private var covered = 0
    /// Outputs that were collected out of their turn.
    private var outputs: Set<Int> = []

    init(tree: ParseTree) { self.tree = tree }

    /// Last names of the columns, folded; `*` for those that are not named.
    static func columns(tree: ParseTree, in node: Int) -> [String] {
        var reader = ProbeReader(tree: tree)
        reader.read(node)
        return reader.columns
    }

    private mutating func read(_ node: Int) {
        for index in node..<tree.end(node) where tree.key(index, is: "relname") || tree.key(index, is: "aliasname") {
            if let name = tree.string(index) { relations.insert(name) }
        }
        for index in node..<tree.end(node) {
            if tree.key(index, is: "isNatural") {
                columns.append("*")
            } else if tree.key(index, is: "usingClause") {
                columns += tree.strings(index)
            } else if index < covered {
                continue
            } else if Self.conditions.contains(where: { tree.key(index, is: $0) }) {
                collect(index)
            } else if tree.key(index, is: "FuncCall"), isAggregate(index) {
                collect(index)
            } else if tree.key(index, is: "SelectStmt") || tree.key(index, is: "larg") || tree.key(index, is: "rarg") {
                select(index)
            }
        }
    }

    private static let conditions: [StaticString] = [
        "whereClause", "havingClause", "quals", "joinCondition", "condition", "groupClause", "sortClause",
        "distinctClause", "windowClause", "partitionClause", "orderClause", "agg_order", "agg_filter", "limitCount",
        "limitOffset", "CaseExpr",
    ]

    /// Outputs that are ordered or grouped by their place or name, made distinct, or compared with another SELECT's.
    private mutating func select(_ node: Int) {
        let isSet = tree.string(node, "op").map { $0 != "SETOP_NONE" } ?? false
        if isSet, !tree.bool(node, "all") { return collect(node) }
        let places = tree.items(node, "groupClause") + tree.items(node, "sortClause")
        let distinct = tree.child(node, "distinctClause")
        guard !places.isEmpty || distinct != nil else { return }
        let targets = tree.items(node, "targetList")
        if let distinct, tree.items(distinct).isEmpty { targets.forEach { output($0) } }
        var named: [String: [Int]] = [:]
        for target in targets { if let name = tree.string(target, "name") { named[name, default: []].append(target) } }
        for place in places {
            let value = tree.key(place, is: "SortBy") ? tree.child(place, "node").flatMap(tree.unwrapped) : place
            guard let value else { continue }
            if tree.key(value, is: "A_Const"), let number = tree.child(value, "ival") {
                let index = tree.integer(number, "ival") - 1
                // The outputs of a UNION are those of its parts.
                if targets.indices.contains(index) { output(targets[index]) } else { return collect(node) }
            } else if tree.key(value, is: "ColumnRef"), let fields = tree.child(value, "fields"),
                let name = tree.strings(fields).last
            {
                named.removeValue(forKey: name)?.forEach { output($0) }
            }
        }
    }

    private mutating func output(_ target: Int) {
        guard outputs.insert(target).inserted else { return }
        let before = covered
        collect(target)
        covered = before
    }

    private mutating func collect(_ node: Int) {
        covered = max(covered, tree.end(node))
        for index in node..<tree.end(node) where tree.key(index, is: "ColumnRef") {
            guard let fields = tree.child(index, "fields") else { continue }
            let names = tree.strings(fields)
            if names.count < tree.items(fields).count || names.count == 1 && relations.contains(names[0]) {
                columns.append("*")
            }
            if let last = names.last { columns.append(last) }
        }
    }

    private func isAggregate(_ call: Int) -> Bool {
        if tree.child(call, "over") != nil { return true }
        guard let list = tree.child(call, "funcname"), let name = tree.strings(list).last else { return false }
        return Self.aggregates.contains(name)
    }

    private static let aggregates = Set(
        """
        any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or count corr covar_pop covar_samp every json_agg
        json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc range_agg
        range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
        stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance xmlagg
        """.split { $0 == " " || $0 == "\n" }.map(String.init))
}
