import AuditLedger

/// Writes JSON in pieces, so that no value has to be held whole.
struct JSONPieces {
    private(set) var bytes: [UInt8] = []
    private var rest: [UInt8] = []

    mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func raw(_ text: [UInt8]) { bytes += text }

    mutating func number(_ value: Int) { bytes += Array(String(value).utf8) }

    /// Microseconds as milliseconds.
    mutating func milliseconds(_ micros: Int) {
        let micros = max(0, micros)
        number(micros / 1000)
        let fraction = String(micros % 1000)
        if micros % 1000 > 0 {
            bytes += Array(".".utf8) + Array(repeating: 0x30, count: 3 - fraction.utf8.count) + Array(fraction.utf8)
        }
    }

    mutating func string(_ text: String) {
        raw("\"")
        escape(text.utf8)
        raw("\"")
    }

    /// Bytes that may be no UTF-8: what is none becomes U+FFFD.
    mutating func string(_ text: some Collection<UInt8>) { string(String(decoding: text, as: UTF8.self)) }

    /// A part of a string; RFC 8259 section 7.
    mutating func escape(_ text: some Collection<UInt8>) {
        for byte in text {
            switch byte {
            case 0x22: raw("\\\"")
            case 0x5C: raw("\\\\")
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20:
                raw("\\u00")
                for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
            default: bytes.append(byte)
            }
        }
    }

    /// A part of a base64 text.
    mutating func base64(_ piece: some Collection<UInt8>) {
        rest += piece
        let whole = rest.count - rest.count % 3
        bytes += Base64.encode(rest[..<whole])
        rest = Array(rest[whole...])
    }

    mutating func endBase64() {
        bytes += Base64.encode(rest)
        rest = []
    }

    /// All that was written since the last time.
    mutating func take() -> [UInt8] {
        defer { bytes.removeAll(keepingCapacity: true) }
        return bytes
    }
}
