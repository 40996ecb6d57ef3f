package import GatewayCore

/// A literal or parameter of a text and what it has to do with columns: what the record's masking goes by.
package struct LiteralUse: Sendable, Hashable {
    /// The whole token in the text, quotes included.
    package var range: Range<Int>
    /// n of `$n`; nil for a literal.
    package var parameter: Int?
    /// Columns it is compared with or written to, folded, without their relations.
    package var columns: [String]
    /// It may belong to a column that cannot be told.
    package var unknownColumn: Bool
    /// A password: never recorded, whatever the masks say.
    package var secret: Bool
    /// The relation it is written to, for INSERT, UPDATE and MERGE.
    package var relation: RelationName?
}

/// All literals of a text in its order; 16 bytes each, since a bulk INSERT holds very many.
package struct LiteralUses: Sendable, RandomAccessCollection {
    struct Mark: Sendable {
        var start: Int32
        var end: Int32
        /// 0 for a literal.
        var parameter: Int32 = 0
        /// Index into `contexts`.
        var context: Int32 = 0
    }

    struct Context: Sendable, Hashable {
        var columns: [String] = []
        var unknownColumn = false
        var secret = false
        var relation: RelationName?
    }

    var marks: [Mark] = []
    var contexts: [Context] = [Context()]

    package var startIndex: Int { 0 }
    package var endIndex: Int { marks.count }

    package subscript(position: Int) -> LiteralUse {
        let mark = marks[position]
        let context = contexts[Int(mark.context)]
        return LiteralUse(
            range: Int(mark.start)..<Int(mark.end), parameter: mark.parameter > 0 ? Int(mark.parameter) : nil,
            columns: context.columns, unknownColumn: context.unknownColumn, secret: context.secret,
            relation: context.relation)
    }

    var estimatedBytes: Int {
        marks.count * 16 + contexts.reduce(0) { $0 + 96 + $1.columns.count * 32 }
    }
}
