import GatewayCore

/// A rule's name for tables and functions: `orders`, `public.orders`, `audit.*`, with `*` for any run of characters.
/// ASCII case does not count.
package struct TablePattern: Sendable, Hashable {
    package let text: String
    private let schema: NamePattern?
    private let name: NamePattern

    /// Nil when `text` is not one or two non-empty parts.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts.contains(where: \.isEmpty) else { return nil }
        self.text = text
        name = NamePattern(String(parts[parts.count - 1]))
        schema = parts.count == 2 ? NamePattern(String(parts[0])) : nil
    }

    /// A relation named without a schema may lie in any schema of `path`, in any at all when that is not known.
    func matches(_ relation: RelationName, path: SearchPath) -> Bool {
        name.matches(relation.name) && (schema.map { path.mayHold(relation, $0) } ?? true)
    }
}
