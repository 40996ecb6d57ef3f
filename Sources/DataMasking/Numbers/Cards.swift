extension Scan {
    /// A payment card: its digits in groups that one space or dash parts, of a known issuer, with the Luhn digit.
    mutating func card(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        guard run.separators.isSubset(of: [.space, .dash]) else { return }
        // The decimals of a number are no card.
        if run.start >= 2, text[run.start - 1] == 0x2E, text[run.start - 2].isDigit { return }
        guard CardIssuers.issued(CheckDigits.number(values, 0..<6), digits: run.count),
            CheckDigits.luhn(values, run.count)
        else { return }
        foundNumber(.creditCard, run.start, end)
    }
}

/// Issuer ranges (ISO/IEC 7812 allocations as the card schemes publish them).
enum CardIssuers {
    /// Whether cards with these first six digits have this many.
    static func issued(_ six: Int, digits: Int) -> Bool {
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
}
