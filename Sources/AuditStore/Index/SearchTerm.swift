package import GatewayCore

/// One piece of text that is looked for: in any case, anywhere in a command's text.
package struct SearchTerm: Sendable, Hashable {
    /// Folded to lower case, UTF-8.
    package let bytes: [UInt8]
    /// Whether comparing byte by byte, ASCII letters in any case, is enough: no other letter of it has a case.
    private let isSimple: Bool
    /// Three characters in a row that every text with this term holds, as the index keeps them; at most `mostGrams`.
    package let grams: [String]

    private static let mostGrams = 12

    /// Nil when empty.
    package init?(_ text: some StringProtocol) {
        guard !text.isEmpty else { return nil }
        var scalars: [Unicode.Scalar] = []
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            let folded = Self.fold(scalar)
            scalars.append(folded)
            bytes.append(contentsOf: UTF8.encode(folded).map(Array.init) ?? [])
        }
        self.bytes = bytes
        isSimple = scalars.allSatisfy(Self.isPlain)
        grams = Self.grams(of: scalars)
    }

    /// Only of characters that the index folds just as this does.
    private static func grams(of scalars: [Unicode.Scalar]) -> [String] {
        guard scalars.count >= 3 else { return [] }
        var all: [String] = []
        var known: Set<String> = []
        for start in 0...(scalars.count - 3) {
            let three = scalars[start..<start + 3]
            // The index's query language ends at a NUL.
            guard three.allSatisfy({ isPlain($0) && $0.value != 0 }) else { continue }
            var gram = String.UnicodeScalarView()
            gram.append(contentsOf: three)
            if known.insert(String(gram)).inserted { all.append(String(gram)) }
        }
        guard all.count > mostGrams else { return all }
        return (0..<mostGrams).map { all[$0 * (all.count - 1) / (mostGrams - 1)] }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII || !scalar.properties.isCased
    }

    private static func fold(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar.isASCII {
            return (65...90).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
        }
        let lower = scalar.properties.lowercaseMapping.unicodeScalars
        guard let first = lower.first, lower.count == 1 else { return scalar }
        return first
    }

    /// Where the term first lies in `text`, in bytes; nil when it does not.
    package func range(in text: UnsafeRawBufferPointer) -> Range<Int>? {
        guard !isSimple else { return range(inFolded: text) }
        // Folding may change how long a character is, so each folded byte remembers where it comes from.
        var folded: [UInt8] = []
        var origins: [Int] = []
        var offset = 0
        var decoder = UTF8()
        var iterator = text.makeIterator()
        decoding: while true {
            switch decoder.decode(&iterator) {
            case .emptyInput: break decoding
            case .error:
                // How many bytes were wrong is not told: such a text is compared as it is.
                return range(inFolded: text)
            case .scalarValue(let scalar):
                for byte in UTF8.encode(Self.fold(scalar)).map(Array.init) ?? [] {
                    folded.append(byte)
                    origins.append(offset)
                }
                offset += UTF8.width(scalar)
            }
        }
        origins.append(offset)
        return folded.withUnsafeBytes { range(inFolded: $0) }.map { origins[$0.lowerBound]..<origins[$0.upperBound] }
    }

    private func range(inFolded text: UnsafeRawBufferPointer) -> Range<Int>? {
        bytes.withUnsafeBytes { term in
            let count = term.count
            guard count > 0, text.count >= count else { return nil }
            let first = term[0]
            var start = 0
            let last = text.count - count
            outer: while start <= last {
                if Self.lower(text[start]) != first {
                    start += 1
                    continue
                }
                var index = 1
                while index < count {
                    if Self.lower(text[start + index]) != term[index] {
                        start += 1
                        continue outer
                    }
                    index += 1
                }
                return start..<start + count
            }
            return nil
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 32 : byte
    }
}

/// What a text must hold: words, and phrases in double quotes, all of them, in any order.
package struct SearchTerms: Sendable, Hashable {
    /// Most terms of one search.
    package static let most = 16
    /// Most bytes of one search's text.
    package static let longest = 512

    /// As it was asked for.
    package let text: String
    package let terms: [SearchTerm]

    /// A quote that is not at a word's start, or never closed before a space or the end, is a character like any other.
    ///
    /// Errors: `bad_query`, when there is nothing to look for or too much.
    package init(_ text: String) throws(GatewayError) {
        guard text.utf8.count <= Self.longest else {
            throw GatewayError(.badQuery, "The text to look for is longer than \(Self.longest) bytes; use fewer words.")
        }
        let terms = Self.split(text).compactMap { SearchTerm($0) }
        guard !terms.isEmpty else {
            throw GatewayError(.badQuery, "There is nothing to look for; give a word, or leave the text out.")
        }
        guard terms.count <= Self.most else {
            throw GatewayError(
                .badQuery, "More than \(Self.most) words are looked for; put phrases in double quotes or use fewer.")
        }
        self.text = text
        self.terms = terms
    }

    private static func split(_ text: String) -> [Substring] {
        var found: [Substring] = []
        var rest = text[...]
        while true {
            rest = rest.drop(while: \.isWhitespace)
            guard let first = rest.first else { return found }
            let inner = rest.dropFirst()
            if first == "\"", let end = closing(inner), end > inner.startIndex {
                found.append(inner[..<end])
                rest = inner[inner.index(after: end)...]
            } else {
                let word = rest.prefix { !$0.isWhitespace }
                found.append(word)
                rest = rest[word.endIndex...]
            }
        }
    }

    /// The first quote that a space or the end follows.
    private static func closing(_ text: Substring) -> Substring.Index? {
        text.indices.first { index in
            guard text[index] == "\"" else { return false }
            let next = text.index(after: index)
            return next == text.endIndex || text[next].isWhitespace
        }
    }

    /// Whether all terms lie in `text`.
    package func match(_ text: UnsafeRawBufferPointer) -> Bool {
        terms.allSatisfy { $0.range(in: text) != nil }
    }

    /// What the index is asked: which texts may hold all terms; nil when every term is too short for it.
    package var gramQuery: String? {
        var grams: [String] = []
        for gram in terms.flatMap(\.grams) where !grams.contains(gram) && grams.count < 24 { grams.append(gram) }
        guard !grams.isEmpty else { return nil }
        return grams.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: " AND ")
    }
}

extension GatewayError.Code {
    /// What is asked of the search cannot be answered; the message says what to change.
    package static let badQuery = GatewayError.Code("bad_query")
}
