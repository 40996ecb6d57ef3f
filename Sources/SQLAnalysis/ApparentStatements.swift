import GatewayCore

/// Classes by first words alone, split at semicolons outside parentheses: for texts the parser does not see.
enum ApparentStatements {
    static func classes(_ tokens: [SQLToken], in text: UnsafeRawBufferPointer) -> [StatementClass] {
        let reader = VerbReader(text: text)
        var result: [StatementClass] = []
        var depth = 0
        var start = 0
        for index in 0...tokens.count where result.count < 1_000 {
            if index < tokens.count {
                if tokens[index].isSymbol(0x28, in: text) { depth += 1 }
                if tokens[index].isSymbol(0x29, in: text) { depth -= 1 }
                guard depth <= 0, tokens[index].isSymbol(0x3b, in: text) else { continue }
            }
            if start < index { result.append(StatementKinds.byFirstWord(reader.verb(of: tokens[start..<index]))) }
            start = index + 1
        }
        return result
    }
}
