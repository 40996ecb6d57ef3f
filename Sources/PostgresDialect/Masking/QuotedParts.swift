/// Hides what a server's message quotes, unless it is the client's own word or looks like the name of an object.
///
/// `SELECT ssn::regclass` makes the server say `relation "123-45-6789" does not exist`.
enum QuotedParts {
    /// - Parameters:
    ///   - keepsNames: whether a word that looks like a name surely is one, not a masked value made to look so.
    ///   - names: the only words that are; nil for any.
    static func hidden(
        in value: [UInt8], of field: UInt8, isDataError: Bool, keepsNames: Bool, names: [[UInt8]]? = nil,
        statements: [[UInt8]]
    ) -> [UInt8] {
        let isOwn = { (part: ArraySlice<UInt8>) in Self.isOwn(part, statements) }
        switch field {
        case ErrorFields.Field.internalQuery:
            // A text that a function put together.
            return isOwn(value[...]) ? value : MaskedText.stars
        case ErrorFields.Field.where where isDataError:
            return behindColons(value)
        case ErrorFields.Field.detail where isDataError && (!value.contains(0x22) || value.contains(0x0A)):
            // The lines of an XML document, for one.
            return MaskedText.stars
        default:
            return quotes(value) { part in
                isOwn(part)
                    || keepsNames && !isDataError && isName(part)
                        && (names?.contains { $0.elementsEqual(part) } ?? true)
            }
        }
    }

    /// Whether the client has written it itself.
    static func isOwn(_ part: ArraySlice<UInt8>, _ statements: [[UInt8]]) -> Bool {
        // Bounded, since both sides may be made to match slowly.
        part.count <= 128 && statements.contains { $0.count <= 65536 && contains($0[...], Array(part)) }
    }

    /// Hides numbers that are not the client's own, and what stands behind the last colon without quotes: values need no
    /// quotes (`date field value out of range: 123-45-67`).
    static func withoutNumbers(_ value: [UInt8], isDataError: Bool, statements: [[UInt8]]) -> [UInt8] {
        var value = value
        if let colon = value.indices.dropLast().last(where: { value[$0] == 0x3A && value[$0 + 1] == 0x20 }),
            isDataError || !value[colon...].contains(0x22), !isOwn(value[(colon + 2)...], statements)
        {
            value = value[...(colon + 1)] + MaskedText.stars
        }
        var result: [UInt8] = []
        var index = 0
        while index < value.count {
            let run = value[index...].prefix { $0 >= 0x30 && $0 <= 0x39 }
            if run.count > 1, !isOwn(run, statements) { result += MaskedText.stars } else { result += run }
            index += run.count
            if index < value.count {
                result.append(value[index])
                index += 1
            }
        }
        return result
    }

    /// Replaces quoted parts that `mayStay` does not let stand. A value may hold quotes itself, so that what looks like the
    /// words between two parts is a value: unless they are the server's known words, all of it is replaced.
    private static func quotes(_ value: [UInt8], mayStay: (ArraySlice<UInt8>) -> Bool) -> [UInt8] {
        var marks: [Range<Int>] = []
        var index = 0
        while index < value.count {
            if let length = quoteLength(value[index...]) {
                marks.append(index..<index + length)
                index += length
            } else {
                index += 1
            }
        }
        guard let first = marks.first, let last = marks.last else { return value }
        let outer = Array(value[..<first.upperBound]) + MaskedText.stars
        guard marks.count % 2 == 0, marks.count <= 32 else { return outer }
        var result = Array(value[..<first.lowerBound])
        for pair in stride(from: 0, to: marks.count, by: 2) {
            let (open, close) = (marks[pair], marks[pair + 1])
            if pair > 0 {
                let between = value[marks[pair - 1].upperBound..<open.lowerBound]
                guard joins.contains(where: { $0.elementsEqual(between) }) else {
                    return outer + Array(value[last.lowerBound...])
                }
                result += between
            }
            let part = value[open.upperBound..<close.lowerBound]
            result += value[open]
            result += mayStay(part) ? part : MaskedText.stars[...]
            result += value[close]
        }
        return result + Array(value[last.upperBound...])
    }

    /// What stands between two quoted names in the server's messages.
    private static let joins = [
        " of relation ", " for type ", " for ", " on table ", " for table ", " for relation ", " from table ",
        " in table ",
        " violates foreign key constraint ", " violates check constraint ", " violates not-null constraint ",
        " violates row-level security policy ", " of table ", " in schema ", " of type ", " and ", " or the column ",
        " to ", " references ", " depends on ", " is still referenced from table ", " is not present in table ",
    ].map { Array($0.utf8) }

    /// Bytes of a quotation mark at the front: `"`, and what servers in other languages use.
    private static func quoteLength(_ rest: ArraySlice<UInt8>) -> Int? {
        guard let byte = rest.first else { return nil }
        if byte == 0x22 { return 1 }
        // « and »
        if byte == 0xC2, let next = rest.dropFirst().first, next == 0xAB || next == 0xBB { return 2 }
        // “ ” „ ‟ ‹ ›
        if byte == 0xE2, rest.count >= 3, rest[rest.startIndex + 1] == 0x80 {
            let third = rest[rest.startIndex + 2]
            if third >= 0x9C && third <= 0x9F || third == 0xB9 || third == 0xBA { return 3 }
        }
        return nil
    }

    /// `JSON data, line 1: value`: each line up to its first colon.
    private static func behindColons(_ value: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for line in value.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if !result.isEmpty { result.append(0x0A) }
            if let colon = line.firstIndex(of: 0x3A) {
                result += line[...colon]
                result += [0x20] + MaskedText.stars
            } else {
                result += line.contains(0x22) ? MaskedText.stars[...] : line
            }
        }
        return result
    }

    /// `[a-z_][a-z0-9_.]*`, as long as a name may be.
    private static func isName(_ part: ArraySlice<UInt8>) -> Bool {
        guard let first = part.first, part.count <= 63, first == 0x5F || first >= 0x61 && first <= 0x7A else {
            return false
        }
        return part.allSatisfy { $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5F || $0 == 0x2E }
    }

    private static func contains(_ text: ArraySlice<UInt8>, _ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        var rest = text
        while let start = rest.firstIndex(of: first) {
            rest = rest[start...]
            if rest.starts(with: part) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
