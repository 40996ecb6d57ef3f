import GatewayCore

/// Columns and literals in the order the walk meets them: what one subtree holds is a slice of both.
struct LiteralTrail {
    struct Mark {
        var columns: Int
        var literals: Int
    }

    var columns: [String] = []
    /// Literals by their number in the text.
    var literals: [Int] = []
    /// By literal number.
    var uses: [LiteralUses.Context] = []
    /// Output names and the columns behind them.
    var aliases: [String: Set<String>] = [:]
    /// Names that a relation's alias list gives to columns that cannot be told here.
    var renamed: Set<String> = []

    /// More columns than this on one literal are not told apart.
    static let maximumColumns = 64
    /// Pairs of a literal and a column that are looked at in one text. A text that nests so deep that it would take more
    /// is not told apart either.
    static let maximumPairs = 1 << 17
    private var pairs = 0

    var mark: Mark { Mark(columns: columns.count, literals: literals.count) }

    mutating func meet(_ literal: Int?) {
        if let literal, literal < uses.count { literals.append(literal) }
    }

    mutating func relate(literals range: Range<Int>, columns names: Range<Int>) {
        guard !range.isEmpty, !names.isEmpty else { return }
        let unique =
            names.count == 1
            ? [columns[names.lowerBound]] : Array(Set(columns[names.prefix(4 * Self.maximumColumns)]).sorted())
        for literal in literals[range] {
            if names.count > 4 * Self.maximumColumns { uses[literal].unknownColumn = true }
            add(unique, to: literal)
        }
    }

    /// Relates all literals since `start` with all columns since.
    mutating func relate(from start: Mark) {
        relate(literals: start.literals..<literals.count, columns: start.columns..<columns.count)
    }

    mutating func relate(literals range: Range<Int>, to name: String, of relation: RelationName? = nil) {
        for literal in literals[range] {
            add(name, to: literal)
            if let relation { uses[literal].relation = relation }
        }
    }

    /// Those without a column yet belong to one that cannot be told.
    mutating func leaveUnknown(_ range: Range<Int>, of relation: RelationName? = nil) {
        for literal in literals[range] where uses[literal].columns.isEmpty {
            uses[literal].unknownColumn = true
            if let relation { uses[literal].relation = relation }
        }
    }

    mutating func alias(_ name: String, from start: Mark) {
        guard start.columns < columns.count else { return }
        aliases[name, default: []].formUnion(columns[start.columns...].prefix(Self.maximumColumns))
    }

    private mutating func add(_ names: [String], to literal: Int) {
        guard !uses[literal].unknownColumn || uses[literal].columns.count < Self.maximumColumns else { return }
        guard pairs < Self.maximumPairs else {
            uses[literal].unknownColumn = true
            return
        }
        pairs += names.count
        for name in names { add(name, to: literal) }
    }

    private mutating func add(_ name: String, to literal: Int) {
        guard !uses[literal].columns.contains(name) else { return }
        if uses[literal].columns.count >= Self.maximumColumns {
            uses[literal].unknownColumn = true
        } else {
            uses[literal].columns.append(name)
        }
    }

    /// Follows output names to the columns behind them, and those behind these.
    mutating func resolveAliases() {
        guard !aliases.isEmpty || !renamed.isEmpty else { return }
        for literal in uses.indices where !uses[literal].columns.isEmpty {
            var index = 0
            while index < uses[literal].columns.count {
                let name = uses[literal].columns[index]
                if renamed.contains(name) { uses[literal].unknownColumn = true }
                if let columns = aliases[name] { add(columns.sorted(), to: literal) }
                index += 1
            }
        }
    }
}

extension TokenizedText {
    /// Tokens that lie in a range of the text.
    func tokens(in range: Range<Int>) -> ArraySlice<SQLToken> {
        let start = firstToken(at: range.lowerBound)
        var end = firstToken(at: range.upperBound)
        if end > start, tokens[end - 1].range.upperBound > range.upperBound { end -= 1 }
        return tokens[start..<max(start, end)]
    }

    /// Index of the first token that starts at `location` or behind it.
    func firstToken(at location: Int) -> Int {
        var low = 0
        var high = tokens.count
        while low < high {
            let middle = (low + high) / 2
            if Int(tokens[middle].start) < location { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Number of the literal that the parser places at `location`: there, or behind the sign there. Nil: none, e.g. a word.
    func literal(at location: Int, in text: UnsafeRawBufferPointer) -> Int? {
        guard location > 0 else { return nil }
        var index = firstToken(at: location)
        guard index < tokens.count, Int(tokens[index].start) == location else { return nil }
        while index < tokens.count, tokens[index].kind == .op { index += 1 }
        guard index < tokens.count, tokens[index].isLiteral else { return nil }
        return number(ofLiteralToken: index)
    }

    func number(ofLiteralToken token: Int) -> Int? {
        var low = 0
        var high = literalTokens.count
        while low < high {
            let middle = (low + high) / 2
            if literalTokens[middle] < token { low = middle + 1 } else { high = middle }
        }
        return low < literalTokens.count && literalTokens[low] == token ? low : nil
    }
}
