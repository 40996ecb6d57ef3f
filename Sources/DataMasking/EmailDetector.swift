#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// E-mail addresses: anchored at each `@`, verified to both sides (the dot-atom form of RFC 5321, with UTF-8 as in RFC
/// 6531).
///
/// Linear: `@` is part of neither side, so every byte is looked at twice at most.
enum EmailDetector {
    static func scan(_ text: UnsafeRawBufferPointer, _ found: (Range<Int>) -> Void) {
        var from = 0
        var index = 0
        while let at = nextAt(text, index) {
            index = at + 1
            if let match = match(around: at, in: text, from: from) {
                found(match)
                from = match.upperBound
                index = max(index, from)
            }
        }
    }

    /// The address around the `@` at `at`, not reaching before `from`; nil when either side is no address.
    static func match(around at: Int, in text: UnsafeRawBufferPointer, from: Int) -> Range<Int>? {
        var start = at
        while start > from, isLocal(text[start - 1]) { start -= 1 }
        while start < at, text[start] == dot { start += 1 }
        guard start < at else { return nil }

        // The longest run of labels that ends in something like a top-level domain.
        var end: Int?
        var labelStart = at + 1
        var labels = 0
        while labelStart < text.count {
            var index = labelStart
            while index < text.count, isLabel(text[index]) { index += 1 }
            var labelEnd = index
            while labelEnd > labelStart, text[labelEnd - 1] == hyphen { labelEnd -= 1 }
            guard labelEnd > labelStart else { break }
            labels += 1
            let first = text[labelStart]
            if labels >= 2, labelEnd - labelStart >= 2, first.isLetter || first >= 0x80 { end = labelEnd }
            guard labelEnd == index, index < text.count, text[index] == dot else { break }
            labelStart = index + 1
        }
        return end.map { start..<$0 }
    }

    static func nextAt(_ text: UnsafeRawBufferPointer, _ from: Int) -> Int? {
        guard from < text.count, let base = text.baseAddress,
            let hit = memchr(base + from, 0x40, text.count - from)
        else { return nil }
        return UnsafeRawPointer(hit) - base
    }

    private static func isLocal(_ byte: UInt8) -> Bool {
        if byte.isLetter || byte.isDigit || byte >= 0x80 { return true }
        return switch byte {
        case dot, hyphen, UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "%"), UInt8(ascii: "!"), UInt8(ascii: "#"),
            UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "?"),
            UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "~"):
            true
        default:
            // A quote or an equals sign is legal too, but in practice it is what stands around an address.
            false
        }
    }

    private static func isLabel(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || byte == hyphen || byte >= 0x80
    }

    private static let dot = UInt8(ascii: ".")
    private static let hyphen = UInt8(ascii: "-")
}
