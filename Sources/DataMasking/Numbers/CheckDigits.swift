/// Sums over digits. `digits` hold values 0 to 9, not characters, unless said otherwise.
enum CheckDigits {
    typealias Digits = UnsafePointer<UInt8>

    /// ISO/IEC 7812 annex B: the last of `count` digits is the Luhn digit.
    static func luhn(_ digits: Digits, _ count: Int) -> Bool {
        var sum = 0
        for index in 0..<count {
            let value = Int(digits[count - 1 - index])
            sum += index % 2 == 0 ? value : value < 5 ? value * 2 : value * 2 - 9
        }
        return sum % 10 == 0
    }

    /// The Luhn sum over the digits among `characters`, of which there must be two.
    static func luhn(digitsOf characters: UnsafeBufferPointer<UInt8>) -> Bool {
        var sum = 0
        var count = 0
        for byte in characters.reversed() where byte.isDigit {
            let value = Int(byte & 0xF)
            sum += count % 2 == 0 ? value : value < 5 ? value * 2 : value * 2 - 9
            count += 1
        }
        return count >= 2 && sum % 10 == 0
    }

    /// ISO 7064 modulo 97 over letters and digits, the first four at the end; other characters do not count.
    static func mod97(_ characters: UnsafeBufferPointer<UInt8>) -> Bool {
        var head = 0
        var remainder = 0
        var taken = 0
        for byte in characters where byte.isDigit || byte.isLetter {
            let value = byte.isDigit ? Int(byte & 0xF) : Int(byte | 0x20) - 0x57
            let factor = byte.isDigit ? 10 : 100
            if taken < 4 { head = head * factor + value } else { remainder = (remainder * factor + value) % 97 }
            taken += 1
        }
        // Four characters take eight digits at most, but what they are worth depends on how many are letters.
        var scale = 1
        taken = 0
        for byte in characters where byte.isDigit || byte.isLetter {
            guard taken < 4 else { break }
            scale = scale * (byte.isDigit ? 10 : 100) % 97
            taken += 1
        }
        return taken == 4 && (remainder * scale + head) % 97 == 1
    }

    /// The weighted sum of the first `weights.count` digits.
    static func sum(_ digits: Digits, _ weights: StaticString) -> Int {
        var sum = 0
        for index in 0..<weights.utf8CodeUnitCount {
            // Weights above 9 are written as letters from A on.
            let byte = weights.utf8Start[index]
            sum += Int(digits[index]) * (byte.isDigit ? Int(byte & 0xF) : Int(byte) - 0x37)
        }
        return sum
    }

    static func number(_ digits: Digits, _ range: Range<Int>) -> Int {
        var value = 0
        for index in range { value = value * 10 + Int(digits[index]) }
        return value
    }

    /// ISO 7064 modulo 11, 10 with the check digit last.
    static func mod11_10(_ digits: Digits, _ count: Int) -> Bool {
        var product = 10
        for index in 0..<count - 1 {
            var sum = (Int(digits[index]) + product) % 10
            if sum == 0 { sum = 10 }
            product = sum * 2 % 11
        }
        return (11 - product) % 10 == Int(digits[count - 1])
    }

    /// Verhoeff's scheme over the dihedral group of order ten.
    static func verhoeff(_ digits: Digits, _ count: Int) -> Bool {
        var check = 0
        for index in 0..<count {
            let permuted = permute(Int(digits[count - 1 - index]), index % 8)
            check = multiply(check, permuted)
        }
        return check == 0
    }

    private static func multiply(_ left: Int, _ right: Int) -> Int {
        // Rotations are 0 to 4, reflections 5 to 9.
        switch (left < 5, right < 5) {
        case (true, true): (left + right) % 5
        case (true, false): (left + right - 5) % 5 + 5
        case (false, true): (left - 5 + 5 - right) % 5 + 5
        case (false, false): (left - right + 5) % 5
        }
    }

    private static func permute(_ digit: Int, _ times: Int) -> Int {
        let permutation: StaticString = "1576283094"
        var digit = digit
        for _ in 0..<times { digit = Int(permutation.utf8Start[digit] & 0xF) }
        return digit
    }

    /// EAN-13: the last digit makes the alternating sum a multiple of ten.
    static func ean13(_ digits: Digits) -> Bool {
        var sum = 0
        for index in 0..<13 { sum += Int(digits[index]) * (index % 2 == 0 ? 1 : 3) }
        return sum % 10 == 0
    }
}

/// Days of the calendar.
enum Calendar {
    static func isDay(_ year: Int, _ month: Int, _ day: Int) -> Bool {
        guard (1...12).contains(month), day >= 1 else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days =
            switch month {
            case 2: isLeap ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        return day <= days
    }

    /// A day of a year whose century is not known: 29 February passes.
    static func isDay(month: Int, day: Int) -> Bool { isDay(2000, month, day) }
}
