package import GatewayCore

/// What is known of one text: immutable, passed around by reference.
package final class SQLAnalysis: Sendable {
    /// The text; shared with the caller's array.
    package let text: [UInt8]
    /// In the order of the text; empty for an empty text and for one that was not understood.
    package let statements: [StatementFacts]
    /// Set: nothing may be concluded from `statements`.
    package let notUnderstood: NotUnderstood?
    /// All literals and parameters in the order of the text.
    package let literals: LiteralUses
    /// Bytes of the text that `literals` covers: what lies behind may hold any literal.
    package let literalsEnd: Int
    /// Tags of sqlcommenter comments.
    package let tags: [String: String]
    /// Classes by the first words of each statement, for texts that were not understood: a label, no ground for a verdict.
    package let apparentClasses: [StatementClass]
    /// The parser saw the text; false when the tokenizer alone understood it.
    package let isParsed: Bool

    init(
        text: [UInt8], statements: [StatementFacts] = [], notUnderstood: NotUnderstood? = nil,
        literals: LiteralUses = LiteralUses(),
        literalsEnd: Int, tags: [String: String] = [:], apparentClasses: [StatementClass] = [],
        isParsed: Bool = false
    ) {
        self.text = text
        self.statements = statements
        self.notUnderstood = notUnderstood
        self.literals = literals
        self.literalsEnd = literalsEnd
        self.tags = tags
        self.apparentClasses = apparentClasses
        self.isParsed = isParsed
    }

    /// Everything the text contains; `empty` for an empty text, `unknown` when it was not understood.
    package var classes: Set<StatementClass> {
        if notUnderstood != nil { return [.unknown] }
        guard !statements.isEmpty else { return [.empty] }
        return statements.reduce(into: []) { $0.formUnion($1.classes) }
    }

    /// What the cache counts: the text and a rough figure for the facts.
    var estimatedBytes: Int {
        var bytes = 512 + text.count + literals.estimatedBytes
        for facts in statements { bytes += facts.estimatedBytes }
        return bytes
    }
}

extension StatementFacts {
    var estimatedBytes: Int {
        let names =
            (reads.count + writes.count) * 2 + objects.count + functions.count + columns.count + writtenColumns.count
            + unknownCalls.count + schemas.count
        return 512 + names * 32 + settings.count * 48 + inner.reduce(0) { $0 + $1.estimatedBytes }
    }
}
