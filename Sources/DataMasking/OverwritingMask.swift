/// Masks one value that comes in pieces and is too large to be kept: what is hidden is overwritten, so that the length,
/// which the protocol told first, stays true.
///
/// `redact`, `partial` and `null` overwrite the whole value, `hash` ends it with the hash. What detectors look for is
/// overwritten where it stands; a run of more than 64 KiB without a byte that parts words is overwritten as a whole.
package struct OverwritingMask: Sendable {
    /// What the bytes of the value must stay.
    package enum Shape: Sendable {
        /// Any text, also bytes in binary format.
        case text
        /// Bytes written as hexadecimal digits: `\x2a2a`.
        case hexadecimal
        /// One JSON value.
        case json
        /// The same behind a version byte.
        case binaryJSON
        /// Text with a shape that is not looked into: arrays, composites, documents, numbers.
        case structured
    }

    static let longestRun = 64 << 10

    private let shape: Shape
    private let length: Int
    private var position = 0
    private var hash: MaskKey.StreamedHash?
    private let scanner: Scanner?
    private var run: [UInt8] = []
    private var isOverlong = false
    /// What stands in structured text for a byte that is hidden.
    private var filler = Self.star

    init(_ action: ColumnAction, _ shape: Shape, length: Int, key: MaskKey) {
        self.shape = shape
        self.length = length
        if case .scan(let scanner) = action { self.scanner = scanner } else { scanner = nil }
        if action == .mask(.hash), shape == .text, length >= MaskKey.StreamedHash.length {
            hash = MaskKey.StreamedHash(key)
        }
    }

    /// Whether a value of this shape can be overwritten without becoming another kind of value.
    package static func holds(_ action: ColumnAction, _ shape: Shape) -> Bool {
        switch action {
        case .pass: true
        case .mask: shape != .structured
        case .scan: true
        case .deny: false
        }
    }

    /// Appends the masked form of the next piece, or of as much as can be told yet. Over all pieces as many bytes come
    /// out as went in; bytes beyond the length are not taken.
    package mutating func take(_ piece: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        let piece = UnsafeRawBufferPointer(rebasing: piece.prefix(length - position))
        if scanner != nil { scan(piece, into: &output) } else { overwrite(piece, into: &output) }
        position += piece.count
        guard position == length else { return }
        if scanner != nil { endRun(into: &output) }
        hash?.append(to: &output)
    }

    // MARK: - Whole

    private mutating func overwrite(_ piece: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        var end = piece.count
        if hash != nil {
            hash?.update(piece)
            end = max(0, min(end, length - MaskKey.StreamedHash.length - position))
        }
        for index in 0..<end { output.append(cover(position + index)) }
    }

    /// What stands at `index` of a value that is hidden as a whole.
    private func cover(_ index: Int) -> UInt8 {
        switch shape {
        case .text, .structured:
            return Self.star
        case .hexadecimal:
            // An odd number of characters is the older form, in which stars stand for themselves.
            guard length % 2 == 0 else { return Self.star }
            if index < 2 { return index == 0 ? UInt8(ascii: "\\") : UInt8(ascii: "x") }
            return index % 2 == 0 ? UInt8(ascii: "2") : UInt8(ascii: "a")
        case .json, .binaryJSON:
            let start = shape == .binaryJSON ? 1 : 0
            if index < start { return 1 }
            if length - start < 2 { return UInt8(ascii: "0") }
            return index == start || index == length - 1 ? UInt8(ascii: "\"") : Self.star
        }
    }

    // MARK: - Pieces found

    private mutating func scan(_ piece: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        for (offset, byte) in piece.enumerated() {
            if position + offset == 0, shape == .structured, byte.isDigit || byte == UInt8(ascii: "-") {
                // A number stays one.
                filler = UInt8(ascii: "0")
            }
            if Self.parts(byte) {
                endRun(into: &output)
                output.append(byte)
            } else if isOverlong {
                output.append(hidden(byte))
            } else {
                run.append(byte)
                guard run.count > Self.longestRun else { continue }
                for byte in run { output.append(hidden(byte)) }
                run.removeAll(keepingCapacity: true)
                isOverlong = true
            }
        }
    }

    private mutating func endRun(into output: inout [UInt8]) {
        isOverlong = false
        guard !run.isEmpty, let scanner else { return }
        let start = output.count
        output += run
        for edit in scanner.scan(run) {
            for index in edit.range.clamped(to: 0..<run.count) { output[start + index] = hidden(run[index]) }
        }
        run.removeAll(keepingCapacity: true)
    }

    /// Bytes that give structured text its shape stay: braces may stand right beside an address.
    private func hidden(_ byte: UInt8) -> UInt8 {
        guard shape != .text else { return Self.star }
        return byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") ? byte : filler
    }

    /// Bytes that no detector's find holds or looks across, so that the text between two of them stands for itself.
    private static func parts(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: "="),
            UInt8(ascii: ">"), UInt8(ascii: "["), UInt8(ascii: "\\"), UInt8(ascii: "]"):
            true
        default: false
        }
    }

    private static let star = UInt8(ascii: "*")
}
