import DataMasking
import Foundation
import MaskingSamples

/// What detectors cost and how well they find: block and stream scanners beside the pattern engine alone, time of a row,
/// recall and precision by detector on made-up rows with exact truth.
///
///     masking-bench [--short] [--seed N] [--rows FILE --figures FILE]
///
/// `--rows` writes rows with their truth as JSON lines for another tool, `--figures` the speed on these rows.
@main
struct MaskingBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        let isShort = arguments.contains("--short")
        func value(_ name: String) -> String? {
            arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
        }
        let seed = value("--seed").flatMap(UInt64.init) ?? 4
        if let rows = value("--rows"), let figures = value("--figures") {
            return try Comparison(seed: seed, count: isShort ? 200 : 600).write(rows: rows, figures: figures)
        }
        print("seed \(seed)")
        try Throughput(seed: seed, isShort: isShort).run()
        Quality(seed: seed, isShort: isShort).run()
    }
}

/// Sets of detectors that are measured.
enum Choice {
    static let five = ["email", "credit_card", "iban", "us_ssn", "phone"]
    static let all = Detector.allCases.map(\.rawValue)

    static func scanner(_ names: [String]) -> DataMasking.Scanner {
        DataMasking.Scanner(names.compactMap { Detector(rawValue: $0) }.map { ($0, .redact) })
    }
}

enum Clock {
    /// The best of some runs, in seconds: what the machine's other work adds is no cost of ours.
    static func best(of runs: Int, _ body: () -> Void) -> Double {
        (0..<runs).map { _ in
            let begin = ContinuousClock.now
            body()
            return (ContinuousClock.now - begin) / .seconds(1)
        }.min() ?? .infinity
    }
}

enum Table {
    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func number(_ value: Double, _ width: Int, _ places: Int = 2) -> String {
        right(String(format: "%.\(places)f", value), width)
    }
}
