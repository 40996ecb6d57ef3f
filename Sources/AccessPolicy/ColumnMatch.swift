import GatewayCore

/// A guard's name for columns: `column`, `table.column`, `schema.table.column`, with `*` for any run of characters.
struct ColumnMatch: Sendable, Hashable {
    let text: String
    private let table: TablePattern?
    private let column: NamePattern

    /// Nil when `text` is not one to three non-empty parts.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count), !parts.contains(where: \.isEmpty) else { return nil }
        self.text = text
        column = NamePattern(String(parts[parts.count - 1]))
        if parts.count == 1 {
            table = nil
        } else {
            guard let pattern = TablePattern(parts.dropLast().joined(separator: ".")) else { return nil }
            table = pattern
        }
    }

    /// Whether one of `columns`, or with `anyColumn` any at all, may be the column of a table that the command names: a
    /// text does not tell which table a column is of.
    func matches(_ columns: [String], anyColumn: Bool, of subject: CommandSubject) -> Bool {
        guard anyColumn || columns.contains(where: column.matches) else { return false }
        guard let table else { return true }
        return subject.writes.contains { table.matches($0, path: subject.searchPath) }
            || subject.reads.contains { table.matches($0, path: subject.searchPath) }
    }
}
