/// Payment card numbers: 13 to 19 digits in groups parted by one space or dash, a known issuer prefix and length, and
/// the Luhn digit.
///
/// Linear: digit-free text is skipped twelve bytes at a step, and a run of groups is tried from each group start over
/// 19 digits at most.
enum CardDetector {
    static func scan(_ text: UnsafeRawBufferPointer, _ found: (Range<Int>) -> Void) {
        // A run of 13 digits with single separators that covers `probe` has a digit at `probe` or just before it.
        var probe = 12
        var floor = 0
        while probe < text.count {
            guard text[probe].isDigit || text[probe - 1].isDigit else {
                probe += 12
                continue
            }
            var start = text[probe].isDigit ? probe : probe - 1
            while start > floor, continues(text, start - 1, floor) { start -= 1 }
            let end = scanRun(text, start, found)
            floor = end
            probe = max(end + 12, probe + 1)
        }
    }

    /// Whether the byte at `index`, which stands before a part of the run, belongs to it.
    private static func continues(_ text: UnsafeRawBufferPointer, _ index: Int, _ floor: Int) -> Bool {
        if text[index].isDigit { return true }
        return isSeparator(text[index]) && index > floor && text[index - 1].isDigit && text[index + 1].isDigit
    }

    /// Reads the run that begins with the digit at `start`, reports the cards in it, and returns its end.
    private static func scanRun(_ text: UnsafeRawBufferPointer, _ start: Int, _ found: (Range<Int>) -> Void) -> Int {
        var group = start
        var end = start
        while group < text.count, text[group].isDigit {
            if let card = card(text, from: group) {
                found(card)
                end = card.upperBound
            } else {
                end = group
            }
            while end < text.count, text[end].isDigit { end += 1 }
            guard end + 1 < text.count, isSeparator(text[end]), text[end + 1].isDigit else { break }
            group = end + 1
        }
        return end
    }

    /// The longest card that begins with the group at `start`; it ends where a group ends.
    private static func card(_ text: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        // The decimals of a number are no card.
        if start >= 2, text[start - 1] == UInt8(ascii: "."), text[start - 2].isDigit { return nil }
        var prefix = 0
        var digits = 0
        // Luhn sums for both parities of the final length; which one counts is known at the end.
        var sums = (0, 0)
        var best: Range<Int>?
        var index = start
        while index < text.count {
            let byte = text[index]
            guard byte.isDigit else {
                guard isSeparator(byte), index + 1 < text.count, text[index + 1].isDigit else { break }
                index += 1
                continue
            }
            digits += 1
            guard digits <= 19 else { break }
            let value = Int(byte & 0xF)
            let doubled = value < 5 ? value * 2 : value * 2 - 9
            if digits % 2 == 1 {
                sums = (sums.0 + value, sums.1 + doubled)
            } else {
                sums = (sums.0 + doubled, sums.1 + value)
            }
            if digits <= 6 { prefix = prefix * 10 + value }
            index += 1
            let groupEnds = index == text.count || !text[index].isDigit
            if digits >= 13, groupEnds, (digits % 2 == 1 ? sums.0 : sums.1) % 10 == 0, isIssued(prefix, digits) {
                best = start..<index
            }
        }
        return best
    }

    /// Issuer ranges (ISO/IEC 7812 allocations as the card schemes publish them), by the first six digits.
    static func isIssued(_ six: Int, _ digits: Int) -> Bool {
        let four = six / 100
        let two = four / 100
        switch two {
        case 34, 37: return digits == 15
        case 36, 38, 39: return digits >= 14
        case 30 where four >= 3000 && four <= 3059 || four == 3095: return digits >= 14
        case 35 where four >= 3528 && four <= 3589: return digits >= 16
        case 40...49: return digits == 13 || digits == 16 || digits == 19
        case 51...55: return digits == 16
        case 22...27 where four >= 2221 && four <= 2720: return digits == 16
        case 22 where four >= 2200 && four <= 2204: return digits >= 16
        case 60 where four == 6011: return digits >= 16
        case 62, 65: return digits >= 16
        case 64 where four >= 6440: return digits >= 16
        case 50, 56...58, 63, 67: return true
        default: return false
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x2D }
}
