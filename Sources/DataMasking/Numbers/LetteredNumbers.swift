/// Numbers that begin or end with letters.
extension Scan {
    /// Letters stand right before the group at `start`.
    mutating func lettersBefore(_ start: Int, _ length: Int) {
        var letters = 0
        while letters <= 6, byte(start - 1 - letters).isLetter { letters += 1 }
        let first = start - letters
        begin()
        switch letters {
        case 1 where length == 7: letterAndSeven(first)
        case 2:
            if length >= 2, wants(.iban) { iban(first) }
            if length == 6, wants(.ukNINO) { nino(first) }
        case 4 where length == 6 && wants(.mxCURP): curp(first)
        case 5 where length == 4 && wants(.inPAN): pan(first)
        case 6 where length == 2 && wants(.itCodiceFiscale): codiceFiscale(first)
        default: return
        }
        _ = isSettled(from: first)
    }

    /// A letter, or the sign of a century, may follow the group at `start`.
    mutating func lettersAfter(_ start: Int, _ length: Int) {
        begin()
        let end = start + length
        switch length {
        case 8 where wants(.esDNI):
            if checkLetter(start, end, value: number(start..<end)) { tellLettered(.esDNI, start, end + 1) }
        case 7 where wants(.iePPS): pps(start)
        case 6:
            if wants(.fiHETU) { hetu(start) }
            if wants(.frNIR) { corsican(start) }
        case 17 where wants(.cnResidentID) && byte(end) | 0x20 == 0x78:
            withDigits(start, 17) { scan, values in
                if NationalChecks.china(values, last: 10) { scan.tellLettered(.cnResidentID, start, end + 1) }
            }
        default: return
        }
        _ = isSettled(from: start)
    }

    private mutating func tellLettered(_ detector: BuiltIn, _ start: Int, _ end: Int) {
        if isApart(start, end) { foundNumber(detector, start, end) }
    }

    private mutating func number(_ range: Range<Int>) -> Int {
        var value = 0
        for index in range { value = value * 10 + Int(byte(index) & 0xF) }
        return value
    }

    /// Hands over the values of `count` digits from `start` on.
    private mutating func withDigits(_ start: Int, _ count: Int, _ body: (inout Scan, CheckDigits.Digits) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { values in
            for index in 0..<count { values[index] = byte(start + index) & 0xF }
            guard let base = values.baseAddress else { return }
            body(&self, UnsafePointer(base))
        }
    }

    // MARK: - Spain, Singapore

    /// Spain: the letter that the number modulo 23 stands for.
    private mutating func checkLetter(_ start: Int, _ end: Int, value: Int) -> Bool {
        let letters: StaticString = "TRWAGMYFPDXBNJZSQVHLCKE"
        return byte(end) & 0xDF == letters.utf8Start[value % 23]
    }

    private mutating func letterAndSeven(_ first: Int) {
        let letter = byte(first) & 0xDF
        let end = first + 8
        switch letter {
        case 0x58, 0x59, 0x5A:
            guard wants(.esDNI) else { return }
            let value = Int(letter - 0x58) * 10_000_000 + number(first + 1..<end)
            if checkLetter(first, end, value: value) { tellLettered(.esDNI, first, end + 1) }
        case 0x53, 0x54, 0x46, 0x47, 0x4D:
            guard wants(.sgNRIC), byte(end).isLetter else { return }
            var sum = letter == 0x54 || letter == 0x47 ? 4 : letter == 0x4D ? 3 : 0
            let weights: StaticString = "2765432"
            for index in 0..<7 { sum += Int(byte(first + 1 + index) & 0xF) * Int(weights.utf8Start[index] & 0xF) }
            let letters: StaticString =
                switch letter {
                case 0x53, 0x54: "JZIHGFEDCBA"
                case 0x46, 0x47: "XWUTRQPNMLK"
                default: "XWUTRQPNJLK"
                }
            if byte(end) & 0xDF == letters.utf8Start[sum % 11] { tellLettered(.sgNRIC, first, end + 1) }
        default: return
        }
    }

    // MARK: - United Kingdom, Ireland

    /// Prefixes that HM Revenue and Customs does not give out.
    private mutating func isNINOPrefix(_ first: Int) -> Bool {
        let one = byte(first)
        let two = byte(first + 1)
        guard one.isUpper, two.isUpper else { return false }
        let never: StaticString = "DFIQUV"
        for index in 0..<6 where one == never.utf8Start[index] || two == never.utf8Start[index] { return false }
        if two == 0x4F { return false }
        switch (one, two) {
        case (0x42, 0x47), (0x47, 0x42), (0x4B, 0x4E), (0x4E, 0x4B), (0x4E, 0x54), (0x54, 0x4E), (0x5A, 0x5A):
            return false
        default: return true
        }
    }

    private mutating func nino(_ first: Int) {
        guard isNINOPrefix(first), byte(first + 8) &- 0x41 < 4 else { return }
        tellLettered(.ukNINO, first, first + 9)
    }

    /// `AB 12 34 56 C`: the group at `start` is the first one.
    mutating func spacedNINO(_ start: Int) {
        begin()
        let first = start - 3
        guard byte(start - 2).isUpper, isNINOPrefix(first) else { return }
        for group in 0..<3 {
            let place = start + group * 3
            guard byte(place).isDigit, byte(place + 1).isDigit, byte(place + 2) == 0x20 else {
                _ = isSettled(from: first)
                return
            }
        }
        if byte(start + 9) &- 0x41 < 4 { tellLettered(.ukNINO, first, start + 10) }
        _ = isSettled(from: first)
    }

    /// Seven digits, a check letter, and from 2013 on a second letter that counts nine times.
    private mutating func pps(_ start: Int) {
        var sum = 0
        for index in 0..<7 { sum += Int(byte(start + index) & 0xF) * (8 - index) }
        let check = byte(start + 7) & 0xDF
        var end = start + 8
        let second = byte(end)
        if second.isLetter {
            let letter = second & 0xDF
            guard letter <= 0x49 || letter == 0x57 else { return }
            sum += letter == 0x57 ? 0 : Int(letter - 0x40) * 9
            end += 1
        }
        let rest = sum % 23
        if check == (rest == 0 ? 0x57 : UInt8(0x40 + rest)) { tellLettered(.iePPS, start, end) }
    }

    // MARK: - Finland, France

    private mutating func hetu(_ start: Int) {
        let sign = byte(start + 6)
        switch sign {
        case 0x2D, 0x2B, 0x41...0x46, 0x55...0x59: break
        default: return
        }
        for index in 7..<10 where !byte(start + index).isDigit { return }
        guard Calendar.isDay(month: number(start + 2..<start + 4), day: number(start..<start + 2)) else { return }
        let serial = number(start + 7..<start + 10)
        let letters: StaticString = "0123456789ABCDEFHJKLMNPRSTUVWXY"
        let value = number(start..<start + 6) * 1000 + serial
        guard serial >= 2, byte(start + 10) == letters.utf8Start[value % 31] else { return }
        tellLettered(.fiHETU, start, start + 11)
    }

    /// People born on Corsica have 2A or 2B for the department; it counts as 19 or 18.
    private mutating func corsican(_ start: Int) {
        let letter = byte(start + 6) & 0xDF
        guard letter == 0x41 || letter == 0x42, byte(start + 5) == 0x32 else { return }
        for index in 7..<15 where !byte(start + index).isDigit { return }
        let department = letter == 0x41 ? 19 : 18
        let head = (number(start..<start + 5) * 100 + department) * 1_000_000 + number(start + 7..<start + 13)
        guard NationalChecks.isFrench(sex: Int(byte(start) & 0xF), month: number(start + 3..<start + 5)),
            97 - head % 97 == number(start + 13..<start + 15)
        else { return }
        tellLettered(.frNIR, start, start + 15)
    }

    // MARK: - Mexico, India, Italy

    private mutating func curp(_ first: Int) {
        for index in 0..<4 where !byte(first + index).isUpper { return }
        let sex = byte(first + 10)
        guard sex == 0x48 || sex == 0x4D || sex == 0x58,
            Calendar.isDay(month: number(first + 6..<first + 8), day: number(first + 8..<first + 10))
        else { return }
        for index in 11..<16 where !byte(first + index).isUpper { return }
        let homonym = byte(first + 16)
        guard homonym.isUpper || homonym.isDigit, byte(first + 17).isDigit else { return }
        var sum = 0
        for index in 0..<17 {
            let character = byte(first + index)
            // The alphabet has an Ñ between N and O.
            let value =
                character.isDigit
                ? Int(character & 0xF) : Int(character) - 0x41 + 10 + (character > 0x4E ? 1 : 0)
            sum += value * (18 - index)
        }
        guard (10 - sum % 10) % 10 == Int(byte(first + 17) & 0xF) else { return }
        tellLettered(.mxCURP, first, first + 18)
    }

    /// The fourth letter is the holder's kind.
    private mutating func pan(_ first: Int) {
        for index in 0..<5 where !byte(first + index).isUpper { return }
        let kinds: StaticString = "ABCFGHJLPT"
        let kind = byte(first + 3)
        guard (0..<10).contains(where: { kinds.utf8Start[$0] == kind }), byte(first + 9).isUpper else { return }
        tellLettered(.inPAN, first, first + 10)
    }

    /// Letters may stand for digits where two people would have the same code.
    private mutating func codiceFiscale(_ first: Int) {
        for index in 0..<16 {
            let character = byte(first + index)
            guard character.isUpper || character.isDigit else { return }
        }
        let months: StaticString = "ABCDEHLMPRST"
        let month = byte(first + 8)
        guard (0..<12).contains(where: { months.utf8Start[$0] == month }) else { return }
        for index in [11, 15] where !byte(first + index).isUpper { return }
        // What a character is worth at odd places (Ministry of Finance, decree of 23 December 1976).
        let odd: StaticString = "BAFHJNPRTVCESULDGIMOQKWZYX"
        var sum = 0
        for index in 0..<15 {
            let character = byte(first + index)
            let value = character.isDigit ? Int(character & 0xF) : Int(character) - 0x41
            sum += index % 2 == 0 ? Int(odd.utf8Start[value]) - 0x41 : value
        }
        guard Int(byte(first + 15)) - 0x41 == sum % 26 else { return }
        tellLettered(.itCodiceFiscale, first, first + 16)
    }

    // MARK: - IBAN

    /// International bank account number (ISO 13616): the country's length, remainder 1 modulo 97.
    private mutating func iban(_ first: Int) {
        guard byte(first).isUpper, byte(first + 1).isUpper else { return }
        let length = BankCountries.length(byte(first), byte(first + 1))
        guard length > 0 else { return }
        var remainder = 0
        var head = 0
        var taken = 0
        var index = first
        while taken < length {
            let byte = byte(index)
            index += 1
            if byte == 0x20, taken > 0, taken % 4 == 0, self.byte(index) != 0x20 { continue }
            guard byte.isDigit || byte.isLetter else { return }
            let value = byte.isDigit ? Int(byte & 0xF) : Int(byte | 0x20) - 0x61 + 10
            // The first four characters count as if they stood at the end.
            if taken < 4 {
                head = byte.isDigit ? head * 10 + value : head * 100 + value
            } else {
                remainder = (byte.isDigit ? remainder * 10 + value : remainder * 100 + value) % 97
            }
            taken += 1
        }
        let after = byte(index)
        guard !after.isLetter, !after.isDigit, (remainder * 1_000_000 + head) % 97 == 1 else { return }
        foundNumber(.iban, first, index)
    }
}

/// Lengths of bank account numbers by country (the registry of ISO 13616).
enum BankCountries {
    static func length(_ one: UInt8, _ two: UInt8) -> Int {
        Int(table[Int(one - 0x41) * 26 + Int(two - 0x41)])
    }

    private static let table: [UInt8] = {
        let entries =
            "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27"
            + "GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22"
            + "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28"
            + "TL23TN24TR26UA29VA22VG24XK20YE30"
        let bytes = Array(entries.utf8)
        var table = [UInt8](repeating: 0, count: 26 * 26)
        for index in stride(from: 0, to: bytes.count, by: 4) {
            let place = Int(bytes[index] - 0x41) * 26 + Int(bytes[index + 1] - 0x41)
            table[place] = (bytes[index + 2] & 0xF) * 10 + (bytes[index + 3] & 0xF)
        }
        return table
    }()
}
