import GatewayCore

/// Facts of an `INSERT … VALUES` that is too long for the parser, from the tokenizer alone.
///
/// Understood only when the rows hold nothing but literals, parameters, signs, NULL, DEFAULT, TRUE and FALSE, and nothing follows them:
/// such a text cannot call, read or contain anything else.
struct BulkInsert {
    let facts: StatementFacts
    let literals: LiteralUses

    static func read(_ text: UnsafeRawBufferPointer, scan: TokenizedText) -> BulkInsert? {
        guard UTF8Check.isValid(text) else { return nil }
        var reader = BulkReader(text)
        guard let (relation, columns) = reader.head() else { return nil }
        var literals = LiteralUses(marks: scan.marks, contexts: [])
        for column in columns {
            literals.contexts.append(LiteralUses.Context(columns: [column], relation: relation))
        }
        literals.contexts.append(LiteralUses.Context(unknownColumn: true, relation: relation))
        guard reader.rows(width: columns.count, into: &literals) else { return nil }
        var facts = StatementFacts(.insert, verb: "INSERT", range: reader.start..<reader.end)
        facts.writes = [relation]
        facts.writtenColumns = columns
        facts.writesAnyColumn = columns.isEmpty
        return BulkInsert(facts: facts, literals: literals)
    }
}

private struct BulkReader {
    private let text: UnsafeRawBufferPointer
    private var tokenizer: SQLTokenizer
    private var token: SQLToken?
    private(set) var start = 0
    private(set) var end = 0

    init(_ text: UnsafeRawBufferPointer) {
        self.text = text
        tokenizer = SQLTokenizer(text)
        advance()
        start = token?.range.lowerBound ?? 0
    }

    private mutating func advance() {
        if let token { end = token.range.upperBound }
        token = tokenizer.next()
    }

    private mutating func take(_ keyword: StaticString) -> Bool {
        guard let token, token.isWord(keyword, in: text) else { return false }
        advance()
        return true
    }

    private mutating func take(_ symbol: UInt8) -> Bool {
        guard let token, token.isSymbol(symbol, in: text) else { return false }
        advance()
        return true
    }

    /// `INSERT INTO name [(columns)] VALUES`
    mutating func head() -> (RelationName, [String])? {
        guard take("INSERT"), take("INTO"), var name = identifier() else { return nil }
        var schema = ""
        if take(0x2e) {
            schema = name
            guard let last = identifier() else { return nil }
            name = last
        }
        var columns: [String] = []
        if take(0x28) {
            repeat {
                guard columns.count < 1_664, let column = identifier() else { return nil }
                columns.append(column)
            } while take(0x2c)
            guard take(0x29) else { return nil }
        }
        guard take("VALUES") else { return nil }
        return (RelationName(schema: schema, name: name), columns)
    }

    mutating func rows(width: Int, into literals: inout LiteralUses) -> Bool {
        var index = 0
        repeat {
            guard take(0x28) else { return false }
            var position = 0
            repeat {
                guard item(&index, Int32(min(position, width)), into: &literals) else { return false }
                position += 1
            } while take(0x2c)
            guard take(0x29) else { return false }
        } while take(0x2c)
        let last = end
        while take(0x3b) {}
        end = last
        return token == nil && tokenizer.failure == nil && index == literals.marks.count
    }

    private mutating func item(_ index: inout Int, _ context: Int32, into literals: inout LiteralUses) -> Bool {
        if take("NULL") || take("DEFAULT") || take("TRUE") || take("FALSE") { return true }
        while let sign = token, sign.kind == .op {
            guard sign.range.count == 1, text[sign.range.lowerBound] == 0x2d || text[sign.range.lowerBound] == 0x2b
            else { return false }
            advance()
        }
        guard let value = token, value.isLiteral, index < literals.marks.count,
            literals.marks[index].start == value.start
        else { return false }
        literals.marks[index].context = context
        index += 1
        advance()
        return true
    }

    /// Folded as PostgreSQL does: ASCII only, and cut to 63 bytes.
    private mutating func identifier() -> String? {
        guard let token else { return nil }
        var bytes: [UInt8]
        switch token.kind {
        case .word:
            bytes = text[token.range].map(ASCII.lower)
        case .quotedWord where text[token.range.lowerBound] == 0x22:
            bytes = []
            var index = token.range.lowerBound + 1
            while index < token.range.upperBound - 1 {
                bytes.append(text[index])
                index += text[index] == 0x22 ? 2 : 1
            }
        default:
            return nil
        }
        if bytes.count > 63 {
            var length = 63
            while length > 0, bytes[length] & 0xc0 == 0x80 { length -= 1 }
            bytes.removeSubrange(length...)
        }
        guard !bytes.isEmpty else { return nil }
        advance()
        return String(decoding: bytes, as: UTF8.self)
    }
}
