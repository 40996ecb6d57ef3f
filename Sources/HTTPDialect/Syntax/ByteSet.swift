/// A set of ASCII characters, asked in one shift per byte. Bytes from 0x80 on are in no set.
package struct ByteSet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    package init(_ characters: StaticString, also other: ByteSet? = nil) {
        if let other { (low, high) = (other.low, other.high) }
        characters.withUTF8Buffer { for byte in $0 { insert(byte) } }
    }

    private mutating func insert(_ byte: UInt8) {
        if byte < 64 { low |= 1 << UInt64(byte) } else if byte < 128 { high |= 1 << UInt64(byte - 64) }
    }

    package func contains(_ byte: UInt8) -> Bool {
        byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
    }
}

/// Character classes of RFC 9110 section 5.6.2 and RFC 3986.
enum Octets {
    private static let alphanumeric = ByteSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    /// RFC 9110: tchar.
    static let token = ByteSet("!#$%&'*+-.^_`|~", also: alphanumeric)
    /// RFC 3986: unreserved.
    static let unreserved = ByteSet("-._~", also: alphanumeric)
    /// RFC 3986: pchar without pct-encoded, and the slash between segments.
    static let path = ByteSet("!$&'()*+,;=:@/", also: unreserved)
    /// RFC 3986: query without pct-encoded.
    static let query = ByteSet("?", also: path)
    /// What stands in a host or an IP literal with a port.
    static let authority = ByteSet("!$&'()*+,;=:[]%", also: unreserved)

    /// RFC 9110 section 5.5: what a field's value may hold, SP and HTAB inside it included. Any byte from 0x80 on is opaque.
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == 0x09
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte &- 0x30
        case 0x41...0x46: byte &- 0x37
        case 0x61...0x66: byte &- 0x57
        default: nil
        }
    }

    static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    static let hexDigits = Array("0123456789ABCDEF".utf8)
}
