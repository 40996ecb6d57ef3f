/// How many rows the target thinks a command is about, asked before the verdict.
package enum RowEstimate: Sendable, Hashable {
    case rows(Int)
    /// It could not be had, and why, in words: counts as over every limit.
    case unknown(String)

    package var rows: Int? { if case .rows(let rows) = self { rows } else { nil } }
}
