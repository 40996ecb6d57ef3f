/// Addresses of networks and devices, found by their digits.
extension Scan {
    /// Four numbers up to 255 with dots between.
    mutating func ipv4(_ start: Int) {
        begin()
        defer { _ = isSettled(from: start) }
        let before = byte(start - 1)
        if before.isLetter || before == 0x2E || before == 0x5F { return }
        let end = ipv4End(start)
        guard end > start else { return }
        let after = byte(end)
        if after.isDigit || after.isLetter || after == 0x5F { return }
        if after == 0x2E, byte(end + 1).isDigit || byte(end + 1).isLetter { return }
        foundNumber(.ipv4, start, end)
    }

    /// Where the address that begins at `start` ends; `start` when there is none.
    private mutating func ipv4End(_ start: Int) -> Int {
        var index = start
        for part in 0..<4 {
            if part > 0 {
                guard byte(index) == 0x2E else { return start }
                index += 1
            }
            var value = 0
            var digits = 0
            while digits < 4, byte(index).isDigit {
                value = value * 10 + Int(byte(index) & 0xF)
                digits += 1
                index += 1
            }
            guard digits > 0, digits < 4, value < 256 else { return start }
        }
        return index
    }

    /// A hardware address or an IPv6 address around the group of digits at `start`, of which it is the first one.
    mutating func address(_ start: Int, _ length: Int) {
        if length <= 2, wants(.macAddress) { mac(start) }
        if wants(.ipv6) { ipv6(start) }
    }

    private mutating func mac(_ start: Int) {
        begin()
        var first = byte(start - 1).isHexDigit ? start - 1 : start
        // Pairs of letters before the first digit.
        for _ in 0..<5 {
            let separator = byte(first - 1)
            guard separator == 0x3A || separator == 0x2D, byte(first - 2).isHexLetter, byte(first - 3).isHexLetter,
                !byte(first - 4).isLetter
            else { break }
            first -= 3
        }
        defer { _ = isSettled(from: first) }
        let before = byte(first - 1)
        if before.isLetter || before.isDigit { return }
        let separator = byte(first + 2)
        guard separator == 0x3A || separator == 0x2D else { return }
        if before == separator, byte(first - 2).isHexDigit { return }
        for pair in 0..<6 {
            let place = first + pair * 3
            guard byte(place).isHexDigit, byte(place + 1).isHexDigit else { return }
            if pair < 5, byte(place + 2) != separator { return }
        }
        let end = first + 17
        let after = byte(end)
        if after.isLetter || after.isDigit || after == separator { return }
        foundNumber(.macAddress, first, end)
    }

    private mutating func ipv6(_ start: Int) {
        begin()
        var first = start
        while start - first <= 40, byte(first - 1).isHexLetter || byte(first - 1) == 0x3A { first -= 1 }
        defer { _ = isSettled(from: first) }
        let before = byte(first - 1)
        // A digit there has been the start of its own candidate.
        if before.isDigit || before.isLetter || before == 0x2E || before == 0x5F || before == 0x2D { return }
        // A colon that introduces: `addr:2001:db8::1` has it, and `addr:::1` before the two that `::1` begins with.
        if byte(first) == 0x3A, byte(first + 1) != 0x3A || byte(first + 2) == 0x3A { first += 1 }
        var index = first
        var groups = 0
        var isShortened = false
        var end = first
        if byte(index) == 0x3A {
            isShortened = true
            index += 2
            end = index
        }
        while groups < 8 {
            var digits = 0
            let group = index
            while digits <= 4, byte(index).isHexDigit {
                digits += 1
                index += 1
            }
            guard digits > 0, digits <= 4 else {
                if digits > 4 { return }
                break
            }
            if byte(index) == 0x2E, groups >= 1, groups <= 6 {
                let tail = ipv4End(group)
                guard tail > group else { return }
                groups += 2
                index = tail
                end = tail
                break
            }
            groups += 1
            end = index
            guard byte(index) == 0x3A else { break }
            if byte(index + 1) == 0x3A {
                guard !isShortened else { return }
                isShortened = true
                index += 2
                end = index
            } else {
                index += 1
            }
        }
        guard isShortened ? groups >= 1 && groups < 8 : groups == 8 else { return }
        // `12::30` is no address that anybody has.
        if isShortened, groups < 3, byte(first) != 0x3A, !byte(first + 2).isHexDigit { return }
        let after = byte(end)
        if after.isDigit || after.isLetter || after == 0x3A || after == 0x5F { return }
        if after == 0x2E, byte(end + 1).isDigit { return }
        foundNumber(.ipv6, first, end)
    }
}

extension UInt8 {
    fileprivate var isHexLetter: Bool { (self | 0x20) &- 0x61 < 6 }
}
