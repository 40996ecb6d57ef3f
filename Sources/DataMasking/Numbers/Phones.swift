extension Scan {
    /// A `+` or `(` stands before the group at `start`: `+44 20 7946 0958`, `(555) 201-4567`.
    mutating func signedPhone(_ start: Int, _ before: UInt8) {
        begin()
        let first = start - 1
        defer { _ = isSettled(from: first) }
        let further = byte(first - 1)
        if further.isDigit || further.isLetter { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { values in
            guard let digits = values.baseAddress else { return }
            before == 0x2B ? international(first, digits) : bracketed(first, digits)
        }
    }

    /// ITU-T E.164: a country code and 15 digits at most.
    private mutating func international(_ first: Int, _ values: UnsafeMutablePointer<UInt8>) {
        var count = 0
        var index = first + 1
        var end = index
        while true {
            while count < 16, byte(index).isDigit {
                if count < 15 { values[count] = byte(index) & 0xF }
                count += 1
                index += 1
            }
            guard count <= 15 else { break }
            end = index
            // The North American plan has eleven digits, hardly any country more than twelve.
            if count >= 11, values[0] == 1 || count >= 12 || byte(index) == 0x20 { break }
            var separators = 0
            while separators < 2, Self.partsPhone(byte(index)) {
                index += 1
                separators += 1
            }
            guard separators > 0, byte(index).isDigit else { break }
        }
        let digits = min(count, 15)
        var total = 0
        for index in first + 1..<end where byte(index).isDigit { total += 1 }
        guard total >= 8, digits >= 8, CountryCodes.isKnown(UnsafePointer(values)) else { return }
        let after = byte(end)
        if after.isDigit || after.isLetter || after == 0x5F { return }
        foundNumber(.phone, first, end)
    }

    /// An area code in parentheses.
    private mutating func bracketed(_ first: Int, _ values: UnsafeMutablePointer<UInt8>) {
        var count = 0
        var index = first + 1
        var end = index
        var isOpen = true
        while count < 13 {
            let next = byte(index)
            if next.isDigit {
                values[count] = next & 0xF
                count += 1
                index += 1
                end = index
            } else if next == 0x29, isOpen {
                guard (2...5).contains(count) else { return }
                isOpen = false
                index += byte(index + 1) == 0x20 || byte(index + 1) == 0x2D ? 2 : 1
                guard byte(index).isDigit else { return }
            } else {
                guard !isOpen, Self.partsPhone(next), next != 0x28, next != 0x29, byte(index + 1).isDigit else { break }
                index += 1
            }
        }
        guard !isOpen, values[0] == 0 ? (9...12).contains(count) : count == 10 && values[0] > 1 && values[3] > 1,
            endsApart(end)
        else { return }
        foundNumber(.phone, first, end)
    }

    /// A word for a phone ends before `end`: the first number within 32 bytes of it, of 7 to 15 digits.
    ///
    /// - Parameter isWhole: the word must stand by itself: `tel`, not `hotel` or `tell`.
    mutating func phoneWord(_ anchor: Int, _ end: Int, isWhole: Bool) {
        if isWhole, byte(anchor - 1).isLetter || byte(end).isLetter { return }
        var place = end
        while place - end < 32, place < count {
            if text[place].isDigit, !text[place - 1].isDigit {
                begin()
                let last = anyPhone(place)
                guard isSettled(from: place) else { return }
                if last > place { foundByPattern(BuiltIn.phone.index, place, last) }
                return
            }
            place += 1
        }
    }

    /// The end of the digits and separators from `start` on; `start` when they are no phone number.
    private mutating func anyPhone(_ start: Int) -> Int {
        guard beginsApart(start) else { return start }
        var index = start
        var end = start
        var digits = 0
        while true {
            while digits < 16, byte(index).isDigit {
                digits += 1
                index += 1
            }
            guard digits < 16 else { return start }
            end = index
            // A number after a blank may be the next thing in the text.
            if digits >= 10, byte(index) == 0x20 { break }
            guard Self.partsPhone(byte(index)) else { break }
            index += Self.partsPhone(byte(index + 1)) ? 2 : 1
            guard byte(index).isDigit else { break }
        }
        return digits >= 7 && endsApart(end) ? end : start
    }

    /// National forms, and any number in a column that is named for phones.
    mutating func phone(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int, _ before: UInt8) {
        if before == 0x2B || before == 0x28 { return }
        switch run.shape {
        case 0x334 where run.count == 10 && isNorthAmerican(values):
            if isUniform(run) { tellPhone(run.start, end) }
        case 0x1334 where values[0] == 1 && isNorthAmerican(values + 1):
            if isUniform(run) { tellPhone(run.start, end) }
        default:
            guard values[0] == 0, values[1] != 0, (9...12).contains(run.count), (2...6).contains(run.groups),
                isUniform(run) || run.separatorShape >> (2 * (run.groups - 2)) == 3 && run.groups > 1,
                run.shape >> (4 * (run.groups - 1)) >= 2, run.shape >> (4 * (run.groups - 1)) <= 5
            else { break }
            tellPhone(run.start, end)
        }
        // Words in the text are anchors of their own (`phoneWord`).
        if named.contains(.phone), isApart(run.start, end) { foundNumber(.phone, run.start, end) }
    }

    private mutating func tellPhone(_ start: Int, _ end: Int) {
        if isApart(start, end) { foundNumber(.phone, start, end) }
    }

    /// One kind of separator, and at least one of it.
    private func isUniform(_ run: NumberRun) -> Bool {
        run.groups > 1 && run.separators.rawValue.nonzeroBitCount == 1 && run.separators != .slash
    }

    /// Area and exchange begin with 2 to 9; neither is a service code (N11).
    private func isNorthAmerican(_ values: CheckDigits.Digits) -> Bool {
        values[0] > 1 && values[3] > 1 && !(values[1] == 1 && values[2] == 1) && !(values[4] == 1 && values[5] == 1)
    }

    private static func partsPhone(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x2D || byte == 0x2E || byte == 0x28 || byte == 0x29 || byte == 0x2F
    }
}

/// Country codes that are given out (ITU-T E.164).
enum CountryCodes {
    static func isKnown(_ values: CheckDigits.Digits) -> Bool {
        let three = CheckDigits.number(values, 0..<3)
        switch three / 100 {
        case 1, 7: return true
        default: break
        }
        switch three / 10 {
        case 20, 27, 30...34, 36, 39...41, 43...49, 51...58, 60...66, 81, 82, 84, 86, 90...95, 98: return true
        default: break
        }
        switch three {
        case 210, 214, 215, 217, 219, 259, 292...296, 384, 388, 422, 424...429, 671, 684, 693...699, 851, 854,
            857...859:
            return false
        case 211...299, 350...389, 420...423, 500...509, 590...599, 670...692, 800, 808, 850...859, 870, 878, 880...883,
            886, 888, 960...968, 970...977, 979, 992...996, 998:
            return true
        default: return false
        }
    }
}
