/// What the expression of one output column of a plain SELECT mentions.
package struct TargetColumns: Sendable, Hashable {
    /// Last names of its column references, folded.
    package var columns: [String]
    /// Functions it calls, as in `StatementFacts.functions`.
    package var functions: [String]
    /// It calls an operator or cast that is not known to be the server's own.
    package var callsForeign = false
    /// An operator, function or type in it is the server's own only as long as `pg_catalog` is searched first.
    package var leansOnPath = false
    /// It holds a query of its own, whose columns are not told.
    package var hasSubquery: Bool

    package init(columns: [String] = [], functions: [String] = [], hasSubquery: Bool = false) {
        self.columns = columns
        self.functions = functions
        self.hasSubquery = hasSubquery
    }
}

/// Reads the output columns of a SELECT that names each of them and reads from relations by their own names only, so
/// that a column reference means what it says.
///
/// Flat passes over the nodes: no place of an expression is missed.
struct TargetReader {
    let tree: ParseTree

    /// Nil for set operations, VALUES, WITH, stars, and sources that could rename or compute columns.
    func outputs(of select: Int) -> [TargetColumns]? {
        guard tree.string(select, "op") ?? "SETOP_NONE" == "SETOP_NONE", tree.child(select, "larg") == nil,
            tree.child(select, "withClause") == nil, tree.child(select, "valuesLists") == nil,
            tree.child(select, "intoClause") == nil
        else { return nil }
        var sources = tree.items(select, "fromClause")
        while let source = sources.popLast() {
            if tree.key(source, is: "RangeVar") {
                if let alias = tree.child(source, "alias"), tree.child(alias, "colnames") != nil { return nil }
            } else if tree.key(source, is: "JoinExpr") {
                guard let left = tree.child(source, "larg").flatMap(tree.unwrapped),
                    let right = tree.child(source, "rarg").flatMap(tree.unwrapped),
                    tree.child(source, "alias") == nil
                else { return nil }
                sources += [left, right]
            } else {
                return nil
            }
        }
        var outputs: [TargetColumns] = []
        for item in tree.items(select, "targetList") {
            guard let output = output(item) else { return nil }
            outputs.append(output)
        }
        return outputs
    }

    private func output(_ item: Int) -> TargetColumns? {
        var output = TargetColumns()
        for index in item..<tree.end(item) {
            if tree.key(index, is: "A_Star") { return nil }
            if tree.key(index, is: "SubLink") {
                output.hasSubquery = true
            } else if tree.key(index, is: "ColumnRef") {
                guard let fields = tree.child(index, "fields"), let name = tree.strings(fields).last else { return nil }
                output.columns.append(name)
            } else if tree.key(index, is: "A_Indirection") {
                output.columns += tree.child(index, "indirection").map(tree.strings) ?? []
            } else if tree.key(index, is: "FuncCall") {
                guard let list = tree.child(index, "funcname") else { return nil }
                output.functions.append(functionName(tree.strings(list)))
            }
        }
        var effects = EffectReader(tree: tree)
        effects.readCalls(item)
        output.callsForeign = effects.unknownCalls.contains(where: StatementFacts.isOperatorOrCast)
        output.leansOnPath = effects.leansOnPath
        return output
    }

    /// The grammar itself puts `pg_catalog` before EXTRACT and the like; the bare name means the same.
    func functionName(_ parts: [String]) -> String {
        (parts.count > 1 && parts[0] == "pg_catalog" ? Array(parts.dropFirst()) : parts).joined(separator: ".")
    }
}
