/// Finds calls that are written like columns: PostgreSQL takes `c.f` and `(x).f` for `f(c)` and `f(x)` when there is no
/// column `f`.
///
/// One flat pass over the statement's nodes, so that no place of the grammar is missed. Which names are columns cannot be
/// told without the schema.
struct AttributeCalls {
    /// Names behind a row: columns, or functions called with it.
    private(set) var names: [String] = []
    /// Those that certainly are functions, or are none that a column would be called.
    private(set) var functions: [String] = []
    /// Those of them that stand behind a value without columns: no column could be meant.
    private(set) var certain: [String] = []

    init(tree: ParseTree, in node: Int) {
        /// Names by which the text calls relations; those of subqueries give their columns themselves.
        var relations: Set<String> = []
        var qualified: [(qualifier: String, name: String)] = []
        for index in node..<tree.end(node) {
            if tree.key(index, is: "ColumnRef") {
                let fields = tree.child(index, "fields").map(tree.strings) ?? []
                guard fields.count > 1, let name = fields.last else { continue }
                qualified.append((fields[fields.count - 2], name))
                if Self.isServers(name) { functions.append(name) }
            } else if tree.key(index, is: "A_Indirection") {
                let fields = tree.child(index, "indirection").map(tree.strings) ?? []
                names += fields
                let isScalar = tree.child(index, "arg").flatMap(tree.unwrapped).map { Self.isScalar($0, tree) } ?? false
                functions += isScalar ? fields : fields.filter(Self.isServers)
                if isScalar { certain += fields }
            } else if tree.child(index, "relname") != nil {
                if let name = tree.string(index, "relname") { relations.insert(name) }
                if let name = tree.child(index, "alias").flatMap({ tree.string($0, "aliasname") }) {
                    relations.insert(name)
                }
            }
        }
        names += qualified.filter { relations.contains($0.qualifier) }.map(\.name)
    }

    /// An argument without columns.
    private static func isScalar(_ node: Int, _ tree: ParseTree) -> Bool {
        ["A_Const", "TypeCast", "A_Expr", "BoolExpr", "NullTest", "BooleanTest", "A_ArrayExpr", "SQLValueFunction"]
            .contains(String(tree.key(node)))
    }

    /// Functions of the server that do more than compute, with one argument.
    private static func isServers(_ name: String) -> Bool {
        ["pg_", "lo_", "ts_", "txid_", "dblink"].contains(where: name.hasPrefix)
            || ["nextval", "currval", "connectby", "crosstab", "loread", "lowrite"].contains(name)
    }
}
