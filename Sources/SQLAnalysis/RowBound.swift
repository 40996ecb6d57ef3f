/// Tells whether the form of a query bounds how many rows it answers with: LIMIT or FETCH FIRST, no FROM, or aggregates
/// without GROUP BY. The bound itself may be any number.
struct RowBound {
    let tree: ParseTree

    /// Whether a statement answers with rows whose number nothing in its text bounds.
    func isMissing(in node: Int) -> Bool {
        if tree.key(node, is: "SelectStmt") {
            return tree.child(node, "intoClause") == nil && !isBounded(node)
        }
        if tree.key(node, is: "PrepareStmt") || tree.key(node, is: "DeclareCursorStmt") {
            return tree.child(node, "query").flatMap(tree.unwrapped).map(isMissing) ?? false
        }
        if tree.key(node, is: "CopyStmt"), !tree.bool(node, "is_from") {
            return tree.child(node, "query").flatMap(tree.unwrapped).map(isMissing) ?? true
        }
        return false
    }

    private func isBounded(_ select: Int) -> Bool {
        if let limit = tree.child(select, "limitCount").flatMap(tree.unwrapped), !isNull(limit) { return true }
        if let left = tree.child(select, "larg"), let right = tree.child(select, "rarg") {
            return isBounded(left) && isBounded(right)
        }
        guard tree.child(select, "fromClause") != nil else { return true }
        return tree.child(select, "groupClause") == nil && isOneRow(select)
    }

    /// LIMIT ALL and LIMIT NULL.
    private func isNull(_ node: Int) -> Bool {
        if tree.key(node, is: "TypeCast") {
            return tree.child(node, "arg").flatMap(tree.unwrapped).map(isNull) ?? false
        }
        return tree.key(node, is: "A_Const") && tree.bool(node, "isnull")
    }

    /// An aggregate of this query's own makes one row of all; those that gather values would put all rows into it.
    private func isOneRow(_ select: Int) -> Bool {
        var hasAggregate = false
        guard let list = tree.child(select, "targetList") else { return false }
        var index = list
        while index < tree.end(list) {
            if tree.key(index, is: "SubLink") {
                index = tree.end(index)
                continue
            }
            if tree.key(index, is: "FuncCall"), let names = tree.child(index, "funcname") {
                let parts = tree.strings(names)
                let isServers = parts.count == 1 || parts.count == 2 && parts[0] == "pg_catalog"
                if let name = parts.last, isServers, tree.child(index, "over") == nil {
                    if Self.gathering.contains(name) { return false }
                    hasAggregate = hasAggregate || Self.aggregates.contains(name)
                }
            }
            index += 1
        }
        return hasAggregate
    }

    private static let aggregates: Set<String> = [
        "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp",
        "every",
        "max", "min", "mode", "percentile_cont", "percentile_disc", "regr_avgx", "regr_avgy", "regr_count",
        "regr_intercept", "regr_r2", "regr_slope", "stddev", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp",
        "variance",
    ]
    private static let gathering: Set<String> = [
        "array_agg", "json_agg", "json_agg_strict", "json_object_agg", "json_object_agg_strict",
        "json_object_agg_unique", "json_object_agg_unique_strict", "jsonb_agg", "jsonb_agg_strict", "jsonb_object_agg",
        "jsonb_object_agg_strict", "jsonb_object_agg_unique", "jsonb_object_agg_unique_strict", "range_agg",
        "string_agg", "xmlagg",
    ]
}
