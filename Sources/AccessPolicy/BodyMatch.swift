import GatewayCore

extension GuardRule {
    /// What a value in a request's body must be; all that is given must hold.
    package struct BodyMatch: Sendable, Hashable {
        /// Where in the body.
        package var path: String
        /// Patterns of the value.
        package var words: Words
        /// The number is larger or smaller than these, which are written as JSON writes them.
        package var over: String?
        package var under: String?

        package init(path: String, words: Words = [], over: String? = nil, under: String? = nil) {
            self.path = path
            self.words = words
            self.over = over
            self.under = under
        }
    }

    /// What one operation of a GraphQL document must be; all that is given must hold.
    package struct GraphQLMatch: Sendable, Hashable {
        package var operation: Words = []
        package var name: Words = []
        /// Fields at the top: one of them must fit.
        package var field: Words = []

        package init() {}

        var isEmpty: Bool { self == GraphQLMatch() }
    }
}

/// `BodyMatch`, ready to be asked.
struct BodyPredicate: Sendable {
    private let patterns: [[UInt8]]
    private let numbers: [DecimalNumber]
    private let isNegated: Bool
    private let over: DecimalNumber?
    private let under: DecimalNumber?
    private let isStrict: Bool

    init(_ match: GuardRule.BodyMatch, isStrict: Bool) {
        patterns = match.words.list.map { Array($0.utf8) }
        numbers = match.words.list.compactMap { DecimalNumber($0) }
        isNegated = match.words.isNegated
        over = match.over.flatMap { DecimalNumber($0) }
        under = match.under.flatMap { DecimalNumber($0) }
        self.isStrict = isStrict
    }

    /// Where there is no value: what is none of some words is met, what needs one is not.
    var isMetByNothing: Bool { isNegated && over == nil && under == nil }

    func isMet(by value: BodyValue) -> Bool { fitsWords(value) && fitsRange(value) }

    private func fitsWords(_ value: BodyValue) -> Bool {
        guard !patterns.isEmpty else { return true }
        switch value {
        case .text(let text): return fits(text, DecimalNumber(text)) != isNegated
        case .number(let text): return fits(text, DecimalNumber(text)) != isNegated
        case .bool(let flag): return fits(Array((flag ? "true" : "false").utf8), nil) != isNegated
        // To some targets it is a value and to others there is none: the stricter of both.
        case .null where isNegated: return isStrict != patterns.contains(Array("null".utf8))
        case .null: return fits(Array("null".utf8), nil)
        case .container: return patterns.contains([UInt8(ascii: "*")]) != isNegated
        }
    }

    private func fits(_ text: [UInt8], _ number: DecimalNumber?) -> Bool {
        if let number, numbers.contains(number) { return true }
        return patterns.contains { PathPattern.matches(text, $0, anyCase: isStrict != isNegated) }
    }

    /// What cannot be compared with a number counts as met by a rule that blocks or holds, but for null.
    private func fitsRange(_ value: BodyValue) -> Bool {
        guard over != nil || under != nil else { return true }
        let number: DecimalNumber?
        switch value {
        case .text(let text), .number(let text): number = DecimalNumber(text)
        case .bool, .container: number = nil
        case .null: return false
        }
        guard let number else { return isStrict }
        return (over.map { number > $0 } ?? true) && (under.map { number < $0 } ?? true)
    }
}
