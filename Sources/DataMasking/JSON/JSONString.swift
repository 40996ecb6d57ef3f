import GatewayCore

/// Strings of JSON (RFC 8259 section 7).
package enum JSONString {
    /// Appends the string, quotes included; what is no UTF-8 becomes U+FFFD.
    package static func append(_ bytes: some Collection<UInt8>, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        appendContent(bytes, into: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// The same without the quotes.
    static func appendContent(_ bytes: some Collection<UInt8>, into output: inout [UInt8]) {
        for byte in String(decoding: bytes, as: UTF8.self).utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0x0A: output += Array("\\n".utf8)
            case 0x0D: output += Array("\\r".utf8)
            case 0x09: output += Array("\\t".utf8)
            case 0..<0x20: output += Array("\\u00".utf8) + [UInt8.hexDigit(byte >> 4), UInt8.hexDigit(byte & 0xF)]
            default: output.append(byte)
            }
        }
    }

    /// What stands between the quotes, with its escapes read. Half a surrogate pair and a broken escape become U+FFFD.
    static func unescaped(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == 0x5C, index < text.count else {
                output.append(byte)
                continue
            }
            let escape = text[index]
            index += 1
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var code = hex(text, index) ?? 0xFFFD
                index = min(index + 4, text.count)
                if code >> 10 == 0x36, index + 1 < text.count, text[index] == 0x5C,
                    text[index + 1] == UInt8(ascii: "u"),
                    let low = hex(text, index + 2), low >> 10 == 0x37
                {
                    code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
                    index += 6
                }
                output.append(contentsOf: Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8))
            default: output.append(escape)
            }
        }
        return output
    }

    private static func hex(_ text: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index + 4 <= text.count else { return nil }
        var code: UInt32 = 0
        for byte in text[index..<index + 4] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - 0x30
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                digit = (byte | 0x20) - 0x57
            default: return nil
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }
}
