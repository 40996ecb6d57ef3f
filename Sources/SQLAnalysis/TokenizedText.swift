import GatewayCore

/// A text once through the tokenizer: tokens up to the limit, every literal, and why the parser must not see it, if so.
struct TokenizedText {
    var tokens: [SQLToken] = []
    /// Indexes into `tokens` of the literals, as far as tokens were kept.
    var literalTokens: [Int] = []
    var marks: [LiteralUses.Mark] = []
    /// Indexes into `marks` of literals that follow the word PASSWORD.
    var passwords: [Int] = []
    var comments: [Range<Int>] = []
    var stop: NotUnderstood?

    init(_ text: UnsafeRawBufferPointer, limits: AnalysisLimits) {
        guard text.count <= limits.command else {
            stop = Self.over("\(grouped(text.count)) bytes", limits.command, "limits.command")
            return
        }
        var tokenizer = SQLTokenizer(text)
        var count = 0
        var depth = 0
        var deepest = 0
        var afterPassword = false
        while let token = tokenizer.next() {
            count += 1
            if count <= limits.tokens { tokens.append(token) }
            if token.isLiteral {
                if count <= limits.tokens { literalTokens.append(count - 1) }
                if afterPassword { passwords.append(marks.count) }
                marks.append(
                    LiteralUses.Mark(start: token.start, end: token.end, parameter: Self.parameter(token, in: text)))
            }
            // PASSWORD 'x', password = 'x', "password" => E'x': the next literal, if only an operator stands between.
            if token.kind != .op { afterPassword = Self.isPassword(token, in: text) }
            guard token.kind == .symbol else { continue }
            switch text[Int(token.start)] {
            case 0x28, 0x5b:
                depth += 1
                deepest = max(deepest, depth)
            case 0x29, 0x5d:
                depth -= 1
            default:
                break
            }
        }
        comments = tokenizer.comments
        if let failure = tokenizer.failure {
            stop = failure
        } else if text.contains(0) {
            stop = NotUnderstood(message: "a zero byte in the text")
        } else if count > limits.tokens {
            stop = Self.over("\(grouped(count)) tokens", limits.tokens, "limits.tokens")
        } else if deepest > limits.nesting {
            stop = Self.over("\(grouped(deepest)) nested parentheses", limits.nesting, "limits.nesting")
        }
    }

    private static func over(_ figure: String, _ limit: Int, _ setting: String) -> NotUnderstood {
        NotUnderstood(message: "the text has \(figure), the limit is \(grouped(limit))", setting: setting)
    }

    private static func isPassword(_ token: SQLToken, in text: UnsafeRawBufferPointer) -> Bool {
        guard token.kind == .quotedWord else { return passwordWords.contains { token.isWord($0, in: text) } }
        guard token.end - token.start > 2 else { return false }
        let word = SQLToken(kind: .word, start: Int(token.start) + 1, end: Int(token.end) - 1)
        return passwordWords.contains { word.isWord($0, in: text) }
    }

    /// PASSWORD, and options of foreign-data wrappers.
    private static let passwordWords: [StaticString] = ["PASSWORD", "SSLPASSWORD", "PASSCODE", "PASSWD", "PWD"]

    /// 0 for a literal, also for a parameter number that no protocol can carry.
    private static func parameter(_ token: SQLToken, in text: UnsafeRawBufferPointer) -> Int32 {
        guard token.kind == .parameter else { return 0 }
        var number: Int32 = 0
        for byte in text[(token.range.lowerBound + 1)..<token.range.upperBound] {
            guard ASCII.isDigit(byte) else { break }
            let (scaled, overflow) = number.multipliedReportingOverflow(by: 10)
            guard !overflow, scaled < Int32.max - 9 else { return 0 }
            number = scaled + Int32(byte - 0x30)
        }
        return number
    }
}

/// 12001 → `12,001`.
func grouped(_ number: Int) -> String {
    var digits = Array(String(number))
    var index = digits.count - 3
    while index > (number < 0 ? 1 : 0) {
        digits.insert(",", at: index)
        index -= 3
    }
    return String(digits)
}
