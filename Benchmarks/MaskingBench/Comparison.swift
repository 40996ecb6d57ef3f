import DataMasking
import Foundation
import MaskingSamples

/// Rows with their truth for another tool, and what ours makes of them.
struct Comparison {
    let seed: UInt64
    let count: Int

    /// The kinds that both know.
    private static let kinds = [
        "email", "credit_card", "iban", "us_ssn", "phone", "ipv4", "us_itin", "uk_nhs", "es_dni", "it_codice_fiscale",
        "pl_pesel", "sg_nric", "au_tfn", "in_pan", "in_aadhaar",
    ]

    private struct Row: Codable {
        struct Value: Codable {
            var kind: String
            /// Characters, not bytes.
            var start: Int
            var end: Int
        }

        var text: String
        var values: [Value]
        /// What this scanner hides.
        var found: [Value]
    }

    private struct Figures: Codable {
        var bytes: Int
        var seconds: Double
    }

    func write(rows path: String, figures: String) throws {
        var generator = RowGenerator(seed: seed, detectors: Self.kinds)
        let scanner = Choice.scanner(Self.kinds)
        var lines: [String] = []
        var texts: [[UInt8]] = []
        for number in 0..<count {
            let row = generator.row(values: number % 3)
            let bytes = Array(row.text.utf8)
            texts.append(bytes)
            func value(_ kind: String, _ range: Range<Int>) -> Row.Value {
                func characters(_ place: Int) -> Int {
                    String(decoding: bytes[..<place], as: UTF8.self).unicodeScalars.count
                }
                return Row.Value(kind: kind, start: characters(range.lowerBound), end: characters(range.upperBound))
            }
            let line = Row(
                text: row.text, values: row.values.map { value($0.detector, $0.range) },
                found: scanner.scan(bytes).map { value($0.detector.rawValue, $0.range) })
            lines.append(String(decoding: try JSONEncoder().encode(line), as: UTF8.self))
        }
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let repeats = 200
        let seconds = Clock.best(of: 3) {
            for _ in 0..<repeats { for text in texts { _ = scanner.scan(text) } }
        }
        let result = Figures(bytes: texts.reduce(0) { $0 + $1.count } * repeats, seconds: seconds)
        try JSONEncoder().encode(result).write(to: URL(fileURLWithPath: figures))
    }
}
