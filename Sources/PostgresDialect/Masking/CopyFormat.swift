import SQLAnalysis

/// How COPY data is laid out; nil-initialised for options that the rewriter does not know.
enum CopyFormat: Equatable {
    case text(hasHeader: Bool)
    case csv(hasHeader: Bool)
    case binary

    init?(isBinary: Bool, facts: StatementFacts?, text: [UInt8]?) {
        if isBinary {
            self = .binary
            return
        }
        guard let facts, let copy = facts.copy, let text, let words = Self.words(facts, copy, text) else { return nil }
        let unknown: Set<String> = [
            "delimiter", "delimiters", "null", "quote", "escape", "force", "force_quote", "encoding", "oids",
        ]
        guard words.isDisjoint(with: unknown) else { return nil }
        switch copy.format {
        case "text": self = .text(hasHeader: words.contains("header"))
        case "csv": self = .csv(hasHeader: words.contains("header"))
        default: return nil
        }
    }

    /// Words of the statement outside of its query, folded. A column called like an option is taken for one: refused, not misread.
    private static func words(_ facts: StatementFacts, _ copy: CopyTarget, _ text: [UInt8]) -> Set<String>? {
        guard facts.range.lowerBound >= 0, facts.range.upperBound <= text.count else { return nil }
        var words: Set<String> = []
        var word: [UInt8] = []
        for index in facts.range {
            let byte = text[index] | 0x20
            let isInQuery = copy.query?.contains(index) ?? false
            if !isInQuery, byte >= 0x61 && byte <= 0x7A || text[index] == 0x5F {
                word.append(text[index] == 0x5F ? 0x5F : byte)
            } else if !word.isEmpty {
                words.insert(String(decoding: word, as: UTF8.self))
                word = []
            }
        }
        if !word.isEmpty { words.insert(String(decoding: word, as: UTF8.self)) }
        return words
    }
}
