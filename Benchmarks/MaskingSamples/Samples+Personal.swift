extension Samples {
    static func personal(_ name: String, _ random: inout SampleGenerator) -> Sample? {
        switch name {
        case "email":
            let user = random.text(random.number(3...12), of: SampleGenerator.lower)
            let host = random.text(random.number(3...10), of: SampleGenerator.lower)
            return Sample(
                name,
                user + random.pick(["", ".x", "+tag", "_9"]) + "@" + host + random.pick([".com", ".co.uk", ".de"]))
        case "credit_card": return card(&random)
        case "iban": return iban(&random)
        case "us_ssn":
            let area = random.pick([random.number(1...665), random.number(667...899)])
            let text = String(100_0000_00 + random.number(1...99) * 10_000 + random.number(1...9999)).suffix(6)
            let value = String(String(1000 + area).suffix(3)) + "-" + text.prefix(2) + "-" + text.suffix(4)
            return Sample(name, value, broken: "000" + value.dropFirst(3))
        case "phone":
            let tail = Checks.joined(random.digits(4))
            return Sample(
                name,
                random.pick([
                    "+44 20 \(random.number(7000...7999)) \(tail)", "+49 30 \(random.number(900_000...999_999))",
                    "+1 (\(random.number(202...209))) \(random.number(230...299))-\(tail)",
                    "+33 6 12 34 \(tail.prefix(2)) \(tail.suffix(2))",
                    "(\(random.number(302...310))) \(random.number(230...299))-\(tail)",
                    "\(random.number(402...410))-\(random.number(230...299))-\(tail)",
                    "020 \(random.number(7000...7999)) \(tail)", "0171 \(random.number(1_000_000...9_999_999))",
                ]))
        case "ipv4":
            return Sample(
                name, (0..<4).map { _ in String(random.number(1...254)) }.joined(separator: "."), broken: "300.1.2.3")
        case "ipv6":
            let groups = (0..<8).map { _ in String(random.number(4096...65535), radix: 16) }
            return Sample(
                name,
                random.pick([
                    groups.joined(separator: ":"), "2001:db8::" + groups[0] + ":7" + groups[1].prefix(3),
                    "fe80::1:" + groups[2],
                    "::ffff:192.0.2." + String(random.number(1...254)),
                ]))
        case "mac_address":
            let separator = random.pick([":", "-"])
            var pairs = (0..<6).map { _ in random.text(2, of: SampleGenerator.hex) }
            pairs[random.number(0...5)] = "5e"
            return Sample(
                name, pairs.joined(separator: separator), broken: pairs.dropLast().joined(separator: separator))
        case "imei":
            let head = [3, 5] + random.digits(12)
            let check = Checks.luhn(head)
            return Sample(
                name, Checks.joined(head + [check]), before: "IMEI: ", broken: Checks.joined(head + [(check + 1) % 10]))
        case "date_of_birth":
            let (year, month, day) = (random.number(1920...2015), random.number(1...12), random.number(10...28))
            let two = month < 10 ? "0\(month)" : "\(month)"
            return Sample(
                name,
                random.pick([
                    "\(year)-\(two)-\(day)", "\(day).\(two).\(year)", "\(two)/\(day)/\(year)", "\(day) May \(year)",
                    "June \(day), \(year)",
                ]),
                before: random.pick(["born ", "date of birth: ", "DOB ", "\"birthdate\": \"", "Birthday is on "]),
                broken: "\(year)-13-45")
        default: return nil
        }
    }

    private static func card(_ random: inout SampleGenerator) -> Sample {
        let (prefix, count) = random.pick([
            ([4], 16), ([5, 1], 16), ([5, 5], 16), ([3, 4], 15), ([3, 7], 15), ([6, 0, 1, 1], 16), ([3, 5, 3, 0], 16),
            ([3, 6], 14), ([2, 2, 2, 1], 16), ([6, 2], 16),
        ])
        let head = prefix + random.digits(count - 1 - prefix.count)
        let check = Checks.luhn(head)
        func shown(_ digits: [Int], _ style: Int) -> String {
            guard style > 0, count == 16 else { return Checks.joined(digits) }
            return stride(from: 0, to: 16, by: 4).map { Checks.joined(Array(digits[$0..<$0 + 4])) }
                .joined(separator: style == 1 ? " " : "-")
        }
        let style = random.number(0...2)
        return Sample("credit_card", shown(head + [check], style), broken: shown(head + [(check + 1) % 10], style))
    }

    private static func iban(_ random: inout SampleGenerator) -> Sample {
        let (country, length, letters) = random.pick([
            ("DE", 22, 0), ("FR", 27, 0), ("GB", 22, 4), ("NL", 18, 4), ("ES", 24, 0), ("AT", 20, 0), ("CH", 21, 0),
            ("NO", 15, 0),
        ])
        let account =
            random.text(letters, of: SampleGenerator.upper) + Checks.joined(random.digits(length - 4 - letters))
        let check = 98 - Checks.remainder(account + country + "00", 97)
        let digits = check < 10 ? "0\(check)" : "\(check)"
        let value = country + digits + account
        let wrong = country + (digits == "50" ? "51" : "50") + account
        guard random.number(0...1) == 1 else { return Sample("iban", value, broken: wrong) }
        let characters = Array(value)
        let spaced = stride(from: 0, to: length, by: 4)
            .map { String(characters[$0..<min($0 + 4, length)]) }.joined(separator: " ")
        return Sample("iban", spaced, broken: wrong)
    }
}
