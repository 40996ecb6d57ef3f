/// What makes digits a national number, as the issuing authorities publish it. `values` hold 0 to 9.
enum NationalChecks {
    typealias Digits = CheckDigits.Digits

    /// Social Security Administration: areas 000, 666 and 900 to 999, group 00 and serial 0000 are not given out.
    static func isSSN(_ values: Digits) -> Bool {
        let area = CheckDigits.number(values, 0..<3)
        return area != 0 && area != 666 && area < 900 && CheckDigits.number(values, 3..<5) != 0
            && CheckDigits.number(values, 5..<9) != 0
    }

    /// Internal Revenue Service: 9xx with groups 50 to 65, 70 to 88, 90 to 92, 94 to 99.
    static func isITIN(_ values: Digits) -> Bool {
        guard values[0] == 9 else { return false }
        return switch CheckDigits.number(values, 3..<5) {
        case 50...65, 70...88, 90...92, 94...99: true
        default: false
        }
    }

    /// Routing numbers: Federal Reserve prefixes, weights 3, 7, 1.
    static func isRouting(_ values: Digits) -> Bool {
        switch CheckDigits.number(values, 0..<2) {
        case 0...12, 21...32, 61...72, 80: break
        default: return false
        }
        let sum = CheckDigits.sum(values, "371371371")
        return sum > 0 && sum % 10 == 0
    }

    static func nhs(_ values: Digits) -> Bool {
        let check = 11 - CheckDigits.sum(values, "A98765432") % 11
        return check != 10 && check % 11 == Int(values[9]) && CheckDigits.number(values, 0..<10) != 0
    }

    /// Among the first ten digits one comes twice or three times, each other once at most; the first is not 0.
    static func germany(_ values: Digits) -> Bool {
        guard values[0] != 0 else { return false }
        var seen: UInt64 = 0
        for index in 0..<10 { seen += 1 << UInt64(values[index] * 4) }
        var repeated = 0
        for digit in 0..<10 {
            let times = seen >> UInt64(digit * 4) & 0xF
            if times > 3 { return false }
            if times > 1 { repeated += 1 }
        }
        return repeated == 1 && CheckDigits.mod11_10(values, 11)
    }

    static func france(_ values: Digits) -> Bool {
        isFrench(sex: Int(values[0]), month: CheckDigits.number(values, 3..<5))
            && 97 - CheckDigits.number(values, 0..<13) % 97 == CheckDigits.number(values, 13..<15)
    }

    static func isFrench(sex: Int, month: Int) -> Bool {
        switch sex {
        case 1...4, 7, 8: break
        default: return false
        }
        return switch month {
        case 1...12, 20...42, 50...99: true
        default: false
        }
    }

    static func netherlands(_ values: Digits) -> Bool {
        let sum = CheckDigits.sum(values, "98765432") - Int(values[8])
        return sum > 0 && sum % 11 == 0
    }

    /// Birth date, serial, 97 minus the rest modulo 97; a 2 goes before it from the year 2000 on. Month and day may be
    /// 0 where they are not known; months may be raised by 20 or 40.
    static func belgium(_ values: Digits) -> Bool {
        let month = CheckDigits.number(values, 2..<4) % 20
        guard month <= 12, CheckDigits.number(values, 4..<6) <= 31, CheckDigits.number(values, 2..<4) < 60 else {
            return false
        }
        let head = CheckDigits.number(values, 0..<9)
        let check = CheckDigits.number(values, 9..<11)
        return head > 0 && (97 - head % 97 == check || 97 - (2_000_000_000 + head) % 97 == check)
    }

    /// The month tells the century: plus 80, 0, 20, 40, 60.
    static func poland(_ values: Digits) -> Bool {
        let month = CheckDigits.number(values, 2..<4) % 20
        return Calendar.isDay(month: month, day: CheckDigits.number(values, 4..<6))
            && (10 - CheckDigits.sum(values, "1379137913") % 10) % 10 == Int(values[10])
    }

    /// Ten digits; coordination numbers have 60 added to the day.
    static func sweden(_ values: Digits) -> Bool {
        let day = CheckDigits.number(values, 4..<6)
        return Calendar.isDay(month: CheckDigits.number(values, 2..<4), day: day > 60 ? day - 60 : day)
            && CheckDigits.luhn(values, 10)
    }

    static func swedenLong(_ values: Digits) -> Bool {
        (18...21).contains(CheckDigits.number(values, 0..<2)) && sweden(values + 2)
    }

    /// Day, month, year; numbers for foreigners have 40 added to the day.
    static func norway(_ values: Digits) -> Bool {
        let day = CheckDigits.number(values, 0..<2)
        guard Calendar.isDay(month: CheckDigits.number(values, 2..<4), day: day > 40 ? day - 40 : day) else {
            return false
        }
        let first = (11 - CheckDigits.sum(values, "376189452") % 11) % 11
        let second = (11 - CheckDigits.sum(values, "5432765432") % 11) % 11
        return first == Int(values[9]) && second == Int(values[10])
    }

    /// Day, month, year; the check digit is not kept since 2007.
    static func denmark(_ values: Digits) -> Bool {
        Calendar.isDay(month: CheckDigits.number(values, 2..<4), day: CheckDigits.number(values, 0..<2))
    }

    static func switzerland(_ values: Digits) -> Bool {
        CheckDigits.number(values, 0..<3) == 756 && CheckDigits.ean13(values)
    }

    /// Serial, check digit, day, month, year; months 13 to 15 stand for dates that are not known.
    static func austria(_ values: Digits) -> Bool {
        let month = CheckDigits.number(values, 6..<8)
        guard values[0] != 0, (1...15).contains(month), (1...31).contains(CheckDigits.number(values, 4..<6)) else {
            return false
        }
        return CheckDigits.sum(values, "3790584216") % 11 == Int(values[3])
    }

    static func portugal(_ values: Digits) -> Bool {
        guard [1, 2, 3, 5, 6, 8, 9].contains(values[0]) else { return false }
        let check = 11 - CheckDigits.sum(values, "98765432") % 11
        return (check > 9 ? 0 : check) == Int(values[8])
    }

    static func cpf(_ values: Digits) -> Bool {
        guard (1..<11).contains(where: { values[$0] != values[0] }) else { return false }
        let first = CheckDigits.sum(values, "A98765432") * 10 % 11 % 10
        let second = CheckDigits.sum(values, "BA98765432") * 10 % 11 % 10
        return first == Int(values[9]) && second == Int(values[10])
    }

    static func cnpj(_ values: Digits) -> Bool {
        guard (1..<14).contains(where: { values[$0] != values[0] }) else { return false }
        let first = CheckDigits.sum(values, "543298765432") % 11
        let second = CheckDigits.sum(values, "6543298765432") % 11
        return (first < 2 ? 0 : 11 - first) == Int(values[12]) && (second < 2 ? 0 : 11 - second) == Int(values[13])
    }

    static func australia(_ values: Digits) -> Bool {
        let sum = CheckDigits.sum(values, "14375869A")
        return sum > 0 && sum % 11 == 0
    }

    /// Seventeen digits with a birth date; the last character counts 10 when it is an X.
    static func china(_ values: Digits, last: UInt8) -> Bool {
        let year = CheckDigits.number(values, 6..<10)
        guard (1850...2099).contains(year), values[0] != 0,
            Calendar.isDay(year, CheckDigits.number(values, 10..<12), CheckDigits.number(values, 12..<14))
        else { return false }
        return (12 - CheckDigits.sum(values, "79A584216379A5842") % 11) % 11 == Int(last)
    }

    /// Year, month, day; the seventh digit is sex and century, of which all are in use.
    static func korea(_ values: Digits) -> Bool {
        Calendar.isDay(month: CheckDigits.number(values, 2..<4), day: CheckDigits.number(values, 4..<6))
    }

    static func koreaDigit(_ values: Digits) -> Bool {
        (11 - CheckDigits.sum(values, "234567892345") % 11) % 10 == Int(values[12])
    }

    static func japan(_ values: Digits) -> Bool {
        let remainder = CheckDigits.sum(values, "65432765432") % 11
        return (remainder <= 1 ? 0 : 11 - remainder) == Int(values[11])
            && (1..<12).contains(where: { values[$0] != values[0] })
    }

    static func southAfrica(_ values: Digits) -> Bool {
        values[10] < 3
            && Calendar.isDay(month: CheckDigits.number(values, 2..<4), day: CheckDigits.number(values, 4..<6))
            && CheckDigits.luhn(values, 13)
    }

    static func turkey(_ values: Digits) -> Bool {
        guard values[0] != 0 else { return false }
        let odd = Int(values[0]) + Int(values[2]) + Int(values[4]) + Int(values[6]) + Int(values[8])
        let even = Int(values[1]) + Int(values[3]) + Int(values[5]) + Int(values[7])
        let tenth = ((odd * 7 - even) % 10 + 10) % 10
        return tenth == Int(values[9]) && (odd + even + tenth) % 10 == Int(values[10])
    }
}
