package import GatewayCore

/// On what terms the columns of a mask may be shown to somebody for a time.
package struct UnmaskTerms: Sendable, Hashable {
    package var terms: HoldTerms
    /// The longest that may be asked for.
    package var seconds: Int

    package init(terms: HoldTerms, seconds: Int) {
        self.terms = terms
        self.seconds = seconds
    }
}

/// A table's column by its whole name, spelled as the server spells it; without a schema it lies in `public`.
package struct UnmaskedColumn: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let schema: String
    package let table: String
    package let column: String

    /// Nil when `text` is not `table.column` or `schema.table.column`, or has a wildcard or what nobody can read.
    package init?(_ text: String) {
        var parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 { parts.insert("public", at: 0) }
        // The server cuts names at 63 bytes.
        let isPlain = { (part: String) in
            !part.isEmpty && part.utf8.count <= 63 && part.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x2A }
        }
        guard parts.count == 3, parts.allSatisfy(isPlain) else { return nil }
        (schema, table, column) = (parts[0], parts[1], parts[2])
    }

    package var description: String { "\(schema).\(table).\(column)" }

    package static func < (one: Self, other: Self) -> Bool { one.description < other.description }

    func isOrigin(_ origin: ColumnOrigin) -> Bool { origin == .column(schema: schema, table: table, column: column) }
}

/// What people agreed to show to one principal at this moment.
package struct Unmasking: Sendable, Hashable {
    package struct Grant: Sendable, Hashable {
        package var approval: RecordID
        package var columns: [UnmaskedColumn]
        /// Of every rule that was asked for: a rule with others, of a newer file, goes on masking.
        package var terms: Set<HoldTerms>

        package init(approval: RecordID, columns: [UnmaskedColumn], terms: Set<HoldTerms>) {
            self.approval = approval
            self.columns = columns
            self.terms = terms
        }
    }

    /// A column that an answer showed, and by which approval.
    package struct Shown: Sendable, Hashable {
        package var approval: RecordID
        package var column: UnmaskedColumn

        package init(approval: RecordID, column: UnmaskedColumn) {
            self.approval = approval
            self.column = column
        }
    }

    package var grants: [Grant]

    package init(grants: [Grant]) {
        self.grants = grants
    }

    /// The grants that reach the values of a column with these origins, the column's own first and base tables last.
    ///
    /// All of them must be columns passed on as they are. Then the last one says where the values lie; a view alone does
    /// not, since it can be made to stand for anything.
    func covering(_ origins: [ColumnOrigin]) -> [(grant: Grant, column: UnmaskedColumn)] {
        guard let base = origins.last,
            origins.allSatisfy({ if case .column = $0 { true } else { false } })
        else { return [] }
        return grants.compactMap { grant in
            grant.columns.first { $0.isOrigin(base) }.map { (grant, $0) }
        }
    }
}

/// Why columns cannot be shown to anybody.
package struct UnmaskProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

extension UnmaskTerms {
    /// What must be agreed to so that `rules` show these columns: by people whom every rule trusts, for as long as each
    /// allows.
    ///
    /// - Returns: these terms, and those of each rule.
    package static func needed(
        for columns: [UnmaskedColumn], by rules: [MaskRule]
    ) throws(UnmaskProblem) -> (all: UnmaskTerms, each: Set<HoldTerms>) {
        var needed: [UnmaskTerms] = []
        for column in columns {
            let about = rules.filter { rule in
                rule.columns.isEmpty
                    || rule.columns.contains {
                        $0.matches(schema: column.schema, table: column.table, column: column.column)
                    }
            }
            if about.contains(where: { $0.masksWhole && $0.unmask == nil }) {
                throw UnmaskProblem("A mask of \(column) does not say who may agree to lift it.")
            }
            let terms = about.compactMap(\.unmask)
            guard !terms.isEmpty else {
                throw UnmaskProblem("No mask of \(column) says who may agree to lift it.")
            }
            needed += terms
        }
        guard let first = needed.first else { throw UnmaskProblem("No columns are named.") }
        let all = needed.dropFirst().reduce(first) { all, next in
            UnmaskTerms(terms: all.terms.combined(with: next.terms), seconds: min(all.seconds, next.seconds))
        }
        guard !all.terms.groups.isEmpty else {
            throw UnmaskProblem(
                "The masks of these columns name different groups, so nobody could agree to all: ask for each.")
        }
        return (all, Set(needed.map(\.terms)))
    }
}
