/// Hides a literal of a statement's text in the record, leaving a token that still reads as a literal.
package enum LiteralMask {
    /// Appends the masked form of one literal token: `'…'`, `E'…'`, `B'…'`, `$tag$…$tag$` or a number.
    ///
    /// The method decides what shows, as for a column's value; a `null` becomes the word NULL. What a token is not
    /// recognised as becomes
    /// `'***'`: whatever it was, it is hidden.
    package static func append(
        _ token: UnsafeRawBufferPointer, method: MaskMethod, into output: inout [UInt8], key: MaskKey
    ) {
        let value = content(of: token)
        var masked: [UInt8] = []
        guard
            method.apply(
                to: value.map { UnsafeRawBufferPointer(rebasing: token[$0]) } ?? token, into: &masked, key: key)
        else {
            output.append(contentsOf: Array("NULL".utf8))
            return
        }
        if value == nil { masked = MaskMethod.stars }
        output.append(quote)
        for byte in masked {
            // What `partial` lets through must not end the literal.
            if byte == quote { output.append(quote) }
            output.append(byte == backslash ? UInt8(ascii: "*") : byte)
        }
        output.append(quote)
    }

    package static func mask(_ token: [UInt8], method: MaskMethod = .redact, key: MaskKey) -> [UInt8] {
        var output: [UInt8] = []
        token.withUnsafeBytes { append($0, method: method, into: &output, key: key) }
        return output
    }

    /// The bytes between a token's quotes, or the whole of a number; nil when it is neither.
    private static func content(of token: UnsafeRawBufferPointer) -> Range<Int>? {
        guard let first = token.first, let last = token.last else { return nil }
        if first.isDigit || first == UInt8(ascii: ".") { return 0..<token.count }
        if first == dollar {
            guard let second = token.dropFirst().firstIndex(of: dollar) else { return nil }
            let delimiter = second + 1
            guard token.count >= 2 * delimiter, token.suffix(delimiter).elementsEqual(token.prefix(delimiter)) else {
                return nil
            }
            return delimiter..<token.count - delimiter
        }
        // A prefix (E, B, X, N, U&) stands before the quote.
        guard last == quote, let open = token.prefix(3).firstIndex(of: quote), open < token.count - 1 else {
            return nil
        }
        return open + 1..<token.count - 1
    }

    private static let quote = UInt8(ascii: "'")
    private static let backslash = UInt8(ascii: "\\")
    private static let dollar = UInt8(ascii: "$")
}
