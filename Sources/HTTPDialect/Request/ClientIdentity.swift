import GatewayCore
import SessionKernel

/// Who sends a request, to which connection, and what it says of itself: what a session is opened by.
struct ClientIdentity {
    var connection: String
    var token: [UInt8]
    var claims: AgentContext

    /// The token out of `Sallyport-Token`, `Authorization` (Bearer, or Basic with the token as its password) or
    /// `x-api-key`, in this order; nil when there is none.
    static func token(in block: FieldBlock) -> [UInt8]? {
        if let value = block.first(.gatewayToken) { return value.isEmpty ? nil : Array(value) }
        if let value = block.first(.authorization) {
            let parts = value.split(separator: 0x20, maxSplits: 1)
            guard parts.count == 2 else { return nil }
            let credentials = trimmed(parts[1])
            if parts[0].isWord("bearer") { return Array(credentials) }
            guard parts[0].isWord("basic"), let pair = Base64.decode(credentials),
                let colon = pair.firstIndex(of: 0x3A), colon + 1 < pair.endIndex
            else { return nil }
            return Array(pair[(colon + 1)...])
        }
        return block.first(.apiKey).flatMap { $0.isEmpty ? nil : Array($0) }
    }

    /// What the client says of its agent and its run.
    static func claims(in block: FieldBlock) -> AgentContext {
        var claims = AgentContext(trust: .claimed)
        for field in block.fields {
            let name = block.name(field)
            func text() -> String { String(block.value(field).prefix(256).text) }
            if FieldKind.begins(name, "sallyport-") {
                if FieldKind.equal(name, "sallyport-agent") { claims.agent = text() }
                if FieldKind.equal(name, "sallyport-run") { claims.run = text() }
                if FieldKind.equal(name, "sallyport-purpose") { claims.purpose = text() }
                if FieldKind.equal(name, "sallyport-model") { claims.model = text() }
            } else if FieldKind.equal(name, "x-claude-code-session-id"), claims.run == nil {
                claims.run = text()
            }
        }
        return claims
    }

    /// Tokens are compared in a time that their bytes do not show in.
    func isSame(as other: ClientIdentity) -> Bool {
        ConstantTime.areEqual(token, other.token) && connection == other.connection && claims == other.claims
    }
}

/// RFC 4648 section 4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Nil for what is not whole groups with their padding.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0, text.count <= 1 << 16 else { return nil }
        let padding = text.reversed().prefix { $0 == 0x3D }.count
        guard padding <= 2 else { return nil }
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for byte in text.dropLast(padding) {
            guard let value = value(byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }

    static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        while text.count % 4 != 0 { text.append(0x3D) }
        return text
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}
