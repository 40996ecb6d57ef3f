/// Dates behind a word for birth.
extension Scan {
    /// - Parameter isWhole: the word must stand by itself: `dob`, not `adobe`.
    mutating func birth(_ anchor: Int, _ end: Int, isWhole: Bool) {
        if byte(anchor - 1).isLetter { return }
        if isWhole, byte(end).isLetter { return }
        var place = end
        while place - end < 32, place < count {
            let byte = text[place]
            let before = text[place - 1]
            if byte.isDigit && !before.isDigit || byte.isLetter && !before.isLetter && !before.isDigit {
                begin()
                let last = byte.isDigit ? numericDate(place) : namedDate(place)
                guard isSettled(from: place) else { return }
                if last > place {
                    foundByPattern(BuiltIn.dateOfBirth.index, place, last)
                    return
                }
            }
            place += 1
        }
    }

    /// Reads up to `most` digits; nil without any.
    private mutating func digits(_ index: inout Int, most: Int) -> (value: Int, count: Int)? {
        var value = 0
        var count = 0
        while count < most, byte(index).isDigit {
            value = value * 10 + Int(byte(index) & 0xF)
            count += 1
            index += 1
        }
        return count > 0 ? (value, count) : nil
    }

    /// `1980-05-17`, `17.05.1980`, `5/17/80`, `19800517`, `17 May 1980`: its end, or `start` when there is none.
    private mutating func numericDate(_ start: Int) -> Int {
        var index = start
        guard let first = digits(&index, most: 8), !byte(index).isDigit else { return start }
        if first.count == 8 {
            let (year, rest) = (first.value / 10_000, first.value % 10_000)
            return isBirthday(year, rest / 100, rest % 100) ? index : start
        }
        let separator = byte(index)
        guard separator == 0x2D || separator == 0x2E || separator == 0x2F || separator == 0x20 else { return start }
        index += 1
        if separator == 0x2E, byte(index) == 0x20 { index += 1 }
        if first.count <= 2, byte(index).isLetter {
            guard let month = month(&index), skipSeparators(&index),
                let year = digits(&index, most: 4), year.count != 3, !byte(index).isDigit
            else { return start }
            return isBirthday(year, month, first.value) ? index : start
        }
        guard separator != 0x20, let second = digits(&index, most: 2), byte(index) == separator else { return start }
        index += 1
        if separator == 0x2E, byte(index) == 0x20 { index += 1 }
        if first.count == 4 {
            guard let third = digits(&index, most: 2), !byte(index).isDigit else { return start }
            return isBirthday(first.value, second.value, third.value) ? index : start
        }
        guard first.count <= 2, let third = digits(&index, most: 4), third.count == 2 || third.count == 4,
            !byte(index).isDigit
        else { return start }
        let isDate =
            isBirthday(third, second.value, first.value) || isBirthday(third, first.value, second.value)
        return isDate ? index : start
    }

    /// `May 17, 1980`.
    private mutating func namedDate(_ start: Int) -> Int {
        var index = start
        guard let month = month(&index), skipSeparators(&index), let day = digits(&index, most: 2),
            skipSeparators(&index), let year = digits(&index, most: 4), year.count == 4, !byte(index).isDigit
        else { return start }
        return isBirthday(year.value, month, day.value) ? index : start
    }

    private mutating func skipSeparators(_ index: inout Int) -> Bool {
        let start = index
        while index - start < 3, [0x20, 0x2C, 0x2E, 0x2D, 0x2F].contains(byte(index)) { index += 1 }
        return index > start
    }

    /// The month whose English name, or its first three letters, stand at `index`.
    private mutating func month(_ index: inout Int) -> Int? {
        let start = index
        while index - start < 10, byte(index).isLetter { index += 1 }
        guard index - start >= 3 else { return nil }
        let names: StaticString = "janfebmaraprmayjunjulaugsepoctnovdec"
        for month in 0..<12
        where (0..<3).allSatisfy({ text[start + $0] | 0x20 == names.utf8Start[month * 3 + $0] }) {
            return month + 1
        }
        return nil
    }

    private func isBirthday(_ year: (value: Int, count: Int), _ month: Int, _ day: Int) -> Bool {
        year.count == 2 ? Calendar.isDay(month: month, day: day) : isBirthday(year.value, month, day)
    }

    private func isBirthday(_ year: Int, _ month: Int, _ day: Int) -> Bool {
        (1880...2100).contains(year) && Calendar.isDay(year, month, day)
    }
}
