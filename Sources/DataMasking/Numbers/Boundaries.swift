extension Scan {
    /// Whether what begins at `start` stands by itself: neither a word, nor a number, nor an amount goes on into it.
    mutating func beginsApart(_ start: Int) -> Bool {
        let before = byte(start - 1)
        if before.isDigit || before.isLetter { return false }
        switch before {
        case 0x5F, 0x24: return false
        case 0x2D, 0x2E, 0x2F, 0x2B:
            let further = byte(start - 2)
            return !(further.isDigit || further.isLetter)
        default: return true
        }
    }

    /// Whether what ends before `end` stands by itself.
    mutating func endsApart(_ end: Int) -> Bool {
        let after = byte(end)
        if after.isDigit || after.isLetter { return false }
        switch after {
        case 0x5F: return false
        case 0x2D, 0x2E, 0x2F:
            let further = byte(end + 1)
            return !(further.isDigit || further.isLetter)
        default: return true
        }
    }

    mutating func isApart(_ start: Int, _ end: Int) -> Bool { beginsApart(start) && endsApart(end) }

    /// Whether one of the detector's keywords stands within 40 bytes before `start`, or in the column's name.
    mutating func isNear(_ detector: BuiltIn, _ start: Int) -> Bool {
        if named.contains(detector) { return true }
        let initials = KeywordTable.initials[detector.index]
        var place = max(0, start - 40)
        while place < start {
            let letter = text[place] | 0x20
            if letter &- 0x61 < 26, initials >> UInt32(letter & 0x1F) & 1 == 1 {
                let past = UnsafeRawBufferPointer(start: text, count: start)
                for keyword in KeywordTable.bytes[detector.index]
                where Keyword.stands(keyword, at: place, in: past) {
                    return true
                }
            }
            place += 1
        }
        return false
    }
}

/// The keywords of detectors as lower-case bytes.
enum KeywordTable {
    static let bytes: [[[UInt8]]] = DetectorInfo.all.map { $0.keywords.map { Array($0.utf8) } }

    /// For each detector the letters that its keywords begin with, as bits.
    static let initials: [UInt32] = bytes.map { keywords in
        keywords.reduce(0) { $0 | 1 << UInt32(($1.first ?? 0) & 0x1F) }
    }

    private static let byInitial: [[(detector: Int, keyword: [UInt8])]] = {
        var table: [[(detector: Int, keyword: [UInt8])]] = Array(repeating: [], count: 32)
        for (index, keywords) in bytes.enumerated() {
            for keyword in keywords { table[Int((keyword.first ?? 0) & 0x1F)].append((index, keyword)) }
        }
        return table
    }()

    /// The detectors one of whose keywords `name` has, a column's name.
    static func detectors(namedIn name: String, of wanted: DetectorSet) -> DetectorSet {
        var name = name
        return name.withUTF8 { name in
            var found = DetectorSet()
            let text = UnsafeRawBufferPointer(name)
            for place in text.indices where text[place].isLetter {
                for entry in byInitial[Int(text[place] & 0x1F)]
                where wanted.contains(entry.detector) && Keyword.stands(entry.keyword, at: place, in: text) {
                    found.insert(entry.detector)
                }
            }
            return found
        }
    }
}

enum Keyword {
    /// Whether the lower-case `keyword` stands at `place` as a word of its own, in any case; `custSSN` and `cust_ssn`
    /// have the word `ssn`.
    static func stands(_ keyword: [UInt8], at place: Int, in text: UnsafeRawBufferPointer) -> Bool {
        guard place >= 0, place + keyword.count <= text.count else { return false }
        for (offset, byte) in keyword.enumerated() {
            let character = text[place + offset]
            guard character == byte || character.isUpper && character | 0x20 == byte else { return false }
        }
        if place > 0 {
            let before = text[place - 1]
            let isCamel = text[place].isUpper && before.isLetter && !before.isUpper
            if before.isLetter, !isCamel { return false }
        }
        let end = place + keyword.count
        guard end < text.count else { return true }
        return !text[end].isLetter || text[end].isUpper && !text[end - 1].isUpper
    }
}
