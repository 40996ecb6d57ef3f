import DataMasking
import NIOCore

/// A DataRow that is too large to be kept, masked while it passes: its length was told first, so nothing may change it.
struct OversizedRow {
    private let plan: MaskPlan
    private let columns: [RowDescription.Column]
    /// Bytes of the message that have not come yet.
    private(set) var remaining: Int
    private var index = -1
    /// The count or length word at hand.
    private var word: UInt32 = 0
    private var wordBytes = 2
    private var fieldRemaining = 0
    private var mask: OverwritingMask?

    /// - Parameter total: bytes of the message; its type and length have not been taken.
    init(_ total: Int, _ plan: MaskPlan, _ columns: [RowDescription.Column]) {
        self.plan = plan
        self.columns = columns
        remaining = total - 5
    }

    /// Whether every masked column can be overwritten and stay a value of its type.
    static func holds(_ plan: MaskPlan, _ columns: [RowDescription.Column]) -> Bool {
        plan.actions.count == columns.count
            && columns.indices.allSatisfy { index in
                passes(plan.actions[index], columns[index])
                    || shape(columns[index]).map { OverwritingMask.holds(plan.actions[index], $0) } ?? false
            }
    }

    /// Takes the next bytes of the message's body; false when the row is malformed or does not fit the plan.
    mutating func take(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        guard bytes.count <= remaining else { return false }
        remaining -= bytes.count
        var scratch: [UInt8] = []
        var position = 0
        while position < bytes.count {
            if wordBytes > 0 {
                word = word << 8 | UInt32(bytes[position])
                wordBytes -= 1
                output.writeInteger(bytes[position])
                position += 1
                guard wordBytes > 0 || begin(left: remaining + bytes.count - position) else { return false }
                continue
            }
            guard fieldRemaining > 0 else { return false }
            let step = min(fieldRemaining, bytes.count - position)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[position..<position + step])
            if mask != nil {
                scratch.removeAll(keepingCapacity: true)
                mask?.take(piece, into: &scratch)
                output.writeBytes(scratch)
            } else {
                output.writeBytes(piece)
            }
            position += step
            fieldRemaining -= step
            if fieldRemaining == 0 { next() }
        }
        return remaining > 0 || index == columns.count
    }

    /// A count or length word is there.
    private mutating func begin(left: Int) -> Bool {
        let value = word
        word = 0
        guard index >= 0 else {
            guard Int(value) == columns.count else { return false }
            next()
            return true
        }
        let length = Int32(bitPattern: value)
        guard length > 0 else {
            guard length == 0 || length == -1 else { return false }
            next()
            return true
        }
        guard Int(length) <= left else { return false }
        fieldRemaining = Int(length)
        guard !Self.passes(plan.actions[index], columns[index]) else { return true }
        guard let shape = Self.shape(columns[index]) else { return false }
        mask = plan.overwriting(column: index, shape: shape, length: Int(length))
        return mask != nil
    }

    /// Bytes are searched only where all of them are text, which cannot be told from a part.
    private static func passes(_ action: ColumnAction, _ column: RowDescription.Column) -> Bool {
        if case .scan = action { return column.type == TypeOID.bytea }
        return action == .pass
    }

    private mutating func next() {
        index += 1
        mask = nil
        wordBytes = index < columns.count ? 4 : 0
    }

    /// Nil for what cannot be overwritten byte by byte: binary formats with lengths and numbers inside.
    private static func shape(_ column: RowDescription.Column) -> OverwritingMask.Shape? {
        if TypeShape.isPlainText(column.type) { return .text }
        switch (column.type, column.format) {
        case (TypeOID.json, _), (TypeOID.jsonb, 0): return .json
        case (TypeOID.jsonb, _): return .binaryJSON
        case (TypeOID.bytea, 0): return .hexadecimal
        case (TypeOID.bytea, _): return .text
        case (_, 0): return .structured
        default: return nil
        }
    }
}

/// What of an oversized row must be seen before its masked columns are known whole.
enum RowPrefix: Equatable {
    /// Bytes of the message up to the end of its last masked column.
    case end(Int)
    /// They do not end within the limit.
    case beyond
    case needsMore
    case malformed

    /// - Parameters:
    ///   - total: bytes of the message at the reader index of `source`.
    ///   - limit: how many of them are waited for at most.
    static func find(_ total: Int, _ plan: MaskPlan, in source: ByteBuffer, limit: Int) -> RowPrefix {
        guard let last = plan.actions.lastIndex(where: { $0 != .pass }) else { return .end(7) }
        let start = source.readerIndex
        guard let count = source.getInteger(at: start + 5, as: UInt16.self) else { return .needsMore }
        guard Int(count) == plan.actions.count else { return .malformed }
        var end = 7
        for _ in 0...last {
            guard end + 4 <= total else { return .malformed }
            guard end + 4 <= limit else { return .beyond }
            guard end + 4 <= source.readableBytes,
                let length = source.getInteger(at: start + end, as: Int32.self)
            else { return .needsMore }
            guard length >= -1, Int(max(length, 0)) <= total - end - 4 else { return .malformed }
            end += 4 + Int(max(length, 0))
        }
        return end <= limit ? .end(end) : .beyond
    }
}
