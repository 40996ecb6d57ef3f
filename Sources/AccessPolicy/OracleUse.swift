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

    /// In words, for refusals and for whoever is asked.
    package var message: String {
        "The command filters, joins, orders or sums up by masked columns (\(columns.prefix(8).joined(separator: ", "))), "
            + "which tells of their values."
    }
}
