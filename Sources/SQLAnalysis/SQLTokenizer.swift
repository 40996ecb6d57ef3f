package import GatewayCore

/// Reads the tokens of a PostgreSQL text one after the other: linear, bounded memory, no recursion.
///
/// Follows the scanner of PostgreSQL 15 with `standard_conforming_strings` on. It never reads outside the text, whatever the bytes.
/// The text must outlive the tokenizer. White space and comments are no tokens.
package struct SQLTokenizer {
    private let text: UnsafeRawBufferPointer
    private var position = 0
    /// Up to here stand only signs that are tokens of their own; keeps a run of a million signs linear.
    private var signsEnd = 0
    /// Set when the text cannot be tokenised on; the last token returned then reaches to the end of the text.
    package private(set) var failure: NotUnderstood?
    /// The last comments met, without bounds on their number in the text: at most eight are kept.
    package private(set) var comments: [Range<Int>] = []

    package init(_ text: UnsafeRawBufferPointer) {
        self.text = text
    }

    /// The next token, or nil at the end. After a failure: one token with the rest of the text, then nil.
    package mutating func next() -> SQLToken? {
        guard failure == nil else { return nil }
        guard skipSpace() else { return fail("unterminated /* comment", from: position) }
        guard position < text.count else { return nil }
        let start = position
        let byte = text[start]
        switch byte {
        case 0:
            return fail("a zero byte in the text", from: start)
        case 0x27:
            return string(from: start, quoteAt: start, escapes: false, doubles: true)
        case 0x22:
            return quotedWord(from: start, quoteAt: start)
        case 0x24:
            return dollar(from: start)
        case 0x30...0x39:
            return number(from: start)
        case 0x2e:
            if let after = peek(start + 1) {
                if ASCII.isDigit(after) { return number(from: start) }
                if after == 0x2e { return token(.symbol, start, start + 2) }
            }
            return token(.symbol, start, start + 1)
        case 0x3a:
            if let after = peek(start + 1), after == 0x3a || after == 0x3d { return token(.symbol, start, start + 2) }
            return token(.symbol, start, start + 1)
        default:
            if ASCII.startsWord(byte) { return word(from: start) }
            if ASCII.isOperator(byte) { return op(from: start) }
            return token(.symbol, start, start + 1)
        }
    }

    private func peek(_ index: Int) -> UInt8? { index < text.count ? text[index] : nil }

    private mutating func token(_ kind: SQLToken.Kind, _ start: Int, _ end: Int) -> SQLToken {
        position = end
        return SQLToken(kind: kind, start: start, end: end)
    }

    private mutating func fail(_ message: String, from start: Int) -> SQLToken? {
        failure = NotUnderstood(message: message, position: characters(before: start) + 1)
        guard start < text.count else { return nil }
        return token(.string, start, text.count)
    }

    /// Characters, not bytes: what the client's own tools count in.
    private func characters(before end: Int) -> Int {
        var count = 0
        for index in 0..<end where text[index] & 0xc0 != 0x80 { count += 1 }
        return count
    }

    /// False: a comment does not end; `position` is then at its start.
    private mutating func skipSpace() -> Bool {
        while position < text.count {
            let byte = text[position]
            if ASCII.isSpace(byte) {
                position += 1
            } else if byte == 0x2d, peek(position + 1) == 0x2d {
                let start = position
                skipLine()
                keep(comment: start..<position)
            } else if byte == 0x2f, peek(position + 1) == 0x2a {
                guard let end = endOfComment(position) else { return false }
                keep(comment: position..<end)
                position = end
            } else {
                break
            }
        }
        return true
    }

    private mutating func skipLine() {
        while position < text.count, !ASCII.isNewline(text[position]) { position += 1 }
    }

    private mutating func keep(comment: Range<Int>) {
        if comments.count == 8 { comments.removeFirst() }
        comments.append(comment)
    }

    private func endOfComment(_ start: Int) -> Int? {
        var index = start + 2
        var depth = 1
        while index + 1 < text.count {
            if text[index] == 0x2a, text[index + 1] == 0x2f {
                depth -= 1
                index += 2
                if depth == 0 { return index }
            } else if text[index] == 0x2f, text[index + 1] == 0x2a {
                depth += 1
                index += 2
            } else {
                index += 1
            }
        }
        return nil
    }
}

// MARK: Words, numbers, operators

extension SQLTokenizer {
    private mutating func word(from start: Int) -> SQLToken? {
        if let after = peek(start + 1) {
            switch (text[start] | 0x20, after) {
            case (0x65, 0x27):  // E'
                return string(from: start, quoteAt: start + 1, escapes: true, doubles: true)
            case (0x62, 0x27), (0x78, 0x27):  // B' and X' know no doubled quote
                return string(from: start, quoteAt: start + 1, escapes: false, doubles: false)
            case (0x75, 0x26):  // U&
                if peek(start + 2) == 0x27 {
                    return string(from: start, quoteAt: start + 2, escapes: false, doubles: true)
                }
                if peek(start + 2) == 0x22 { return quotedWord(from: start, quoteAt: start + 2) }
            default:
                break
            }
        }
        var index = start + 1
        while index < text.count, ASCII.continuesWord(text[index]) { index += 1 }
        return token(.word, start, index)
    }

    /// Letters right behind the digits belong to the token: a newer server reads 0x1F and 1_000 so, version 15 refuses them.
    private mutating func number(from start: Int) -> SQLToken {
        var index = start
        while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
        if peek(index) == 0x2e, peek(index + 1) != 0x2e || index == start {
            index += 1
            while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
        }
        if let byte = peek(index), byte | 0x20 == 0x65 {
            var digits = index + 1
            if let sign = peek(digits), sign == 0x2b || sign == 0x2d { digits += 1 }
            if let digit = peek(digits), ASCII.isDigit(digit) {
                index = digits
                while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
            }
        }
        while index < text.count, ASCII.startsWord(text[index]) || ASCII.isDigit(text[index]) { index += 1 }
        return token(.number, start, index)
    }

    private mutating func op(from start: Int) -> SQLToken {
        if start < signsEnd { return token(.op, start, start + 1) }
        var end = start
        while end < text.count, ASCII.isOperator(text[end]) {
            // A comment may begin inside a run of operator characters.
            if end > start, let after = peek(end + 1) {
                if text[end] == 0x2d, after == 0x2d { break }
                if text[end] == 0x2f, after == 0x2a { break }
            }
            end += 1
        }
        if end - start > 1 {
            var free = false
            for index in start..<end where ASCII.freesSign(text[index]) {
                free = true
                break
            }
            if !free {
                signsEnd = end
                while end - start > 1, text[end - 1] == 0x2b || text[end - 1] == 0x2d { end -= 1 }
            }
        }
        return token(.op, start, end)
    }
}

// MARK: Quoting

extension SQLTokenizer {
    private mutating func quotedWord(from start: Int, quoteAt quote: Int) -> SQLToken? {
        var index = quote + 1
        while index < text.count {
            if text[index] == 0x22 {
                if peek(index + 1) != 0x22 { return token(.quotedWord, start, index + 1) }
                index += 1
            } else if text[index] == 0 {
                return fail("a zero byte in the text", from: start)
            }
            index += 1
        }
        return fail("unterminated quoted identifier", from: start)
    }

    private mutating func string(from start: Int, quoteAt quote: Int, escapes: Bool, doubles: Bool) -> SQLToken? {
        var index = quote + 1
        while index < text.count {
            switch text[index] {
            case 0:
                return fail("a zero byte in the text", from: start)
            case 0x5c where escapes:
                index += 2
            case 0x27:
                if doubles, peek(index + 1) == 0x27 {
                    index += 2
                } else if let next = continuation(after: index + 1) {
                    index = next
                } else {
                    return token(.string, start, index + 1)
                }
            default:
                index += 1
            }
        }
        return fail("unterminated quoted string", from: start)
    }

    /// A string goes on when white space with a line break, and nothing else but `--` comments, stands before another quote.
    private func continuation(after end: Int) -> Int? {
        var index = end
        var sawNewline = false
        while index < text.count {
            let byte = text[index]
            if ASCII.isSpace(byte) {
                sawNewline = sawNewline || ASCII.isNewline(byte)
                index += 1
            } else if byte == 0x2d, peek(index + 1) == 0x2d {
                while index < text.count, !ASCII.isNewline(text[index]) { index += 1 }
                guard index < text.count else { return nil }
            } else {
                break
            }
        }
        return sawNewline && peek(index) == 0x27 ? index + 1 : nil
    }

    /// `$1`, `$tag$…$tag$`, or a lone dollar.
    private mutating func dollar(from start: Int) -> SQLToken? {
        var index = start + 1
        if let byte = peek(index), ASCII.isDigit(byte) {
            while index < text.count, ASCII.continuesWord(text[index]), text[index] != 0x24 { index += 1 }
            return token(.parameter, start, index)
        }
        if let byte = peek(index), ASCII.startsWord(byte) {
            while index < text.count, ASCII.startsWord(text[index]) || ASCII.isDigit(text[index]) { index += 1 }
        }
        guard peek(index) == 0x24 else { return token(.symbol, start, start + 1) }
        let length = index + 1 - start
        index += 1
        while index + length <= text.count {
            if text[index] == 0x24, closes(start, length, at: index) { return token(.string, start, index + length) }
            if text[index] == 0 { return fail("a zero byte in the text", from: start) }
            index += 1
        }
        return fail("unterminated dollar-quoted string", from: start)
    }

    private func closes(_ start: Int, _ length: Int, at index: Int) -> Bool {
        for offset in 1..<length where text[start + offset] != text[index + offset] { return false }
        return true
    }
}
