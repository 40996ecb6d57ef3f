extension Samples {
    static func national(_ name: String, _ random: inout SampleGenerator) -> Sample? {
        let (year, month, day) = (random.number(10...99), random.number(1...12), random.number(1...28))
        let date = [year / 10, year % 10, month / 10, month % 10, day / 10, day % 10]
        let european = [day / 10, day % 10, month / 10, month % 10, year / 10, year % 10]
        func made(_ digits: [Int], _ groups: [Int] = [], _ separators: [String] = [], near: String = "") -> Sample {
            var broken = digits
            broken[digits.count - 1] = (digits[digits.count - 1] + 1) % 10
            return Sample(
                name, grouped(digits, groups, separators), before: near, broken: grouped(broken, groups, separators))
        }
        switch name {
        case "us_itin":
            let tail = Checks.joined(random.digits(4))
            let value = "9\(random.number(10...99))-\(random.number(70...88))-\(tail)"
            return Sample(name, value, broken: "912-93-\(tail)")
        case "uk_nhs":
            let head = retry(&random) { random in
                let head = [random.number(4...7)] + random.digits(8)
                return 11 - Checks.weighted(head, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 == 10 ? nil : head
            }
            let check = 11 - Checks.weighted(head, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
            return made(head + [check % 11], [3, 3, 4], [" ", " "])
        case "uk_nino":
            let tail = Checks.joined(random.digits(6))
            let letters = random.pick(["AB", "CE", "JG", "PX", "WM"])
            return Sample(name, letters + tail + random.pick(["A", "B", "C", "D"]), broken: "DA" + tail + "A")
        case "de_tax_id":
            var head = Array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].shuffled(using: &random).prefix(9))
            head.insert(head[random.number(0...8)], at: random.number(0...9))
            if head[0] == 0 { head.reverse() }
            if head[0] == 0 { head.swapAt(0, 4) }
            var product = 10
            for digit in head {
                let sum = (digit + product) % 10
                product = (sum == 0 ? 10 : sum) * 2 % 11
            }
            let digits = head + [(11 - product) % 10]
            return random.number(0...1) == 0 ? made(digits) : made(digits, [2, 3, 3, 3], [" ", " ", " "])
        case "fr_nir":
            let head = [random.number(1...2), year / 10, year % 10, month / 10, month % 10] + random.digits(8)
            let key = 97 - Checks.remainder(Checks.joined(head), 97)
            return made(
                head + [key / 10, key % 10], random.number(0...1) == 0 ? [] : [1, 2, 2, 2, 3, 3, 2],
                Array(repeating: " ", count: 6))
        case "es_dni":
            let number = random.number(10_000_000...99_999_999)
            let letters = Array("TRWAGMYFPDXBNJZSQVHLCKE")
            return Sample(
                name, "\(number)\(letters[number % 23])", broken: "\(number)\(letters[(number + 1) % 23])")
        case "it_codice_fiscale": return codiceFiscale(&random)
        case "nl_bsn":
            let head = retry(&random) { random in
                let head = [random.number(1...9)] + random.digits(7)
                return Checks.weighted(head, [9, 8, 7, 6, 5, 4, 3, 2]) % 11 == 10 ? nil : head
            }
            return made(head + [Checks.weighted(head, [9, 8, 7, 6, 5, 4, 3, 2]) % 11], near: "BSN ")
        case "be_national_number":
            let head = date + random.digits(3)
            let key = 97 - Checks.remainder(Checks.joined(head), 97)
            return made(head + [key / 10, key % 10], [2, 2, 2, 3, 2], [".", ".", "-", "."])
        case "pl_pesel":
            let head = date + random.digits(4)
            return made(head + [(10 - Checks.weighted(head, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10])
        case "se_personnummer":
            let head = date + random.digits(3)
            return made(head + [Checks.luhn(head)], [6, 4], ["-"])
        case "no_fodselsnummer":
            return made(
                retry(&random) { random in
                    let head = european + random.digits(3)
                    let first = (11 - Checks.weighted(head, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11
                    let second = (11 - Checks.weighted(head + [first], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11
                    return first == 10 || second == 10 ? nil : head + [first, second]
                })
        case "dk_cpr":
            let tail = Checks.joined(random.digits(4))
            return Sample(name, Checks.joined(european) + "-" + tail, broken: "320180-" + tail)
        case "fi_hetu":
            let serial = random.number(2...899)
            let letters = Array("0123456789ABCDEFHJKLMNPRSTUVWXY")
            let number = ((Int(Checks.joined(european)) ?? 0) * 1000 + serial)
            let head = Checks.joined(european) + random.pick(["-", "A"]) + String(1000 + serial).suffix(3)
            return Sample(name, head + String(letters[number % 31]), broken: head + String(letters[(number + 1) % 31]))
        case "ch_ahv":
            let head = [7, 5, 6] + random.digits(9)
            let sum = Checks.weighted(head, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3])
            return made(head + [(10 - sum % 10) % 10], [3, 4, 4, 2], [".", ".", "."])
        case "at_svnr":
            return made(
                retry(&random) { random in
                    let serial = [random.number(1...9)] + random.digits(2)
                    let check = Checks.weighted(serial + european, [3, 7, 9, 5, 8, 4, 2, 1, 6]) % 11
                    return check == 10 ? nil : serial + [check] + european
                }, [4, 6], [" "])
        case "ie_pps":
            let head = random.digits(7)
            let rest = Checks.weighted(head, [8, 7, 6, 5, 4, 3, 2]) % 23
            let letters = Array("WABCDEFGHIJKLMNOPQRSTUV")
            return Sample(
                name, Checks.joined(head) + String(letters[rest]),
                broken: Checks.joined(head) + String(letters[(rest + 1) % 23]))
        case "pt_nif":
            let head = [random.number(1...3)] + random.digits(7)
            let check = 11 - Checks.weighted(head, [9, 8, 7, 6, 5, 4, 3, 2]) % 11
            return made(head + [check > 9 ? 0 : check], near: "NIF: ")
        case "br_cpf":
            let head = random.digits(8) + [random.number(0...9)]
            let first = Checks.weighted(head, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
            let one = first < 2 ? 0 : 11 - first
            let second = Checks.weighted(head + [one], [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
            let digits = head + [one, second < 2 ? 0 : 11 - second]
            return random.number(0...1) == 0 ? made(digits) : made(digits, [3, 3, 3, 2], [".", ".", "-"])
        case "br_cnpj":
            let head = random.digits(8) + [0, 0, 0, 1]
            let first = Checks.weighted(head, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
            let one = first < 2 ? 0 : 11 - first
            let second = Checks.weighted(head + [one], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
            return made(head + [one, second < 2 ? 0 : 11 - second], [2, 3, 3, 4, 2], [".", ".", "/", "-"])
        case "mx_curp": return curp(&random, date)
        case "ca_sin":
            let head = [random.number(1...7)] + random.digits(7)
            return made(head + [Checks.luhn(head)], [3, 3, 3], ["-", "-"])
        case "au_tfn":
            return made(
                retry(&random) { random in
                    let head = random.digits(8)
                    let sum = Checks.weighted(head, [1, 4, 3, 7, 5, 8, 6, 9])
                    return (0...9).first { (sum + 10 * $0) % 11 == 0 }.map { head + [$0] }
                }, [3, 3, 3], [" ", " "])
        case "in_aadhaar":
            let head = [random.number(2...9)] + random.digits(10)
            return made(head + [Checks.verhoeff(head)], [4, 4, 4], [" ", " "])
        case "in_pan":
            let tail = Checks.joined(random.digits(4))
            let letters = random.text(3, of: SampleGenerator.upper)
            return Sample(name, letters + "P" + "K" + tail + "Q", broken: letters + "O" + "K" + tail + "Q")
        case "cn_resident_id":
            let head = [1, 1, 0, 1, 0, random.number(1...9), 1, 9] + date + random.digits(3)
            let rest = Checks.weighted(head, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11
            let marks = Array("10X98765432")
            return Sample(
                name, Checks.joined(head) + String(marks[rest]),
                broken: Checks.joined(head) + String(marks[(rest + 1) % 11]))
        case "kr_rrn":
            let tail = Checks.joined([random.number(1...4)] + random.digits(6))
            return Sample(name, Checks.joined(date) + "-" + tail, broken: "901345-" + tail)
        case "jp_my_number":
            let head = random.digits(11)
            let rest = Checks.weighted(head, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
            return made(head + [rest <= 1 ? 0 : 11 - rest], [4, 4, 4], [" ", " "])
        case "sg_nric":
            let head = random.digits(7)
            let sum = Checks.weighted(head, [2, 7, 6, 5, 4, 3, 2])
            let (letter, marks, offset) = random.pick([
                ("S", "JZIHGFEDCBA", 0), ("T", "JZIHGFEDCBA", 4), ("F", "XWUTRQPNMLK", 0), ("G", "XWUTRQPNMLK", 4),
            ])
            let characters = Array(marks)
            return Sample(
                name, letter + Checks.joined(head) + String(characters[(sum + offset) % 11]),
                broken: letter + Checks.joined(head) + String(characters[(sum + offset + 1) % 11]))
        case "za_id":
            let head = date + random.digits(4) + [random.number(0...1), 8]
            return made(head + [Checks.luhn(head)])
        case "tr_tckn":
            let head = [random.number(1...9)] + random.digits(8)
            let odd = head[0] + head[2] + head[4] + head[6] + head[8]
            let even = head[1] + head[3] + head[5] + head[7]
            let tenth = ((odd * 7 - even) % 10 + 10) % 10
            return made(head + [tenth, (odd + even + tenth) % 10])
        case "us_routing":
            let head = [0, random.number(1...9)] + random.digits(6)
            let sum = Checks.weighted(head, [3, 7, 1, 3, 7, 1, 3, 7])
            return made(head + [(10 - sum % 10) % 10], near: "routing number ")
        default: return nil
        }
    }

    private static func grouped(_ digits: [Int], _ groups: [Int], _ separators: [String]) -> String {
        guard !groups.isEmpty else { return Checks.joined(digits) }
        var text = ""
        var start = 0
        for (index, length) in groups.enumerated() {
            if index > 0 { text += separators[index - 1] }
            text += Checks.joined(Array(digits[start..<start + length]))
            start += length
        }
        return text
    }

    private static func retry<Value>(
        _ random: inout SampleGenerator, _ body: (inout SampleGenerator) -> Value?
    ) -> Value {
        while true {
            if let value = body(&random) { return value }
        }
    }

    private static func codiceFiscale(_ random: inout SampleGenerator) -> Sample {
        let month = random.pick(Array("ABCDEHLMPRST"))
        let head =
            random.text(6, of: "BCDFGLMNPRSTV") + String(random.number(10...99)) + String(month)
            + String(random.number(10...28)) + random.pick(["H", "F", "L"]) + String(random.number(100...999))
        let odd: [Character: Int] = [
            "0": 1, "1": 0, "2": 5, "3": 7, "4": 9, "5": 13, "6": 15, "7": 17, "8": 19, "9": 21, "A": 1, "B": 0, "C": 5,
            "D": 7,
            "E": 9, "F": 13, "G": 15, "H": 17, "I": 19, "J": 21, "K": 2, "L": 4, "M": 18, "N": 20, "O": 11, "P": 3,
            "Q": 6,
            "R": 8, "S": 12, "T": 14, "U": 16, "V": 10, "W": 22, "X": 25, "Y": 24, "Z": 23,
        ]
        let letters = Array(SampleGenerator.upper)
        var sum = 0
        for (index, character) in head.enumerated() {
            if index % 2 == 0 {
                sum += odd[character] ?? 0
            } else {
                sum += character.wholeNumberValue ?? letters.firstIndex(of: character) ?? 0
            }
        }
        return Sample(
            "it_codice_fiscale", head + String(letters[sum % 26]), broken: head + String(letters[(sum + 1) % 26]))
    }

    private static func curp(_ random: inout SampleGenerator, _ date: [Int]) -> Sample {
        let head =
            random.text(4, of: "BCDFGHLMNPRST") + Checks.joined(date) + random.pick(["H", "M"]) + "DF"
            + random.text(3, of: "BCDFGHLMNPRSTVZ") + random.pick(["0", "A"])
        let alphabet = Array("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ")
        var sum = 0
        for (index, character) in head.enumerated() { sum += (alphabet.firstIndex(of: character) ?? 0) * (18 - index) }
        let check = (10 - sum % 10) % 10
        return Sample("mx_curp", head + "\(check)", broken: head + "\((check + 1) % 10)")
    }
}
