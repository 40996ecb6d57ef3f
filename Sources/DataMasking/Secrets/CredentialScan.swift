#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Credentials by what stands around them.
extension Scan {
    // MARK: - URL

    /// The password between the first colon and the last `@` of the authority that begins at `authority`.
    mutating func url(_ authority: Int) {
        guard byte(authority - 4).isLetter || byte(authority - 4).isDigit else { return }
        var colon: Int?
        var at: Int?
        var index = authority
        reading: while index - authority < 512 {
            switch byte(index) {
            case 0x3A where colon == nil:
                guard index - authority <= 128 else { return }
                colon = index
            case 0x40: at = index
            // What ends an authority, and what ends a URL in text.
            case 0...0x20, 0x2F, 0x3F, 0x23, 0x22, 0x27, 0x3C, 0x3E, 0x5C, 0x60, 0x7F: break reading
            default: break
            }
            index += 1
        }
        guard let colon else { return }
        guard isSettled(from: colon + 1), let at, at > colon + 1 else { return }
        if wants(.urlPassword) { foundByPattern(BuiltIn.urlPassword.index, colon + 1, at) }
        if wants(.connectionString) { foundByPattern(BuiltIn.connectionString.index, colon + 1, at) }
    }

    // MARK: - Assignments

    /// Where the value begins that is assigned to the name whose keyword ends at `anchor`; nil when none is, or when it
    /// has not come yet: then nothing of it needs to be held.
    mutating func valueStart(_ anchor: Int) -> Int? {
        var index = anchor
        while index - anchor < 24, Alphabet.dotted.contains(byte(index)) { index += 1 }
        var closers = 0
        while closers < 3, byte(index).isQuote || byte(index) == 0x5D || byte(index) == 0x5C {
            index += 1
            closers += 1
        }
        let gap = skipBlanks(&index)
        var isAssigned = false
        if byte(index) == 0x3D || byte(index) == 0x3A {
            isAssigned = true
            index += 1
            if byte(index) == 0x3D || byte(index) == 0x3E || byte(index) == 0x3A { index += 1 }
        }
        _ = skipBlanks(&index)
        var isQuoted = false
        var openers = 0
        while openers < 3, byte(index).isQuote || byte(index) == 0x5C {
            isQuoted = isQuoted || byte(index).isQuote
            index += 1
            openers += 1
        }
        guard index < count else { return nil }
        // `PASSWORD 'x'`, as SQL has it.
        return isAssigned || isQuoted && gap > 0 ? index : nil
    }

    private mutating func skipBlanks(_ index: inout Int) -> Int {
        let start = index
        while index - start < 4, byte(index) == 0x20 || byte(index) == 0x09 { index += 1 }
        return index - start
    }

    mutating func assignment(_ anchor: Int, isPassword: Bool) {
        guard let start = valueStart(anchor) else { return }
        if isPassword { password(start) } else { secret(start) }
    }

    private mutating func password(_ start: Int) {
        let quote = byte(start - 1)
        let isEscaped = quote.isQuote && byte(start - 2) == 0x5C
        var end = start
        if quote.isQuote {
            while end - start < 1024, byte(end) != quote, byte(end) >= 0x20, !(isEscaped && byte(end) == 0x5C) {
                end += 1
            }
        } else {
            while end - start < 256, !byte(end).endsPassword { end += 1 }
            // In `Pwd=a b;Server=c` blanks belong to the value.
            if byte(end) == 0x20, isPair(start) {
                var further = end
                while further - start < 128, byte(further) != 0x3B, !byte(further).endsPassword || byte(further) == 0x20
                {
                    further += 1
                }
                if byte(further) == 0x3B { end = further }
            }
        }
        guard isSettled(from: start), end - start >= (quote.isQuote ? 3 : 4), !isPlaceholder(start, end) else { return }
        if wants(.password) { foundByPattern(BuiltIn.password.index, start, end) }
        if wants(.connectionString), isPair(start) { foundByPattern(BuiltIn.connectionString.index, start, end) }
    }

    /// Whether the value is one of several `key=value` pairs: another `=` stands in the 100 bytes before its own name.
    private mutating func isPair(_ start: Int) -> Bool {
        var index = start - 1
        guard byte(index) == 0x3D else { return false }
        index -= 1
        while start - index < 100 {
            let byte = byte(index)
            if byte == 0x3D { return true }
            if byte < 0x20 { return false }
            index -= 1
        }
        return false
    }

    private mutating func secret(_ start: Int) {
        let end = runEnd(start, .secret)
        if end - start >= 16 {
            let head = UnsafeBufferPointer(start: text + start, count: min(end - start, 64))
            if end - start < 64, reachedEnd, !isFinal {
                _ = isSettled(from: start)
            } else if Entropy.isHigh(head), head.contains(where: \.isDigit) {
                foundOpen(.genericSecret, start, end, .alphabet(.secret))
            }
        } else {
            _ = isSettled(from: start)
        }
    }

    /// What stands for a password in templates and schemas.
    private func isPlaceholder(_ start: Int, _ end: Int) -> Bool {
        let first = text[start]
        if first == 0x3C || first == 0x7B || first == 0x25 { return true }
        if first == 0x24, end - start > 1, text[start + 1] == 0x7B || text[start + 1] == 0x28 { return true }
        if (start..<end).allSatisfy({ text[$0] == 0x2A }) { return true }
        for word in Self.placeholders where word.utf8CodeUnitCount == end - start {
            if (0..<end - start).allSatisfy({ text[start + $0] | 0x20 == word.utf8Start[$0] }) { return true }
        }
        return false
    }

    private static let placeholders: [StaticString] = [
        "null", "none", "true", "false", "undefined", "string", "required", "optional",
    ]

    // MARK: - Headers

    mutating func authorization(_ anchor: Int) {
        var index = anchor
        var isAssigned = false
        while index - anchor < 8 {
            let byte = byte(index)
            guard byte.isQuote || byte == 0x20 || byte == 0x09 || byte == 0x5C || byte == 0x3A || byte == 0x3D else {
                break
            }
            if byte == 0x3A || byte == 0x3D { isAssigned = true }
            index += 1
        }
        guard isAssigned else { return }
        let word = index
        while index - word < 16, byte(index).isLetter { index += 1 }
        let hasScheme = index - word >= 2 && byte(index) == 0x20
        let start = hasScheme ? index + 1 : word
        guard start < count else {
            // The scheme's name alone shows nothing; but it may be the credential itself.
            _ = isSettled(from: word)
            return
        }
        let end = runEnd(start, .token68)
        if end - start >= (hasScheme ? 8 : 16) {
            foundOpen(.httpAuthorization, start, end, .alphabet(.token68))
        } else {
            _ = isSettled(from: start)
        }
    }

    mutating func bearer(_ start: Int) {
        let end = runEnd(start, .token68)
        guard end - start >= 16 else {
            if start < count { _ = isSettled(from: start) }
            return
        }
        let head = UnsafeBufferPointer(start: text + start, count: min(end - start, 64))
        if head.count < 64, reachedEnd, !isFinal {
            _ = isSettled(from: start)
        } else if head.contains(where: \.isDigit) {
            foundOpen(.httpAuthorization, start, end, .alphabet(.token68))
        }
    }
}

extension UInt8 {
    var isQuote: Bool { self == 0x22 || self == 0x27 || self == 0x60 }

    /// What no bare password holds.
    fileprivate var endsPassword: Bool {
        switch self {
        case 0...0x20, 0x7F, 0x22, 0x27, 0x60, 0x2C, 0x3B, 0x26, 0x3C, 0x3E, 0x28, 0x29, 0x5B, 0x5D, 0x7B, 0x7D, 0x7C:
            true
        default: false
        }
    }
}

/// How little one can guess of a text.
enum Entropy {
    /// At least three bits a character, by how often each comes (Shannon), over the first 64 bytes.
    static func isHigh(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = min(text.count, 64)
        guard count >= 8 else { return false }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { times in
            times.initialize(repeating: 0)
            for index in 0..<count { times[Int(text[index])] += 1 }
            // Sum over characters of n log2 n: entropy is log2 of the count minus that over the count.
            var sum = 0.0
            for index in 0..<count {
                let here = Int(times[Int(text[index])])
                sum += logarithms[here]
            }
            return logarithms[count] - sum / Double(count) >= 3
        }
    }

    /// log2 of 0 to 64; of 0 it is not asked.
    private static let logarithms: [Double] = (0...64).map { $0 < 2 ? 0 : log2(Double($0)) }
}
