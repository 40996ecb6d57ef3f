import NIOCore

/// A client's address as records hold it.
enum ClientAddress {
    /// `192.0.2.7:5000`, `[2001:db8::1]:5000`.
    static func text(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "unknown" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The same without its port.
    static func host(of text: String) -> String {
        text.lastIndex(of: ":").map { String(text[..<$0]) } ?? text
    }
}
