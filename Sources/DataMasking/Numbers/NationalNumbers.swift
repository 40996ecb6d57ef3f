extension Scan {
    /// Tries the digits of a run as the national numbers that have this many.
    mutating func national(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int, _ before: UInt8) {
        switch run.count {
        case 9: nine(run, values, end)
        case 10: ten(run, values, end)
        case 11: eleven(run, values, end)
        case 12: twelve(run, values, end)
        case 13: thirteen(run, values, end)
        case 14: fourteen(run, values, end)
        case 15: fifteen(run, values, end)
        case 18 where run.isPlain && wants(.cnResidentID):
            if NationalChecks.china(values, last: values[17]) { tell(.cnResidentID, run, end) }
        default: break
        }
    }

    private mutating func tell(_ detector: BuiltIn, _ run: NumberRun, _ end: Int) {
        if isApart(run.start, end) { foundNumber(detector, run.start, end) }
    }

    /// Tells a number that says too little by itself: it needs a keyword.
    private mutating func tellNear(_ detector: BuiltIn, _ run: NumberRun, _ end: Int) {
        if isApart(run.start, end), isNear(detector, run.start) { foundNumber(detector, run.start, end) }
    }

    private mutating func nine(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0x324 where run.separators == .dash || run.separators == .space:
            if wants(.usSSN), NationalChecks.isSSN(values) { tell(.usSSN, run, end) }
            if wants(.usITIN), NationalChecks.isITIN(values) { tell(.usITIN, run, end) }
        case 0x333 where run.separators == .dash || run.separators == .space:
            if wants(.caSIN), values[0] != 8, CheckDigits.luhn(values, 9) { tell(.caSIN, run, end) }
            if wants(.auTFN), run.separators == .space, NationalChecks.australia(values) { tell(.auTFN, run, end) }
            if wants(.ptNIF), NationalChecks.portugal(values) { tellNear(.ptNIF, run, end) }
        case 0x9:
            if wants(.usSSN), NationalChecks.isSSN(values) { tellNear(.usSSN, run, end) }
            if wants(.usITIN), NationalChecks.isITIN(values) { tellNear(.usITIN, run, end) }
            if wants(.nlBSN), NationalChecks.netherlands(values) { tellNear(.nlBSN, run, end) }
            if wants(.caSIN), values[0] != 8, CheckDigits.luhn(values, 9) { tellNear(.caSIN, run, end) }
            if wants(.auTFN), NationalChecks.australia(values) { tellNear(.auTFN, run, end) }
            if wants(.ptNIF), NationalChecks.portugal(values) { tellNear(.ptNIF, run, end) }
            if wants(.usRouting), NationalChecks.isRouting(values) { tellNear(.usRouting, run, end) }
        case 0x423 where run.separators == .dot:
            if wants(.nlBSN), NationalChecks.netherlands(values) { tellNear(.nlBSN, run, end) }
        default: break
        }
    }

    private mutating func ten(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0xA:
            if wants(.sePersonnummer), NationalChecks.sweden(values) { tell(.sePersonnummer, run, end) }
            if wants(.ukNHS), NationalChecks.nhs(values) { tellNear(.ukNHS, run, end) }
            if wants(.atSVNR), NationalChecks.austria(values) { tellNear(.atSVNR, run, end) }
        case 0x334:
            guard wants(.ukNHS), NationalChecks.nhs(values) else { return }
            if run.separators == .space { tell(.ukNHS, run, end) }
            if run.separators == .dash { tellNear(.ukNHS, run, end) }
        case 0x64 where run.separators == .dash:
            if wants(.sePersonnummer), NationalChecks.sweden(values) { tell(.sePersonnummer, run, end) }
            if wants(.dkCPR), NationalChecks.denmark(values) { tell(.dkCPR, run, end) }
        case 0x46 where run.separators == .space:
            if wants(.atSVNR), NationalChecks.austria(values) { tell(.atSVNR, run, end) }
        default: break
        }
    }

    private mutating func eleven(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0xB:
            if wants(.plPESEL), NationalChecks.poland(values) { tell(.plPESEL, run, end) }
            if wants(.deTaxID), NationalChecks.germany(values) { tell(.deTaxID, run, end) }
            if wants(.brCPF), NationalChecks.cpf(values) { tell(.brCPF, run, end) }
            if wants(.noFodselsnummer), NationalChecks.norway(values) { tell(.noFodselsnummer, run, end) }
            if wants(.trTCKN), NationalChecks.turkey(values) { tell(.trTCKN, run, end) }
            if wants(.beNationalNumber), NationalChecks.belgium(values) { tell(.beNationalNumber, run, end) }
        case 0x3332 where run.separatorShape == 0b10_10_01:
            if wants(.brCPF), NationalChecks.cpf(values) { tell(.brCPF, run, end) }
        case 0x22232 where run.separatorShape == 0b10_10_01_10,
            0x632 where run.separators.isSubset(of: [.dash, .space, .dot]):
            if wants(.beNationalNumber), NationalChecks.belgium(values) { tell(.beNationalNumber, run, end) }
        case 0x2333 where run.separators == .space:
            if wants(.deTaxID), NationalChecks.germany(values) { tell(.deTaxID, run, end) }
        case 0x65 where run.separators == .space:
            if wants(.noFodselsnummer), NationalChecks.norway(values) { tell(.noFodselsnummer, run, end) }
        default: break
        }
    }

    private mutating func twelve(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0xC:
            if wants(.inAadhaar), values[0] > 1, CheckDigits.verhoeff(values, 12) { tellNear(.inAadhaar, run, end) }
            if wants(.jpMyNumber), NationalChecks.japan(values) { tellNear(.jpMyNumber, run, end) }
            if wants(.sePersonnummer), NationalChecks.swedenLong(values) { tell(.sePersonnummer, run, end) }
        case 0x444 where run.separators == .space || run.separators == .dash:
            if wants(.inAadhaar), values[0] > 1, CheckDigits.verhoeff(values, 12) { tell(.inAadhaar, run, end) }
            if wants(.jpMyNumber), NationalChecks.japan(values) { tell(.jpMyNumber, run, end) }
        case 0x84 where run.separators == .dash:
            if wants(.sePersonnummer), NationalChecks.swedenLong(values) { tell(.sePersonnummer, run, end) }
        default: break
        }
    }

    private mutating func thirteen(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0xD:
            if wants(.zaID), NationalChecks.southAfrica(values) { tell(.zaID, run, end) }
            if wants(.krRRN), NationalChecks.korea(values), NationalChecks.koreaDigit(values) { tell(.krRRN, run, end) }
            if wants(.chAHV), NationalChecks.switzerland(values) { tell(.chAHV, run, end) }
        case 0x67 where run.separators == .dash:
            // Numbers given out since October 2020 have no check digit.
            if wants(.krRRN), NationalChecks.korea(values) { tell(.krRRN, run, end) }
        case 0x3442 where run.separators == .dot || run.separators == .space:
            if wants(.chAHV), NationalChecks.switzerland(values) { tell(.chAHV, run, end) }
        case 0x643 where run.separators == .space:
            if wants(.zaID), NationalChecks.southAfrica(values) { tell(.zaID, run, end) }
        default: break
        }
    }

    private mutating func fourteen(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        guard wants(.brCNPJ), run.isPlain || run.shape == 0x23342 && run.separatorShape == 0b10_10_11_01,
            NationalChecks.cnpj(values)
        else { return }
        tell(.brCNPJ, run, end)
    }

    private mutating func fifteen(_ run: NumberRun, _ values: CheckDigits.Digits, _ end: Int) {
        switch run.shape {
        case 0xF, 0xD2, 0x1222332:
            if wants(.frNIR), run.separators.isSubset(of: .space), NationalChecks.france(values) {
                tell(.frNIR, run, end)
            }
            if run.isPlain, wants(.imei), CheckDigits.luhn(values, 15) { tellNear(.imei, run, end) }
        default: break
        }
    }
}
