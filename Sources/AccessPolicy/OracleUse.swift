package import GatewayCore

/// A command that chooses, joins, orders or sums up by masked columns: its answer tells of values that it does not show.
package struct OracleUse: Sendable, Hashable {
    /// What the masks' rules say: block, hold, or allow, which only notes it.
    package var then: VerdictKind
    package var columns: [String]

    package init(then: VerdictKind, columns: [String]) {
        self.then = then
        self.columns = columns
    }

    /// What both say: the stricter one's verdict, the columns of both.
    package static func both(_ one: OracleUse?, _ other: OracleUse?) -> OracleUse? {
        guard let one, let other else { return one ?? other }
        return OracleUse(
            then: max(one.then, other.then),
            columns: one.columns + other.columns.filter { !one.columns.contains($0) })
    }

    /// In words, for refusals and for whoever is asked.
    package var message: String {
        "The command filters, joins, orders or sums up by masked columns (\(columns.prefix(8).joined(separator: ", "))), "
            + "which tells of their values."
    }
}

/// What a statement asks of relations that the target's catalogue must tell of before it can be said whether it asks about
/// masked columns: views, for one, have names of their own for them.
package struct OracleQuestion: Sendable, Hashable {
    /// Columns by which the statement chooses, joins, orders or sums up; `*` for any.
    package var columns: [String]
    package var relations: [RelationName]
    /// Where relations without a schema lie, as the server reported it.
    package var searchPath: String?

    package init(columns: [String], relations: [RelationName], searchPath: String?) {
        self.columns = columns
        self.relations = relations
        self.searchPath = searchPath
    }
}
