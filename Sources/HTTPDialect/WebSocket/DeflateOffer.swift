/// One element of `Sec-WebSocket-Extensions` that is permessage-deflate with parameters it may have (RFC 7692 section 7.1):
/// the only extension that the gateway lets two sides agree on, since it can read no other.
struct DeflateOffer: Sendable, Equatable {
    var serverForgets = false
    var clientForgets = false
    /// 8 to 15.
    var serverBits: Int?
    var clientBits: Int?
    /// A client may offer `client_max_window_bits` without a value.
    var leavesClientBits = false

    /// Nil for another extension, an unknown parameter, one that stands there twice, and a value that it cannot have.
    init?(_ element: ArraySlice<UInt8>) {
        let parts = element.split(separator: 0x3B, omittingEmptySubsequences: false).map(trimmed)
        guard let name = parts.first, name.isWord("permessage-deflate") else { return nil }
        var seen: Set<[UInt8]> = []
        for part in parts.dropFirst() {
            let name = trimmed(part.prefix { $0 != 0x3D })
            let value = part.contains(0x3D) ? trimmed(part.dropFirst(part.prefix { $0 != 0x3D }.count + 1)) : nil
            guard seen.insert(name.map(Octets.lower)).inserted else { return nil }
            if name.isWord("server_no_context_takeover"), value == nil {
                serverForgets = true
            } else if name.isWord("client_no_context_takeover"), value == nil {
                clientForgets = true
            } else if name.isWord("server_max_window_bits"), let bits = value.flatMap(Self.bits) {
                serverBits = bits
            } else if name.isWord("client_max_window_bits"), value == nil {
                leavesClientBits = true
            } else if name.isWord("client_max_window_bits"), let bits = value.flatMap(Self.bits) {
                clientBits = bits
            } else {
                return nil
            }
        }
    }

    /// A number, maybe in quotes (section 5.2).
    private static func bits(_ text: ArraySlice<UInt8>) -> Int? {
        var text = text
        if text.count >= 2, text.first == 0x22, text.last == 0x22 { text = text.dropFirst().dropLast() }
        guard (1...2).contains(text.count), text.allSatisfy(Octets.isDigit), text.first != 0x30 else { return nil }
        let number = text.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        return (8...15).contains(number) ? number : nil
    }

    /// In the one form that is sent on.
    var text: String {
        var text = "permessage-deflate"
        if serverForgets { text += "; server_no_context_takeover" }
        if clientForgets { text += "; client_no_context_takeover" }
        if let serverBits { text += "; server_max_window_bits=\(serverBits)" }
        if let clientBits {
            text += "; client_max_window_bits=\(clientBits)"
        } else if leavesClientBits {
            text += "; client_max_window_bits"
        }
        return text
    }

    /// Whether a server may answer this offer so (section 7.1.2).
    func admits(_ answer: DeflateOffer) -> Bool {
        guard !answer.leavesClientBits, !serverForgets || answer.serverForgets else { return false }
        if let serverBits { guard let bits = answer.serverBits, bits <= serverBits else { return false } }
        guard let bits = answer.clientBits else { return true }
        return leavesClientBits || bits <= (clientBits ?? 0)
    }
}
