package import NIOCore

/// Writes the request of one HTTP/2 stream as HTTP/1.1 (RFC 9113 section 8.3.1), which the dialect then reads and checks
/// like any other: there is one parser, and what it judges is what it got from here.
package struct StreamedRequest: StreamedMessage {
    package private(set) var body: StreamBody?
    /// It asks to speak WebSocket on the stream (RFC 8441), which is written as the request for that in HTTP/1.1.
    package private(set) var isForWebSocket = false

    package init() {}

    /// Errors: what RFC 9113 calls malformed; the stream is to be reset.
    package mutating func head(_ fields: [StreamField], isEnd: Bool) throws(MalformedHTTP) -> ByteBuffer {
        let (pseudo, rest) = try StreamField.split(
            fields, allowed: [":method", ":scheme", ":path", ":authority", ":protocol"])
        guard let method = pseudo[":method"], let path = pseudo[":path"], pseudo[":scheme"] != nil else {
            throw MalformedHTTP("a pseudo-header field is missing")
        }
        // Only with a protocol does CONNECT name a path; another protocol than WebSocket is refused by its method.
        guard !method.isEmpty, method.utf8.allSatisfy(Octets.token.contains),
            (method == "CONNECT") == (pseudo[":protocol"] != nil)
        else { throw MalformedHTTP("the method is no token, or CONNECT to a host") }
        isForWebSocket = pseudo[":protocol"] == "websocket"
        guard !isForWebSocket || !isEnd else { throw MalformedHTTP("the stream ends with a request for WebSocket") }
        guard !path.isEmpty, path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw MalformedHTTP("the path is empty or holds a character that must be percent-encoded")
        }
        let hosts = rest.filter { $0.name == "host" }
        let authority = pseudo[":authority"] ?? hosts.first?.value ?? ""
        guard !authority.isEmpty, hosts.allSatisfy({ $0.value == authority }), hosts.count <= 1,
            authority.utf8.allSatisfy(Octets.authority.contains)
        else { throw MalformedHTTP("the authority is missing, malformed, or another than the Host field's") }
        let hasLength = rest.contains { $0.name == "content-length" }
        // What another protocol would say has no place.
        let isWhole = isEnd || method == "CONNECT"
        let body = isForWebSocket ? .raw : StreamBody(hasLength: hasLength, isEnd: isWhole)
        self.body = body
        var bytes = ByteBuffer()
        bytes.writeString("\(isForWebSocket ? "GET" : method) \(path) HTTP/1.1\r\nHost: \(authority)\r\n")
        if isForWebSocket {
            let key = Base64.encode((0..<16).map { _ in UInt8.random(in: 0...255) })
            bytes.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ")
            bytes.writeBytes(key)
            bytes.writeStaticString("\r\n")
        }
        var cookies: [String] = []
        for field in rest where field.name != "host" && !(isForWebSocket && field.name == "sec-websocket-key") {
            // Clients may cut the cookie field into pieces (section 8.2.3).
            if field.name == "cookie" {
                cookies.append(field.value)
            } else if field.name == "te" {
                guard field.value == "trailers" else { throw MalformedHTTP("TE asks for more than trailers") }
            } else {
                bytes.writeString("\(field.name): \(field.value)\r\n")
            }
        }
        if !cookies.isEmpty { bytes.writeString("cookie: \(cookies.joined(separator: "; "))\r\n") }
        body.writeField(into: &bytes)
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
