import GatewayCore

/// The schemas that names without one may lie in.
package struct SearchPath: Sendable, Hashable {
    /// Nil: not known.
    package let schemas: [String]?

    package init(schemas: [String]?) { self.schemas = schemas }

    /// As PostgreSQL writes it, e.g. `"$user", public`; not known when it cannot be read.
    ///
    /// - Parameter user: the role that `$user` stands for.
    package init(_ text: String, user: String) {
        schemas = Self.read(Array(text.utf8)).map { $0.map { $0 == "$user" ? user : $0 } }
    }

    package static let unknown = SearchPath(schemas: nil)

    /// Whether the relation may lie in a schema that `pattern` fits. The server's own catalogue is on every path, and all
    /// names in it begin with `pg_`.
    func mayHold(_ relation: RelationName, _ pattern: NamePattern) -> Bool {
        guard relation.schema.isEmpty else { return pattern.matches(relation.schema) }
        guard let schemas else { return true }
        if relation.name.hasPrefix("pg_"), pattern.matches("pg_catalog") { return true }
        return schemas.contains(where: pattern.matches)
    }

    /// Names parted by commas, in double quotes where they are not plain (`SplitIdentifierString` of PostgreSQL).
    private static func read(_ text: [UInt8]) -> [String]? {
        var names: [String] = []
        var index = 0
        func skipSpace() { while index < text.count, text[index] <= 0x20 { index += 1 } }
        skipSpace()
        if index == text.count { return [] }
        while true {
            var name: [UInt8] = []
            if text[index] == UInt8(ascii: "\"") {
                index += 1
                while true {
                    guard index < text.count else { return nil }
                    if text[index] == UInt8(ascii: "\"") {
                        index += 1
                        guard index < text.count, text[index] == UInt8(ascii: "\"") else { break }
                    }
                    name.append(text[index])
                    index += 1
                }
            } else {
                while index < text.count, text[index] != UInt8(ascii: ","), text[index] > 0x20 {
                    name.append(text[index] &- 0x41 < 26 ? text[index] | 0x20 : text[index])
                    index += 1
                }
            }
            guard !name.isEmpty else { return nil }
            names.append(String(decoding: name, as: UTF8.self))
            skipSpace()
            if index == text.count { return names }
            guard text[index] == UInt8(ascii: ",") else { return nil }
            index += 1
            skipSpace()
            guard index < text.count else { return nil }
        }
    }
}
