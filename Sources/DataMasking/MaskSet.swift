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
    /// What becomes of bodies that masks cannot look into, by their type; of several the first.
    package let binary: [BinaryRule]

    package init(rules: [MaskRule] = [], binary: [BinaryRule] = [], key: MaskKey) {
        self.rules = rules
        self.binary = binary
        self.key = key
        // One engine for all rules; a column's scanner is a choice of its detectors.
        let all = Scanner(rules.flatMap { rule in rule.detect.map { ($0, rule.method) } })
        blank = all.blank
        scanner = Self.everywhere(rules, blank)
        mayUnmask = rules.contains { $0.unmask != nil }
        let whole = rules.filter(\.masksWhole)
        hasColumnRules = !whole.isEmpty
        if whole.contains(where: { $0.unknown == .deny }) {
            fallback = .deny
        } else {
            fallback = Self.strictest(whole.filter { $0.unknown == .mask }).map { .mask($0) }
        }
    }

    /// No rule at all: answers need no plan.
    package var isEmpty: Bool { rules.isEmpty }

    /// Whether any rule masks columns whole, so that origins must be known.
    package let hasColumnRules: Bool

    /// Whether any rule can be lifted for a time.
    package let mayUnmask: Bool

    /// The actions for an answer with these columns.
    ///
    /// - Parameter unmasking: what the session's principal may see at this moment.
    package func plan(columns: [AnswerColumn], showing unmasking: Unmasking? = nil) -> MaskPlan {
        guard mayUnmask, let unmasking, !unmasking.grants.isEmpty else {
            return MaskPlan(actions: columns.map { action(for: $0, rules, scanner) }, key: key)
        }
        var shown: [Unmasking.Shown] = []
        let actions = columns.map { column in
            let masked = action(for: column, rules, scanner)
            let covering = unmasking.covering(column.origins)
            guard masked != .pass, !covering.isEmpty else { return masked }
            let left = rules.filter { rule in
                guard let terms = rule.unmask?.terms else { return true }
                return !covering.contains { $0.grant.terms.contains(terms) }
            }
            let action = action(for: column, left, Self.everywhere(left, blank))
            guard action != masked else { return masked }
            shown += covering.map { Unmasking.Shown(approval: $0.grant.approval, column: $0.column) }
            return action
        }
        return MaskPlan(actions: actions, key: key, shown: shown)
    }

    private static func everywhere(_ rules: [MaskRule], _ blank: Scanner) -> Scanner {
        var everywhere = blank
        for rule in rules where rule.columns.isEmpty {
            for detector in rule.detect { everywhere.add(detector, rule.method) }
        }
        return everywhere
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

    /// The masks of content without columns that goes this way, nil for none; of both ways when `side` is nil.
    ///
    /// - Parameter path: the request's, in segments.
    package func content(_ side: ContentScope.Side?, path: [[UInt8]]) -> ContentMask? {
        let chosen = rules.filter { rule in
            let scope = rule.content
            return (side.map(scope.sides.contains) ?? true)
                && (scope.paths.isEmpty || scope.paths.contains { $0.matches(path, anyCase: true) })
        }
        guard !chosen.isEmpty else { return nil }
        return ContentMask(rules: chosen, binary: binary, scanner: Self.everywhere(chosen, blank), key: key)
    }

    // What an expression may carry, for rules that mask what is not known.

    /// Whether a value computed from this base column must be masked.
    package func carries(schema: String, table: String, column: String) -> Bool {
        rules.contains { rule in
            rule.masksUnknown && rule.columns.contains { $0.matches(schema: schema, table: table, column: column) }
        }
    }

    /// The same of a column with this name, of a table not known.
    package func mayCarry(columnNamed name: String) -> Bool {
        rules.contains { rule in rule.masksUnknown && rule.columns.contains { $0.mayCover(columnNamed: name) } }
    }

    /// The same of some column of this relation.
    package func mayCarry(anyColumnOf relation: RelationName) -> Bool {
        rules.contains { rule in
            rule.masksUnknown && rule.columns.contains { $0.mayCover(schema: relation.schema, table: relation.name) }
        }
    }

    // Questions about masked columns.

    package var hasOracles: Bool { rules.contains { $0.oracle != nil } }

    /// The strictest `oracle` of the rules for a column with this name, `*` for any, of one of these relations; of any when
    /// there are none.
    package func oracle(columnNamed name: String, of relations: [RelationName]) -> MaskRule.Oracle? {
        strictestOracle { pattern in
            (name == "*" || pattern.mayCover(columnNamed: name))
                && (relations.isEmpty || relations.contains { pattern.mayCover(schema: $0.schema, table: $0.name) })
        }
    }

    /// Of a column that may be any of the masked ones.
    package var oracleOfUnknown: MaskRule.Oracle? { rules.filter { $0.unknown != .allow }.compactMap(\.oracle).max() }

    package func oracle(of origin: ColumnOrigin) -> MaskRule.Oracle? {
        switch origin {
        case .column(let schema, let table, let column), .derived(let schema, let table, let column):
            strictestOracle { $0.matches(schema: schema, table: table, column: column) }
        case .computed, .unknown: nil
        }
    }

    private func strictestOracle(_ isMeant: (ColumnPattern) -> Bool) -> MaskRule.Oracle? {
        rules.filter { $0.oracle != nil && $0.columns.contains(where: isMeant) }.compactMap(\.oracle).max()
    }

    /// Masks a text that belongs to no column (notice, error detail) by the detectors that apply everywhere.
    package func mask(text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> MaskedValue {
        scanner.mask(text, into: &output, key: key)
    }

    /// Whether the detectors that apply everywhere find nothing in these bytes.
    package func isQuiet(_ bytes: [UInt8]) -> Bool { scanner.isEmpty || scanner.scan(bytes).isEmpty }

    private func action(for column: AnswerColumn, _ rules: [MaskRule], _ everywhere: Scanner) -> ColumnAction {
        let whole = rules.filter { $0.masksWhole && matches($0, column) }
        if let method = Self.strictest(whole) {
            guard isExact(column) else { return .mask(method) }
            return partly(whole, scanner(for: column, rules, everywhere)) ?? .mask(method)
        }
        let open =
            column.origins.isEmpty || column.origins.contains(.unknown)
            || column.origins.contains(.computed) && column.touchesMasked
        if open, let fallback { return fallback }
        let scanner = column.isText ? scanner(for: column, rules, everywhere) : blank
        return scanner.isEmpty || column.needsName && !scanner.isNamed ? .pass : .scan(scanner)
    }

    /// The values are those of a base column: paths in them mean what the rule's author meant.
    private func isExact(_ column: AnswerColumn) -> Bool {
        !column.origins.isEmpty
            && column.origins.allSatisfy { if case .column = $0 { true } else { false } }
    }

    /// The rules' parts of JSON values; nil when one of them masks the whole column.
    private func partly(_ rules: [MaskRule], _ scanner: Scanner) -> ColumnAction? {
        guard let whole = Self.strictest(rules), rules.allSatisfy({ !$0.json.isEmpty }) else { return nil }
        let paths = rules.flatMap { rule in rule.json.map { ($0, rule.method) } }
        return .json(JSONMask(paths: paths, scanner: scanner, whole: whole))
    }

    /// What is searched for in a column's values.
    private func scanner(for column: AnswerColumn, _ rules: [MaskRule], _ everywhere: Scanner) -> Scanner {
        var scanner = everywhere
        for rule in rules where !rule.columns.isEmpty && !rule.detect.isEmpty {
            if isOpen(column) || matches(rule, column) {
                for detector in rule.detect { scanner.add(detector, rule.method) }
            }
        }
        if scanner.isEmpty { return scanner }
        scanner.add(columnName: column.name)
        for case .column(_, _, let name) in column.origins where name != column.name { scanner.add(columnName: name) }
        return scanner
    }

    /// Not known, or computed from something: a detector bound to columns reads it too.
    private func isOpen(_ column: AnswerColumn) -> Bool {
        column.origins.isEmpty || column.origins.contains(.unknown) || column.origins.contains(.computed)
    }

    private func matches(_ rule: MaskRule, _ column: AnswerColumn) -> Bool {
        rule.columns.contains { pattern in
            pattern.matches(outputName: column.name)
                || column.origins.contains { origin in
                    switch origin {
                    case .column(let schema, let table, let name), .derived(let schema, let table, let name):
                        pattern.matches(schema: schema, table: table, column: name)
                    case .computed, .unknown: false
                    }
                }
        }
    }

    private static func strictest(_ rules: [MaskRule]) -> MaskMethod? {
        rules.map(\.method).max { $0.strictness < $1.strictness }
    }
}
