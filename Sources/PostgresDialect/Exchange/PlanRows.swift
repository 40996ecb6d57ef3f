import NIOCore

/// Reads how many rows a plan is about from `EXPLAIN (FORMAT JSON)`: those that it answers with, and those that it changes
/// at any level, whichever are more.
///
/// One pass without recursion; strings are skipped as the format writes them, so that no name or literal is taken for a
/// part of the plan.
package struct PlanRows {
    /// A node of a plan, or another object.
    private struct Frame {
        var isModify = false
        var isInput = true
        var rows: Int?
        /// Of what a ModifyTable reads: what it changes.
        var inputs = 0
    }

    private static let maximumDepth = 512

    /// Nil when it is not such a plan.
    package static func read(_ text: UnsafeRawBufferPointer) -> Int? {
        var reader = PlanRows(text: text)
        return reader.read()
    }

    private let text: UnsafeRawBufferPointer
    private var index = 0
    private var frames: [Frame] = []
    private var most: Int?

    private init(text: UnsafeRawBufferPointer) { self.text = text }

    private mutating func read() -> Int? {
        var key: Range<Int>?
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "{"):
                guard frames.count < Self.maximumDepth else { return nil }
                frames.append(Frame())
                key = nil
                index += 1
            case UInt8(ascii: "}"):
                guard let frame = frames.popLast() else { return nil }
                close(frame)
                index += 1
            case UInt8(ascii: "\""):
                guard let string = string() else { return nil }
                if index < text.count, text[index] == UInt8(ascii: ":") {
                    key = string
                } else {
                    value(string, of: key)
                }
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let number = number()
                if spells(key, "Plan Rows"), !frames.isEmpty { frames[frames.count - 1].rows = number }
            default:
                index += 1
            }
        }
        return frames.isEmpty ? most : nil
    }

    private mutating func value(_ string: Range<Int>, of key: Range<Int>?) {
        guard !frames.isEmpty else { return }
        if spells(key, "Node Type") { frames[frames.count - 1].isModify = spells(string, "ModifyTable") }
        if spells(key, "Parent Relationship") {
            frames[frames.count - 1].isInput = spells(string, "Outer") || spells(string, "Member")
        }
    }

    private mutating func close(_ frame: Frame) {
        // The object around the plan is the only one without rows that matters.
        guard let rows = frame.rows else { return }
        if frames.last?.isModify ?? false, frame.isInput {
            frames[frames.count - 1].inputs = Self.sum(frames[frames.count - 1].inputs, rows)
        }
        if frame.isModify { most = max(most ?? 0, frame.inputs) }
        if frames.count == 1 { most = max(most ?? 0, rows) }
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    private func spells(_ range: Range<Int>?, _ word: StaticString) -> Bool {
        guard let range, range.count == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { $0.elementsEqual(text[range]) }
    }

    /// What stands between the quotes; the index moves behind them.
    private mutating func string() -> Range<Int>? {
        index += 1
        let start = index
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "\""):
                index += 1
                return start..<index - 1
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    /// The whole part; what is too large is as large as can be.
    private mutating func number() -> Int {
        var number = 0
        while index < text.count, text[index] &- 0x30 < 10 {
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            number = overflow ? .max : Self.sum(tens, Int(text[index] - 0x30))
            index += 1
        }
        while index < text.count, [0x2E, 0x2B, 0x2D, 0x45, 0x65].contains(text[index]) || text[index] &- 0x30 < 10 {
            index += 1
        }
        return number
    }
}
