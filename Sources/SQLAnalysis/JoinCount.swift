/// Counts how many relations one query of a statement joins: those of its FROM, of queries in FROM, and of queries in its
/// conditions; a reference to a CTE counts as what the CTE joins. The arms of a UNION count one by one.
///
/// Recursive, for the analyser's own threads.
struct JoinCount {
    let tree: ParseTree
    private var expressions: [[String: Int]] = []
    private static let most = 1_000_000

    init(tree: ParseTree) { self.tree = tree }

    /// Of any statement.
    mutating func count(_ node: Int) -> Int {
        if tree.key(node, is: "SelectStmt") || tree.key(node, is: "larg") || tree.key(node, is: "rarg") {
            return withExpressions(node) { $0.select(node) }
        }
        if tree.key(node, is: "UpdateStmt") || tree.key(node, is: "DeleteStmt") || tree.key(node, is: "MergeStmt") {
            return withExpressions(node) { $0.change(node) }
        }
        if tree.key(node, is: "InsertStmt") { return withExpressions(node) { $0.largest(node) } }
        return largest(node)
    }

    /// The largest of the statements that this one carries.
    private mutating func largest(_ node: Int) -> Int {
        var most = 0
        var current = tree.first(node)
        while let child = current {
            current = tree.next(child, of: node)
            if tree.key(child, is: "withClause") || !tree.isContainer(child) { continue }
            most = max(most, tree.hasTypeKey(child) && tree.isStatement(child) ? count(child) : largest(child))
        }
        return most
    }

    /// A CTE that changes data runs whether it is read or not, so it counts by itself as well.
    private mutating func withExpressions(_ node: Int, _ body: (inout JoinCount) -> Int) -> Int {
        guard let clause = tree.child(node, "withClause") else { return body(&self) }
        var most = 0
        expressions.append([:])
        for expression in tree.items(clause, "ctes") {
            guard let name = tree.string(expression, "ctename"),
                let query = tree.child(expression, "ctequery").flatMap(tree.unwrapped)
            else { continue }
            let found = count(query)
            if !tree.key(query, is: "SelectStmt") { most = max(most, found) }
            expressions[expressions.count - 1][name] = max(1, found)
        }
        most = max(most, body(&self))
        expressions.removeLast()
        return most
    }

    private mutating func select(_ node: Int) -> Int {
        if let left = tree.child(node, "larg"), let right = tree.child(node, "rarg") {
            return max(count(left), count(right))
        }
        return sources(node, "fromClause", "fromClause")
    }

    private mutating func change(_ node: Int) -> Int {
        if tree.key(node, is: "MergeStmt") {
            let source = tree.child(node, "sourceRelation").flatMap(tree.unwrapped).map { self.source($0) } ?? 0
            return add(1 + source, sources(node, "none", "sourceRelation"))
        }
        return add(1, sources(node, tree.key(node, is: "UpdateStmt") ? "fromClause" : "usingClause", "relation"))
    }

    /// What the list `from` joins, and what the queries in all other parts but `skipped` do.
    private mutating func sources(_ node: Int, _ from: StaticString, _ skipped: StaticString) -> Int {
        var sum = 0
        var current = tree.first(node)
        while let child = current {
            current = tree.next(child, of: node)
            if tree.key(child, is: from) {
                for item in tree.items(child) { sum = add(sum, source(item)) }
            } else if !tree.key(child, is: "withClause"), !tree.key(child, is: "intoClause"),
                !tree.key(child, is: skipped)
            {
                sum = add(sum, queries(child))
            }
        }
        return sum
    }

    private mutating func source(_ item: Int) -> Int {
        if tree.key(item, is: "RangeVar") {
            guard tree.child(item, "schemaname") == nil, let name = tree.string(item, "relname") else { return 1 }
            return expressions.reversed().lazy.compactMap { $0[name] }.first ?? 1
        }
        if tree.key(item, is: "JoinExpr") {
            var sum = 0
            for side in ["larg", "rarg"] as [StaticString] {
                if let side = tree.child(item, side).flatMap(tree.unwrapped) { sum = add(sum, source(side)) }
            }
            return add(sum, tree.child(item, "quals").map { queries($0) } ?? 0)
        }
        if tree.key(item, is: "RangeSubselect") { return max(1, queries(item)) }
        if tree.key(item, is: "RangeTableSample") {
            return tree.child(item, "relation").flatMap(tree.unwrapped).map { source($0) } ?? 1
        }
        return add(1, queries(item))
    }

    /// The sum of the queries anywhere below.
    private mutating func queries(_ node: Int) -> Int {
        if tree.hasTypeKey(node), tree.isStatement(node) { return count(node) }
        var sum = 0
        var current = tree.first(node)
        while let child = current {
            current = tree.next(child, of: node)
            if tree.isContainer(child) { sum = add(sum, queries(child)) }
        }
        return sum
    }

    private func add(_ one: Int, _ other: Int) -> Int { min(one + other, Self.most) }
}
