/// A row's text with the places of the values in it.
package struct TruthRow: Sendable {
    package struct Value: Sendable {
        package let detector: String
        /// Bytes of the text.
        package let range: Range<Int>
    }

    package let text: String
    package let values: [Value]
}

/// Rows as databases, logs and tickets have them: most of each is nothing, some of it is a value.
package struct RowGenerator: Sendable {
    private var random: SampleGenerator
    private let detectors: [String]

    package init(seed: UInt64, detectors: [String]) {
        random = SampleGenerator(seed: seed)
        self.detectors = detectors
    }

    /// - Parameter values: how many values it holds.
    package mutating func row(values count: Int) -> TruthRow {
        var text = ""
        var values: [TruthRow.Value] = []
        for _ in 0..<count {
            text += noise() + random.pick([" ", "; ", " | ", ", "])
            let name = random.pick(detectors)
            guard let sample = Samples.make(name, &random) else { continue }
            text += sample.before
            let start = text.utf8.count
            text += sample.value
            values.append(TruthRow.Value(detector: name, range: start..<text.utf8.count))
            text += sample.after + random.pick([" ", "; ", ". ", ", "])
        }
        text += noise()
        return TruthRow(text: text, values: values)
    }

    /// What stands in rows beside values, and looks a little like them.
    private mutating func noise() -> String {
        let day = "2026-\(random.number(10...12))-\(random.number(10...28))"
        let time = "\(random.number(10...23)):\(random.number(10...59)):\(random.number(10...59))"
        let number = random.number(1000...99_999_999)
        let place = random.pick(["Vienna", "Graz", "São Paulo", "Osaka", "Lyon"])
        let uuid =
            "\(random.text(8, of: SampleGenerator.hex))-\(random.text(4, of: SampleGenerator.hex))-4\(random.text(3, of: SampleGenerator.hex))-a\(random.text(3, of: SampleGenerator.hex))-\(random.text(12, of: SampleGenerator.hex))"
        return random.pick([
            "\(day) \(time) customer \(number) moved from \(place) to Graz and asked for a copy of the invoice",
            "{\"order\": \(number), \"status\": \"shipped\", \"total\": \(random.number(1...9999)).\(random.number(10...99)), \"at\": \"\(day)T\(time)Z\"}",
            "INFO request \(uuid) took \(random.number(1...900)) ms, \(random.number(100...99_999)) bytes, status 200",
            "parcel \(random.number(100...999)) of \(number) left \(place) on \(day), see https://track.example.com/p/\(number)",
            "a plain text column of an ordinary row, with words and little else in it, as most of them are",
            "commit \(random.text(40, of: SampleGenerator.hex)) by the build of \(day), version 4.\(random.number(1...30)).\(random.number(0...9))",
            "meeting at \(time.prefix(5)), room \(random.number(1...40)), bring the tokens of appreciation and the secret recipe",
            "lat \(random.number(10...80)).\(number), lon \(random.number(10...80)).\(random.number(100_000...999_999)), height \(random.number(100...900)) m",
            "SKU \(random.text(3, of: SampleGenerator.upper))-\(random.number(1000...9999)) qty \(random.number(1...99)) price $\(random.number(1...9)),\(random.number(100...999)).00 net",
            "the password was changed on \(day) and the user told; nothing else is known about ticket #\(number)",
        ])
    }
}
