extension Scan {
    /// Finds what digits are part of. Text without digits is skipped eight bytes at a step.
    mutating func scanNumbers() {
        var index = 0
        while index < count {
            if index + 8 <= count {
                // Per byte: the high bit is set where the byte is no digit.
                let word = UInt64(littleEndian: UnsafeRawPointer(text + index).loadUnaligned(as: UInt64.self))
                let values = word ^ 0x3030_3030_3030_3030
                let others =
                    ((values & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
                if others == 0x8080_8080_8080_8080 {
                    index += 8
                    continue
                }
                index += (~others & 0x8080_8080_8080_8080).trailingZeroBitCount >> 3
            } else if !text[index].isDigit {
                index += 1
                continue
            }
            number(at: index)
            while index < count, text[index].isDigit { index += 1 }
        }
    }

    /// Looks at the group of digits that begins at `start`.
    private mutating func number(at start: Int) {
        let before = start > 0 ? text[start - 1] : 0
        begin()
        var end = start + 1
        while byte(end).isDigit, end - start <= NumberRun.most { end += 1 }
        let after = byte(end)
        let length = end - start
        // Too long for anything but an account number: the decimals of a number, a hash in digits.
        if length > NumberRun.most {
            if before.isLetter, wants(.iban) { lettersBefore(start, length) }
            return
        }
        // A group at the edge of what has come is part of the last word, which is held (`WindowTail`).
        if reachedEnd, !isFinal { return }

        if wantsHexadecimal, length <= 4, before.isColonOrHexLetter || after.isColonOrHexLetter || after == 0x2D {
            address(start, length)
        }
        if length <= 3, after == 0x2E, wants(.ipv4) { ipv4(start) }
        if wantsLettered {
            if before.isLetter { lettersBefore(start, length) }
            if before == 0x20, length == 2, wants(.ukNINO) { spacedNINO(start) }
            if after.isLetter || length == 6 { lettersAfter(start, length) }
        }
        if length >= 8, length <= 10, after == 0x3A, wants(.telegramToken) { telegram(start, end) }
        if wants(.phone), before == 0x2B || before == 0x28 { signedPhone(start, before) }
        if wantsGrouped { groups(start, before) }
    }

    static let hexadecimal = DetectorSet.of([.ipv6, .macAddress])
    static let lettered = DetectorSet.of([
        .iban, .ukNINO, .esDNI, .sgNRIC, .mxCURP, .itCodiceFiscale, .inPAN, .iePPS, .fiHETU, .cnResidentID, .frNIR,
    ])
    static let grouped = DetectorSet.of([
        .creditCard, .usSSN, .phone, .imei, .usITIN, .ukNHS, .deTaxID, .frNIR, .nlBSN, .beNationalNumber, .plPESEL,
        .sePersonnummer, .noFodselsnummer, .dkCPR, .chAHV, .atSVNR, .ptNIF, .brCPF, .brCNPJ, .caSIN, .auTFN,
        .inAadhaar, .cnResidentID, .krRRN, .jpMyNumber, .zaID, .trTCKN, .usRouting,
    ])

    /// Reads groups on from `start` and tries at the end of each what its digits may be.
    private mutating func groups(_ start: Int, _ before: UInt8) {
        var run = NumberRun(start: start)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberRun.most + 1) { digits in
            guard let values = digits.baseAddress else { return }
            begin()
            var index = start
            reading: while run.groups < 8 {
                let group = index
                while true {
                    let value = byte(index) &- 0x30
                    guard value < 10 else { break }
                    guard run.count < NumberRun.most else { break reading }
                    values[run.count] = value
                    run.count += 1
                    index += 1
                }
                run.groups += 1
                run.shape = run.shape << 4 | (index - group)
                // What a judgement reads beyond the end counts for the whole candidate.
                if run.count >= 7 { judge(run, UnsafePointer(values), end: index, before) }
                let separator = NumberRun.Separators(of: byte(index))
                guard separator != [], byte(index + 1).isDigit else { break }
                run.separators.insert(separator)
                run.separatorShape = run.separatorShape << 2 | separator.rawValue.trailingZeroBitCount
                index += 1
            }
            _ = isSettled(from: candidateStart(start, before))
        }
    }

    /// A sign or a parenthesis before the digits belongs to a phone number.
    private func candidateStart(_ start: Int, _ before: UInt8) -> Int {
        before == 0x2B || before == 0x28 ? start - 1 : start
    }

    private mutating func judge(_ run: NumberRun, _ values: CheckDigits.Digits, end: Int, _ before: UInt8) {
        if run.count >= 13, run.count <= 19, wants(.creditCard) { card(run, values, end) }
        national(run, values, end, before)
        if wants(.phone), run.count <= 15 { phone(run, values, end, before) }
    }
}

extension UInt8 {
    var isHexDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
    fileprivate var isColonOrHexLetter: Bool { self == 0x3A || (self | 0x20) &- 0x61 < 6 }
}
