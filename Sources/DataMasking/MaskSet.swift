package import GatewayCore

/// A connection's masks, compiled; immutable and shared by its sessions.
package struct MaskSet: Sendable {
    package let rules: [MaskRule]
    package let key: MaskKey
    /// Every detector of rules that name no columns: for texts outside of columns, such as notices and error details.
    package let scanner: Scanner
    /// The engine of all rules' detectors, with none chosen.
    private let blank: Scanner
    /// What a column gets that may be any of the masked ones.
    private let fallback: ColumnAction?

    package init(rules: [MaskRule] = [], key: MaskKey) {
        self.rules = rules
        self.key = key
        // One engine for all rules; a column's scanner is a choice of its detectors.
        let all = Scanner(rules.flatMap { rule in rule.detect.map { ($0, rule.method) } })
        blank = all.blank
        var everywhere = blank
        for rule in rules where rule.columns.isEmpty {
            for detector in rule.detect { everywhere.add(detector, rule.method) }
        }
        scanner = everywhere
        let whole = rules.filter(\.masksWhole)
        if whole.contains(where: { $0.unknown == .deny }) {
            fallback = .deny
        } else {
            fallback = Self.strictest(whole).map { .mask($0) }
        }
    }

    /// No rule at all: answers need no plan.
    package var isEmpty: Bool { rules.isEmpty }

    /// Whether any rule masks columns whole, so that origins must be known.
    package var hasColumnRules: Bool { fallback != nil }

    /// The actions for an answer with these columns.
    package func plan(columns: [AnswerColumn]) -> MaskPlan {
        MaskPlan(actions: columns.map(action), key: key)
    }

    /// How values of this base column are masked, nil when they are not; an empty schema or table may be any.
    package func method(schema: String, table: String, column: String) -> MaskMethod? {
        Self.strictest(
            rules.filter { rule in
                rule.masksWhole && rule.columns.contains { $0.matches(schema: schema, table: table, column: column) }
            })
    }

    /// Whether a column with this name, of a table not known, may be a masked one: for column references in a
    /// statement.
    package func mayMask(columnNamed name: String) -> MaskMethod? {
        Self.strictest(
            rules.filter { rule in rule.masksWhole && rule.columns.contains { $0.mayCover(columnNamed: name) } })
    }

    /// Whether a star or a whole-row reference to this relation may carry a masked column.
    package func mayMask(anyColumnOf relation: RelationName) -> Bool {
        rules.contains { rule in
            rule.masksWhole && rule.columns.contains { $0.mayCover(schema: relation.schema, table: relation.name) }
        }
    }

    /// Masks a text that belongs to no column (notice, error detail) by the detectors that apply everywhere.
    package func mask(text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> MaskedValue {
        scanner.mask(text, into: &output, key: key)
    }

    private func action(for column: AnswerColumn) -> ColumnAction {
        if let method = Self.strictest(rules.filter { $0.masksWhole && matches($0, column) }) { return .mask(method) }
        let open =
            column.origins.isEmpty || column.origins.contains(.unknown)
            || column.origins.contains(.computed) && column.touchesMasked
        if open, let fallback { return fallback }
        guard column.isText else { return .pass }
        var scanner = scanner
        for rule in rules where !rule.columns.isEmpty && !rule.detect.isEmpty {
            if isOpen(column) || matches(rule, column) {
                for detector in rule.detect { scanner.add(detector, rule.method) }
            }
        }
        if scanner.isEmpty { return .pass }
        scanner.add(columnName: column.name)
        for case .column(_, _, let name) in column.origins where name != column.name { scanner.add(columnName: name) }
        return .scan(scanner)
    }

    /// Not known, or computed from something: a detector bound to columns reads it too.
    private func isOpen(_ column: AnswerColumn) -> Bool {
        column.origins.isEmpty || column.origins.contains(.unknown) || column.origins.contains(.computed)
    }

    private func matches(_ rule: MaskRule, _ column: AnswerColumn) -> Bool {
        rule.columns.contains { pattern in
            pattern.matches(outputName: column.name)
                || column.origins.contains { origin in
                    guard case .column(let schema, let table, let name) = origin else { return false }
                    return pattern.matches(schema: schema, table: table, column: name)
                }
        }
    }

    private static func strictest(_ rules: [MaskRule]) -> MaskMethod? {
        rules.map(\.method).max { $0.strictness < $1.strictness }
    }
}
