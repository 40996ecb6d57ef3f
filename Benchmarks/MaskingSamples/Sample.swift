/// A value of the kind that a detector finds, made up for this run, with what stands before it.
package struct Sample: Sendable {
    /// The detector's name.
    package let detector: String
    /// Stands right before the value and belongs to how it is written: a keyword, a header.
    package let before: String
    package let value: String
    package let after: String
    /// The value with its check broken, for detectors that check one.
    package let broken: String?

    package init(_ detector: String, _ value: String, before: String = "", after: String = "", broken: String? = nil) {
        self.detector = detector
        self.before = before
        self.value = value
        self.after = after
        self.broken = broken
    }

    package var text: String { before + value + after }
}

/// SplitMix64: the same values for the same seed on every machine.
package struct SampleGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }

    package mutating func text(_ count: Int, of alphabet: String) -> String {
        let characters = Array(alphabet)
        return String((0..<count).map { _ in characters[number(0...characters.count - 1)] })
    }

    package mutating func digits(_ count: Int) -> [Int] { (0..<count).map { _ in number(0...9) } }

    static let lower = "abcdefghijklmnopqrstuvwxyz"
    static let upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    static let figures = "0123456789"
    static let alphanumeric = lower + upper + figures
    static let hex = "0123456789abcdef"
}

/// Check digits by their definitions, written apart from the product's: what the bench calls true must not lean on it.
enum Checks {
    static func joined(_ digits: [Int]) -> String { digits.map(String.init).joined() }

    static func weighted(_ digits: [Int], _ weights: [Int]) -> Int {
        zip(digits, weights).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The digit that completes `digits` to a Luhn number, by trying.
    static func luhn(_ digits: [Int]) -> Int {
        (0...9).first { check in
            let sum = (digits + [check]).reversed().enumerated().reduce(0) { sum, item in
                let doubled = item.element * (item.offset % 2 == 1 ? 2 : 1)
                return sum + doubled / 10 + doubled % 10
            }
            return sum % 10 == 0
        } ?? 0
    }

    /// A long number modulo a small one, character by character; letters count from 10 on.
    static func remainder(_ text: String, _ modulus: Int) -> Int {
        text.reduce(0) { rest, character in
            let value = Int(String(character), radix: 36) ?? 0
            return (rest * (value > 9 ? 100 : 10) + value) % modulus
        }
    }

    static func verhoeff(_ digits: [Int]) -> Int {
        let table = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
            [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
            [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
            [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        ]
        let first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
        func permuted(_ digit: Int, _ times: Int) -> Int { (0..<times).reduce(digit) { value, _ in first[value] } }
        return (0...9).first { check in
            (digits + [check]).reversed().enumerated().reduce(0) { table[$0][permuted($1.element, $1.offset % 8)] } == 0
        } ?? 0
    }
}
