import GatewayCore

/// A mask rule's name for columns: `ssn`, `customers.ssn`, `public.customers.ssn`, `*.ssn`, with `*` for any run of
/// characters in a part.
///
/// Compared without regard to ASCII case: a mask written `Customers.SSN` must not miss the column the server calls
/// `customers.ssn`.
package struct ColumnPattern: Sendable, Hashable {
    package let text: String
    /// Schema, table and column; nil where the pattern leaves it open.
    private let schema: Glob?
    private let table: Glob?
    private let column: Glob

    /// Nil when `text` is not one to three non-empty parts.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), !parts.contains(where: \.isEmpty) else { return nil }
        self.text = text
        column = Glob(parts[parts.count - 1])
        table = parts.count > 1 ? Glob(parts[parts.count - 2]) : nil
        schema = parts.count > 2 ? Glob(parts[0]) : nil
    }

    /// Whether the base column `schema.table.column` is meant; an unknown schema or table (empty) may be the one meant.
    package func matches(schema: String, table: String, column: String) -> Bool {
        self.column.matches(column) && mayCover(schema: schema, table: table)
    }

    /// Whether a column of this table may be meant.
    package func mayCover(schema: String, table: String) -> Bool {
        (self.table.map { table.isEmpty || $0.matches(table) } ?? true)
            && (self.schema.map { schema.isEmpty || $0.matches(schema) } ?? true)
    }

    /// Whether an output column of this name is meant whatever it comes from: only patterns that name no table say so.
    package func matches(outputName: String) -> Bool {
        (table?.matchesAll ?? true) && (schema?.matchesAll ?? true) && column.matches(outputName)
    }

    /// Whether a column called `name`, of a table not known, may be meant.
    package func mayCover(columnNamed name: String) -> Bool { column.matches(name) }
}
