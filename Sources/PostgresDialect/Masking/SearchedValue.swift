package import DataMasking
import GatewayCore

/// Searches a value of any type and replaces what detectors find, as far as its type can hold a replacement; else NULL
/// stands in, for an element of a container as for the whole.
package struct SearchedValue {
    /// Containers within containers that are looked into.
    private static let deepest = 8

    private let scanner: Scanner
    private let key: MaskKey

    package init(_ scanner: Scanner, _ key: MaskKey) {
        self.scanner = scanner
        self.key = key
    }

    package func mask(
        _ value: UnsafeRawBufferPointer, type: UInt32, format: Int16, depth: Int = 0, into output: inout [UInt8]
    ) -> MaskedValue {
        if TypeShape.isPlainText(type) { return scanner.mask(value, into: &output, key: key) }
        guard TypeShape.isReadable(type) else { return .unchanged }
        if TypeShape.isJSON(type) {
            return ValueMask.json(value, JSONMask(scanner: scanner), key, type, format, into: &output) ?? .null
        }
        if type == TypeOID.bytea { return bytes(value, format, into: &output) }
        return format == 1 ? binary(value, type, depth, into: &output) : text(value, type, into: &output)
    }

    // MARK: - Text format

    private func text(_ value: UnsafeRawBufferPointer, _ type: UInt32, into output: inout [UInt8]) -> MaskedValue {
        let begin = output.count
        let result = scanner.mask(value, into: &output, key: key)
        if result == .unchanged, holdsBytes(value) { return .null }
        guard result == .replaced else { return result }
        // Only a replacement without special bytes keeps quoted parts whole.
        if TypeShape.mayHoldPieces(type), TypeShape.keepsShape(value, Array(output[begin...])) { return .replaced }
        output.removeSubrange(begin...)
        return .null
    }

    /// Whether bytea within a container holds something: hexadecimal digits behind `\\x`, the backslash doubled by quoting.
    private func holdsBytes(_ value: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while let slash = value[index...].firstIndex(of: 0x5C) {
            index = slash + 1
            guard index < value.count, value[index] == UInt8(ascii: "x") else { continue }
            let start = index - 1
            index += 1
            while index < value.count, HexText.isDigit(value[index]) { index += 1 }
            if let plain = HexText.decode(UnsafeRawBufferPointer(rebasing: value[start..<index])),
                plain.withUnsafeBytes({ isText($0) && !scanner.scan($0).isEmpty })
            {
                return true
            }
        }
        return false
    }

    /// Bytes are searched where they are text; what is found in them is replaced.
    private func bytes(_ value: UnsafeRawBufferPointer, _ format: Int16, into output: inout [UInt8]) -> MaskedValue {
        if format == 1 {
            return isText(value) ? scanner.mask(value, into: &output, key: key) : .unchanged
        }
        guard let plain = HexText.decode(value) else {
            // The older form, `bytea_output = escape`, is text with escapes.
            return scanner.scan(value).isEmpty ? .unchanged : .null
        }
        var masked: [UInt8] = []
        let result = plain.withUnsafeBytes { isText($0) ? scanner.mask($0, into: &masked, key: key) : .unchanged }
        if result == .replaced { HexText.append(masked, into: &output) }
        return result
    }

    private func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        String(validating: bytes, as: UTF8.self) != nil
    }

    // MARK: - Binary format

    private func binary(
        _ value: UnsafeRawBufferPointer, _ type: UInt32, _ depth: Int, into output: inout [UInt8]
    ) -> MaskedValue {
        var words: [UInt8] = []
        if BinaryText.append(value, type: type, into: &words) {
            return words.isEmpty || words.withUnsafeBytes({ scanner.scan($0).isEmpty }) ? .unchanged : .null
        }
        let begin = output.count
        if depth < Self.deepest, !BinaryText.scalars.contains(type) {
            let inner = { (element: UnsafeRawBufferPointer, type: UInt32, output: inout [UInt8]) in
                mask(element, type: type, format: 1, depth: depth + 1, into: &output)
            }
            let result =
                BinaryContainer.array(value, into: &output, inner)
                ?? BinaryContainer.record(value, into: &output, inner)
            if result == .replaced { return .replaced }
            output.removeSubrange(begin...)
        }
        // Whatever it is, text lies in it as it is; a word that spans elements is found here too.
        return scanner.scan(value).isEmpty ? .unchanged : .null
    }
}

/// The text format of bytea: `\\x` and two digits a byte.
enum HexText {
    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text[0] == 0x5C, text[1] == UInt8(ascii: "x") else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = digit(text[index]), let low = digit(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    static func append(_ bytes: [UInt8], into output: inout [UInt8]) {
        output += [0x5C, UInt8(ascii: "x")]
        for byte in bytes { output += [UInt8.hexDigit(byte >> 4), UInt8.hexDigit(byte & 0xF)] }
    }

    static func isDigit(_ byte: UInt8) -> Bool { digit(byte) != nil }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
        default: nil
        }
    }
}
