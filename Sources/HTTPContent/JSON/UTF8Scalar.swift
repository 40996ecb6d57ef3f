/// One character of UTF-8 by the letter of RFC 3629: no overlong forms, no surrogates.
enum UTF8Scalar {
    /// Where the character that begins at `start` with a byte of 0x80 or more ends. Errors: `malformed`.
    static func end(_ bytes: [UInt8], at start: Int) throws(ContentFault) -> Int {
        let first = bytes[start]
        let length: Int
        let second: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw fault
        }
        guard start + length <= bytes.count, second.contains(bytes[start + 1]),
            bytes[(start + 2)..<(start + length)].allSatisfy({ $0 & 0xC0 == 0x80 })
        else { throw fault }
        return start + length
    }

    private static let fault = ContentFault(.malformed, "It is not UTF-8.")
}
