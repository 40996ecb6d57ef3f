/// Whether the condition of an UPDATE, DELETE or MERGE can leave rows out. Not exact: it knows conditions that look at no
/// column, `x = x`, and what AND, OR and NOT make of them.
struct Restriction {
    let tree: ParseTree

    func holdsBack(_ node: Int) -> Bool {
        if tree.key(node, is: "BoolExpr") {
            let parts = tree.items(node, "args")
            switch tree.string(node, "boolop") {
            case "AND_EXPR": return parts.contains(where: holdsBack)
            case "OR_EXPR": return parts.allSatisfy(holdsBack)
            default: return looksAtRows(node)
            }
        }
        if tree.key(node, is: "A_Expr"), comparesWithItself(node) { return false }
        return looksAtRows(node)
    }

    private func looksAtRows(_ node: Int) -> Bool {
        (node..<tree.end(node)).contains { tree.key($0, is: "ColumnRef") || tree.key($0, is: "CurrentOfExpr") }
    }

    private func comparesWithItself(_ node: Int) -> Bool {
        guard let names = tree.child(node, "name"), [["="], ["<="], [">="]].contains(tree.strings(names)),
            let left = tree.child(node, "lexpr").flatMap(tree.unwrapped), tree.key(left, is: "ColumnRef"),
            let right = tree.child(node, "rexpr").flatMap(tree.unwrapped), tree.key(right, is: "ColumnRef"),
            let one = tree.child(left, "fields"), let other = tree.child(right, "fields")
        else { return false }
        return tree.strings(one) == tree.strings(other)
    }
}
