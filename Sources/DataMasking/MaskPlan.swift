/// Where the values of an answer's column come from.
package enum ColumnOrigin: Sendable, Hashable {
    /// A base column; views are resolved by the caller.
    case column(schema: String, table: String, column: String)
    /// A base column that a view computes its own from.
    case derived(schema: String, table: String, column: String)
    /// An expression, which may carry values of columns it was computed from.
    case computed
    /// It could not be found out.
    case unknown

    /// The same for a column computed from this one.
    package var derived: ColumnOrigin {
        if case .column(let schema, let table, let column) = self {
            .derived(schema: schema, table: table, column: column)
        } else {
            self
        }
    }
}

/// One column of an answer, as the dialect describes it.
package struct AnswerColumn: Sendable, Hashable {
    /// The name the client sees.
    package var name: String
    /// All base columns the values may come from; empty counts as unknown.
    package var origins: [ColumnOrigin]
    /// Whether detectors may read the values as text.
    package var isText: Bool
    /// For a computed column: whether its statement mentions a masked column, or a star or whole row that may hold one.
    package var touchesMasked: Bool
    /// Detectors find something in such values only where the column's name says what they are: dates and short numbers.
    package var needsName: Bool

    package init(
        name: String, origins: [ColumnOrigin], isText: Bool, touchesMasked: Bool = false, needsName: Bool = false
    ) {
        self.name = name
        self.origins = origins
        self.isText = isText
        self.touchesMasked = touchesMasked
        self.needsName = needsName
    }
}

/// What happens to one column's values.
package enum ColumnAction: Sendable, Hashable {
    case pass
    case mask(MaskMethod)
    case scan(Scanner)
    /// Parts of the JSON values.
    case json(JSONMask)
    /// No row of the answer may be released.
    case deny
}

/// What one masked value became.
package enum MaskedValue: Sendable, Hashable {
    /// Nothing was appended: the value goes on as it is.
    case unchanged
    /// The masked form was appended.
    case replaced
    /// Nothing was appended: the protocol's null stands in.
    case null
}

/// The masking of one answer: an action for each column, settled before its first row is released.
package struct MaskPlan: Sendable {
    package let actions: [ColumnAction]
    /// No value changes: rows may go on unread.
    package let isIdentity: Bool
    /// The first column that makes the answer refused, by its place.
    package let denied: Int?
    package let key: MaskKey
    /// What is shown because people agreed to it, and would be masked otherwise.
    package let shown: [Unmasking.Shown]

    init(actions: [ColumnAction], key: MaskKey, shown: [Unmasking.Shown] = []) {
        self.actions = actions
        self.key = key
        self.shown = shown
        isIdentity = actions.allSatisfy { $0 == .pass }
        denied = actions.firstIndex(of: .deny)
    }

    /// Masks a value of the column at `index` whose bytes are not kept, at its own length.
    ///
    /// - Returns: nil for a value that goes on as it is, or that no row may hold.
    package func overwriting(column index: Int, shape: OverwritingMask.Shape, length: Int) -> OverwritingMask? {
        guard actions.indices.contains(index), actions[index] != .pass, actions[index] != .deny else { return nil }
        return OverwritingMask(actions[index], shape, length: length, key: key)
    }

    /// Masks one text value of the column at `index`; a column the plan does not know is nulled.
    package func mask(_ value: UnsafeRawBufferPointer, column index: Int, into output: inout [UInt8]) -> MaskedValue {
        guard actions.indices.contains(index) else { return .null }
        switch actions[index] {
        case .pass:
            return .unchanged
        case .deny:
            return .null
        case .mask(let method):
            return method.apply(to: value, into: &output, key: key) ? .replaced : .null
        case .scan(let scanner):
            return scanner.mask(value, into: &output, key: key)
        case .json(let mask):
            if let result = mask.mask(value, into: &output, key: key) { return result }
            return mask.whole.apply(to: value, into: &output, key: key) ? .replaced : .null
        }
    }
}
