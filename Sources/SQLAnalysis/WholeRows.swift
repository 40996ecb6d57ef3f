/// Finds references to whole rows: `row_to_json(c)`, `c::text`, `c.to_jsonb`, and columns renamed by `customers AS c(a, b)`.
///
/// One flat pass over the statement's nodes, so that no place of the grammar is missed. Names count at any level: a
/// reference too many only makes more be taken as a star.
struct WholeRows {
    let tree: ParseTree

    /// Whether the statement at `node` may carry columns that its text does not name.
    func isReferred(in node: Int) -> Bool {
        // What PostgreSQL calls the rows of a changing statement itself.
        var relations: Set<String> = ["excluded", "old", "new"]
        var references: Set<String> = []
        // Column names behind a subquery or function rename what is seen in it already.
        var harmless: Set<Int> = []
        for index in node..<tree.end(node) {
            if tree.key(index, is: "ColumnRef") {
                guard let fields = tree.child(index, "fields") else { continue }
                let names = tree.strings(fields)
                guard let last = names.last else { continue }
                if names.count == 1 {
                    references.insert(last)
                } else if Self.rowFunctions.contains(last) {
                    // `c.row_to_json` is `row_to_json(c)`.
                    return true
                }
            } else if tree.key(index, is: "relname") || tree.key(index, is: "aliasname")
                || tree.key(index, is: "ctename")
            {
                if let name = tree.string(index) { relations.insert(name) }
            } else if tree.key(index, is: "RangeSubselect") || tree.key(index, is: "RangeFunction")
                || tree.key(index, is: "RangeTableFunc") || tree.key(index, is: "JsonTable")
            {
                if let alias = tree.child(index, "alias") { harmless.insert(alias) }
            } else if tree.key(index, is: "alias"), tree.isContainer(index), !harmless.contains(index),
                tree.child(index, "colnames") != nil
            {
                return true
            }
        }
        return !relations.isDisjoint(with: references)
    }

    /// The server's own functions of one argument that may be a row, which may also be written behind a dot.
    private static let rowFunctions: Set<String> = [
        "any_value", "array_agg", "concat", "first_value", "json_agg", "json_agg_strict", "json_build_array",
        "jsonb_agg", "jsonb_agg_strict", "jsonb_build_array", "lag", "last_value", "lead", "max", "min",
        "quote_literal",
        "quote_nullable", "record_out", "record_send", "row_to_json", "to_json", "to_jsonb",
    ]
}
