/// International bank account numbers (ISO 13616): country, two check digits, the country's length, remainder 1 modulo
/// 97.
enum IBANDetector {
    static func scan(_ text: UnsafeRawBufferPointer, _ found: (Range<Int>) -> Void) {
        var index = 2
        while index + 1 < text.count {
            guard text[index].isDigit, text[index + 1].isDigit, text[index - 1].isUpper, text[index - 2].isUpper,
                let match = match(text, from: index - 2)
            else {
                index += 1
                continue
            }
            found(match)
            index = match.upperBound + 2
        }
    }

    private static func match(_ text: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        if start > 0, text[start - 1].isLetter || text[start - 1].isDigit { return nil }
        guard let length = lengths[UInt16(text[start]) << 8 | UInt16(text[start + 1])] else { return nil }
        var remainder = 0
        var head = 0
        var taken = 0
        var index = start
        while taken < length {
            guard index < text.count else { return nil }
            let byte = text[index]
            index += 1
            if byte == 0x20, taken > 0, taken % 4 == 0, index < text.count, text[index] != 0x20 { continue }
            guard byte.isDigit || byte.isLetter else { return nil }
            let value = byte.isDigit ? Int(byte & 0xF) : Int(byte | 0x20) - 0x61 + 10
            let next = { (sum: Int) in (byte.isDigit ? sum * 10 + value : sum * 100 + value) % 97 }
            // The first four characters count as if they stood at the end.
            if taken < 4 {
                head = byte.isDigit ? head * 10 + value : head * 100 + value
            } else {
                remainder = next(remainder)
            }
            taken += 1
        }
        if index < text.count, text[index].isLetter || text[index].isDigit { return nil }
        return (remainder * 1_000_000 + head) % 97 == 1 ? start..<index : nil
    }

    /// Lengths by country (the registry of ISO 13616).
    private static let lengths: [UInt16: Int] = {
        let table =
            "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27"
            + "GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28"
            + "PS29PT25QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20"
        let bytes = Array(table.utf8)
        var lengths: [UInt16: Int] = [:]
        for index in stride(from: 0, to: bytes.count, by: 4) {
            lengths[UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])] =
                Int(bytes[index + 2] & 0xF) * 10 + Int(bytes[index + 3] & 0xF)
        }
        return lengths
    }()
}

/// United States social security numbers, `ddd-dd-dddd` or with spaces, in the ranges that are given out.
enum USSSNDetector {
    static func scan(_ text: UnsafeRawBufferPointer, _ found: (Range<Int>) -> Void) {
        // The separator before the last four digits is met at a step of one; the one before it is three bytes back.
        var index = 6
        while index + 4 < text.count {
            let mark = text[index]
            guard mark == 0x2D || mark == 0x20, text[index - 3] == mark, isNumber(text, index) else {
                index += 1
                continue
            }
            found(index - 6..<index + 5)
            index += 11
        }
    }

    private static func isNumber(_ text: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        let start = index - 6
        let end = index + 5
        if start > 0, text[start - 1].isDigit || text[start - 1] == 0x2D { return false }
        if end < text.count, text[end].isDigit || text[end] == 0x2D { return false }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for index in range {
                guard text[index].isDigit else { return nil }
                value = value * 10 + Int(text[index] & 0xF)
            }
            return value
        }
        guard let area = number(start..<start + 3), let group = number(start + 4..<start + 6),
            let serial = number(index + 1..<end)
        else { return false }
        return area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
    }
}
