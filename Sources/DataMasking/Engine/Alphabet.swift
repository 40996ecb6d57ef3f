/// Characters that a token is made of.
enum Alphabet: UInt8, Sendable, Hashable, CaseIterable {
    case alphanumeric
    case hex
    /// Base32 as AWS writes it: capitals and 2 to 7.
    case base32
    case word
    /// Base64 for URLs (RFC 4648 section 5).
    case base64URL
    /// The same with dots between parts.
    case dotted
    /// Base64 with padding.
    case base64
    /// What stands in an assigned secret.
    case secret
    /// RFC 9110's token68.
    case token68
    /// What stands in crypt's forms.
    case crypt
    /// The same with colons, as a SCRAM verifier has them.
    case verifier

    func contains(_ byte: UInt8) -> Bool {
        if byte.isDigit || byte.isLetter {
            return switch self {
            case .hex: byte.isHexDigit
            case .base32: byte.isUpper || (0x32...0x37).contains(byte)
            default: true
            }
        }
        return switch self {
        case .alphanumeric, .hex, .base32: false
        case .word: byte == 0x5F
        case .base64URL: byte == 0x5F || byte == 0x2D
        case .dotted: byte == 0x5F || byte == 0x2D || byte == 0x2E
        case .base64: byte == 0x2B || byte == 0x2F || byte == 0x3D
        case .secret, .token68:
            byte == 0x2B || byte == 0x2F || byte == 0x3D || byte == 0x5F || byte == 0x2D || byte == 0x2E || byte == 0x7E
        case .crypt:
            byte == 0x2B || byte == 0x2F || byte == 0x3D || byte == 0x2E || byte == 0x24 || byte == 0x2C
        case .verifier:
            byte == 0x2B || byte == 0x2F || byte == 0x3D || byte == 0x24 || byte == 0x3A
        }
    }
}

/// How a find of open length goes on.
enum OpenRun: Sendable, Hashable {
    case alphabet(Alphabet)
    case armour(ArmourRun)

    /// Whether the find takes the next byte; after false it has ended before it.
    mutating func takes(_ byte: UInt8) -> Bool {
        switch self {
        case .alphabet(let alphabet):
            return alphabet.contains(byte)
        case .armour(var run):
            let takes = run.takes(byte)
            self = .armour(run)
            return takes
        }
    }
}

/// The body of PEM armour behind its BEGIN line: ends with the second group of dashes, or before what cannot stand in it.
struct ArmourRun: Sendable, Hashable {
    private var dashes: UInt8 = 0
    private var groups: UInt8 = 0

    mutating func takes(_ byte: UInt8) -> Bool {
        guard groups < 2 else { return false }
        if byte == 0x2D {
            dashes += 1
            if dashes == 5 {
                dashes = 0
                groups += 1
            }
            return true
        }
        dashes = 0
        if byte.isDigit || byte.isLetter { return true }
        return switch byte {
        // Base64, line ends (also escaped), header lines.
        case 0x2B, 0x2F, 0x3D, 0x20, 0x09, 0x0A, 0x0D, 0x5C, 0x3A, 0x2C, 0x2E, 0x28, 0x29: true
        default: false
        }
    }
}
