package import GatewayCore

/// A rule's name for tables: `orders`, `public.orders`, `audit.*`, with `*` for any run of characters. ASCII case does
/// not count.
package struct TablePattern: Sendable, Hashable {
    package let text: String
    private let schema: [UInt8]?
    private let name: [UInt8]

    /// Nil when `text` is not one or two non-empty parts.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts.contains(where: \.isEmpty) else { return nil }
        self.text = text
        name = Array(parts[parts.count - 1].utf8)
        schema = parts.count == 2 ? Array(parts[0].utf8) : nil
    }

    /// A relation named without a schema may lie in any.
    package func matches(_ relation: RelationName) -> Bool {
        Self.glob(name, relation.name)
            && (relation.schema.isEmpty || schema.map { Self.glob($0, relation.schema) } ?? true)
    }

    private static func glob(_ pattern: [UInt8], _ text: String) -> Bool {
        let text = Array(text.utf8)
        var index = 0
        var at = 0
        var retry: (pattern: Int, text: Int)?
        while at < text.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                retry = (index + 1, at)
                index += 1
            } else if index < pattern.count, folded(pattern[index]) == folded(text[at]) {
                index += 1
                at += 1
            } else if let (after, start) = retry {
                retry = (after, start + 1)
                index = after
                at = start + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    private static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
