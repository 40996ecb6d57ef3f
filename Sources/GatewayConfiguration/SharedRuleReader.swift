import AccessPolicy
import Yams

/// Reads the shared `policy:` and gives each of its rules to the connections that it names, before their own.
struct SharedRuleReader {
    /// Issuers that may be named.
    let issuers: Set<String>

    func apply(_ value: Value?, to connections: inout [ConnectionConfiguration]) {
        let rules = PolicyReader.sharedRules(value, issuers: issuers)
        var shared: [[GuardRule]] = Array(repeating: [], count: connections.count)
        for (rule, section) in rules {
            guard
                let place = section.required(
                    "connections", "write connections: [name, ...] or {labels: {env: prod}}; \"*\" means all"),
                let scope = scope(place, connections)
            else { continue }
            let chosen = connections.indices.filter { scope.holds(connections[$0]) }
            if chosen.isEmpty, !connections.isEmpty {
                place.problem(
                    "no connection is meant, so the rule could never apply",
                    fix: "name connections of this file, or labels that one of them has")
            }
            for index in chosen {
                if let unfit = ConditionScope.unfit(rule.when, for: connections[index].kind) {
                    section["when"]?.problem(
                        "`\(unfit)` says nothing about connection \(connections[index].name) of kind "
                            + "\(connections[index].kind), so the rule could never apply there",
                        fix: "name only connections that the rule is about")
                }
                if connections[index].guards.contains(where: { $0.name == rule.name }) {
                    section["name"]?.problem(
                        "connection \(connections[index].name) has a guard named `\(rule.name)` of its own",
                        fix: "give each its own name")
                }
                shared[index].append(rule)
            }
        }
        for index in connections.indices { connections[index].guards = shared[index] + connections[index].guards }
    }

    /// Which connections a rule is for: by name, by labels, or both.
    private struct Scope {
        /// Nil: any.
        var names: Set<String>?
        /// All must be there, each with one of its values.
        var labels: [String: Set<String>] = [:]

        func holds(_ connection: ConnectionConfiguration) -> Bool {
            (names.map { $0.contains("*") || $0.contains(connection.name) } ?? true)
                && labels.allSatisfy { label, values in
                    connection.labels[label].map { values.contains("*") || values.contains($0) } ?? false
                }
        }
    }

    private func scope(_ value: Value, _ connections: [ConnectionConfiguration]) -> Scope? {
        guard value.node.mapping != nil else { return names(value, connections).map { Scope(names: $0) } }
        guard let section = value.section(["names", "labels"]) else { return nil }
        if section["names"] == nil, section["labels"] == nil {
            value.problem("neither names nor labels are given", fix: "write {labels: {env: prod}}")
            return nil
        }
        var scope = Scope()
        if let list = section["names"] {
            guard let names = names(list, connections) else { return nil }
            scope.names = names
        }
        if let labels = section["labels"] {
            guard let read = self.labels(labels, connections) else { return nil }
            scope.labels = read
        }
        return scope
    }

    private func names(_ value: Value, _ connections: [ConnectionConfiguration]) -> Set<String>? {
        let known = connections.map(\.name)
        let before = value.log.problems.count
        let elements = value.list()
        for element in elements {
            guard let name = element.text(), name != "*", !known.contains(name) else { continue }
            element.problem(
                "there is no connection `\(name.prefix(60))`", fix: element.suggestion(name, known.sorted()))
        }
        return value.log.problems.count == before ? Set(elements.compactMap(\.rawText)) : nil
    }

    private func labels(_ value: Value, _ connections: [ConnectionConfiguration]) -> [String: Set<String>]? {
        let known = Set(connections.flatMap(\.labels.keys))
        let before = value.log.problems.count
        guard let section = value.section(known) else { return nil }
        var labels: [String: Set<String>] = [:]
        for name in known {
            if let values = section[name] { labels[name] = Set(values.texts()) }
        }
        if labels.isEmpty, value.log.problems.count == before {
            value.problem("there is no label", fix: "write {env: prod}")
        }
        return value.log.problems.count == before ? labels : nil
    }
}
