/// Masks one value that comes in pieces and is too large to be kept: what is hidden is overwritten, so that the length,
/// which the protocol told first, stays true.
///
/// `redact`, `partial` and `null` overwrite the whole value, `hash` ends it with the hash. What detectors look for is
/// overwritten where it stands.
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

    private let shape: Shape
    private let length: Int
    private var position = 0
    private var hash: MaskKey.StreamedHash?
    private var stream: StreamScanner?
    private var sink: OverwritingSink
    init(_ action: ColumnAction, _ shape: Shape, length: Int, key: MaskKey) {
        self.shape = shape
        self.length = length
        sink = OverwritingSink(keepsShape: shape != .text)
        if case .scan(let scanner) = action { stream = StreamScanner(scanner) }
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
        // Parts of a value are told from its whole.
        case .json, .deny: false
        }
    }

    /// Appends the masked form of the next piece, or of as much as can be told yet. Over all pieces as many bytes come
    /// out as went in; bytes beyond the length are not taken.
    package mutating func take(_ piece: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        let piece = UnsafeRawBufferPointer(rebasing: piece.prefix(length - position))
        let isLast = position + piece.count == length
        if stream != nil { scan(piece, isLast: isLast, into: &output) } else { overwrite(piece, into: &output) }
        position += piece.count
        if isLast { hash?.append(to: &output) }
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

    private mutating func scan(
        _ piece: UnsafeRawBufferPointer, isLast: Bool, into output: inout [UInt8]
    ) {
        guard stream != nil else { return }
        if position == 0, shape == .structured, let first = piece.first, first.isDigit || first == UInt8(ascii: "-") {
            // A number stays one.
            sink.filler = UInt8(ascii: "0")
        }
        swap(&sink.output, &output)
        stream?.take(piece, &sink)
        if isLast { stream?.finish(&sink) }
        swap(&sink.output, &output)
    }

    private static let star = UInt8(ascii: "*")
}

/// Puts a byte in the place of each that a find hides.
private struct OverwritingSink: StreamSink, Sendable {
    /// Bytes that give structured text its shape stay: braces may stand right beside an address.
    let keepsShape: Bool
    /// What stands for a byte that is hidden.
    var filler = UInt8(ascii: "*")
    var output: [UInt8] = []
    /// The byte before is a backslash that stayed: what it escapes must stay too.
    private var isEscaped = false

    init(keepsShape: Bool) { self.keepsShape = keepsShape }

    mutating func pass(_ bytes: UnsafeRawBufferPointer) {
        output.append(contentsOf: bytes)
        guard keepsShape else { return }
        var backslashes = 0
        while backslashes < bytes.count, bytes[bytes.count - 1 - backslashes] == 0x5C { backslashes += 1 }
        if backslashes == bytes.count, isEscaped { backslashes -= 1 }
        isEscaped = !bytes.isEmpty ? backslashes % 2 != 0 : isEscaped
    }

    mutating func hide(_ bytes: UnsafeRawBufferPointer, _ method: MaskMethod, isEnd: Bool) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if keepsShape, isEscaped {
                output.append(byte)
                isEscaped = false
            } else if keepsShape, byte == 0x5C {
                guard index < bytes.count else {
                    output.append(byte)
                    isEscaped = true
                    continue
                }
                // Both bytes of an escape go.
                output.append(filler)
                output.append(filler)
                index += 1
            } else {
                output.append(keepsShape && Self.givesShape(byte) ? byte : filler)
            }
        }
    }

    private static func givesShape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, 0x22, 0x28, 0x29, 0x2C, 0x5B, 0x5D, 0x7B, 0x7D: true
        default: false
        }
    }
}
