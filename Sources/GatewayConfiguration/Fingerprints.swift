import Yams

/// What a file says outside of its policy, by key, so that a reload can tell what it would take a restart for. Compared
/// within one process only, never shown.
package struct Fingerprints: Sendable, Hashable {
    /// Parts that a reload takes over.
    private static let reloaded: Set<String> = ["policy", "detectors", "connections"]
    private static let reloadedOfConnection: Set<String> = [
        "guard", "mask", "binary", "not_understood", "read_only", "labels", "access", "opa",
    ]

    private var parts: [String: Int] = [:]

    init() {}

    init(_ root: Node) {
        for (key, node) in root.mapping ?? [:] {
            guard let name = key.scalar?.string, !Self.reloaded.contains(name) else { continue }
            parts[name] = node.hashValue
        }
        for connection in root.mapping?["connections"]?.sequence ?? [] {
            guard let mapping = connection.mapping, let name = mapping["name"]?.scalar?.string else { continue }
            parts["connections.\(name)"] = 0
            for (key, node) in mapping {
                guard let key = key.scalar?.string, !Self.reloadedOfConnection.contains(key) else { continue }
                parts["connections.\(name).\(key)"] = node.hashValue
            }
        }
    }

    /// Keys that say something else in `other`, sorted; of a connection that is in one of them only, its name.
    package func differences(from other: Fingerprints) -> [String] {
        let keys = Set(parts.keys).union(other.parts.keys).filter { parts[$0] != other.parts[$0] }
        return keys.filter { key in
            let steps = key.split(separator: ".", omittingEmptySubsequences: false)
            return steps.count < 3 || !keys.contains(steps.dropLast().joined(separator: "."))
        }.sorted()
    }
}
