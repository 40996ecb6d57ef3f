#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// E-mail addresses: anchored at each `@`, verified to both sides (the dot-atom form of RFC 5321, with UTF-8 as in RFC
/// 6531).
extension Scan {
    /// RFC 5321 allows 64 bytes before the `@`; twice as many are looked at.
    static let longestLocalPart = 128
    private static let longestDomain = 255

    mutating func scanAddresses() {
        var index = 0
        while index < count, let hit = memchr(text + index, 0x40, count - index) {
            let at = UnsafeRawPointer(hit) - UnsafeRawPointer(text)
            email(at)
            index = at + 1
        }
    }

    private mutating func email(_ at: Int) {
        begin()
        var start = at
        while at - start < Self.longestLocalPart, Email.isLocal(byte(start - 1)) { start -= 1 }
        while start < at, byte(start) == 0x2E { start += 1 }
        guard start < at else { return }
        let end = domainEnd(at)
        guard isSettled(from: start), end > at else { return }
        foundAddress(start, end)
    }

    /// The end of the longest run of labels behind `at` that ends in something like a top-level domain; `at` when there
    /// is none.
    private mutating func domainEnd(_ at: Int) -> Int {
        var end = at
        var labelStart = at + 1
        var labels = 0
        while labelStart - at <= Self.longestDomain {
            var index = labelStart
            while index - at <= Self.longestDomain, Email.isLabel(byte(index)) { index += 1 }
            var labelEnd = index
            while labelEnd > labelStart, byte(labelEnd - 1) == 0x2D { labelEnd -= 1 }
            guard labelEnd > labelStart else { break }
            labels += 1
            let first = byte(labelStart)
            if labels >= 2, labelEnd - labelStart >= 2, first.isLetter || first >= 0x80 { end = labelEnd }
            guard labelEnd == index, byte(index) == 0x2E else { break }
            labelStart = index + 1
        }
        return end
    }
}

enum Email {
    /// What stands before the `@`. A quote or an equals sign is legal too, but in practice it is what stands around an
    /// address.
    static func isLocal(_ byte: UInt8) -> Bool {
        if byte.isLetter || byte.isDigit || byte >= 0x80 { return true }
        return switch byte {
        case 0x2E, 0x2D, 0x5F, 0x2B, 0x25, 0x21, 0x23, 0x24, 0x26, 0x2A, 0x2F, 0x3F, 0x5E, 0x60, 0x7B, 0x7C, 0x7D, 0x7E:
            true
        default: false
        }
    }

    static func isLabel(_ byte: UInt8) -> Bool { byte.isLetter || byte.isDigit || byte == 0x2D || byte >= 0x80 }

    /// Whether the whole value has the shape of one address.
    static func isWhole(_ value: UnsafeRawBufferPointer, at: Int) -> Bool {
        at > 0 && value[..<at].allSatisfy(isLocal) && value[(at + 1)...].contains(0x2E)
            && value[(at + 1)...].allSatisfy { isLabel($0) || $0 == 0x2E }
    }
}
