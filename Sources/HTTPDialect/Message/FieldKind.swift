/// Header fields that mean something to the gateway.
package enum FieldKind: Sendable {
    case other
    case host
    case contentLength
    case transferEncoding
    /// Connection, Keep-Alive, TE and the like: between two neighbours only (RFC 9110 section 7.6.1).
    case connection
    case upgrade
    case te
    case hopByHop
    case expect
    case trailer
    case authorization
    case apiKey
    case gatewayToken
    /// What the gateway alone may tell a target of the client: Forwarded, X-Forwarded-*, X-Remote-*, Impersonate-*…
    case forwarding
    /// Speaks of the whole origin, which the targets of a gateway share.
    case originWide
    case prefer
    case via
    case cookie
    case setCookie
    /// Sec-WebSocket-*: of a handshake, which is written anew.
    case webSocket
    case location
    case contentType
    case contentEncoding
    case date
    /// Of a request: which part of the answer is asked for, and in which codings.
    case partOrCoding

    /// By the name in any case, an underscore being a dash: some servers make no difference between the two.
    init(_ name: ArraySlice<UInt8>) {
        // Only a few begin like each; most names end here.
        guard let first = name.first else {
            self = .other
            return
        }
        switch first | 0x20 {
        case UInt8(ascii: "a"):
            self = Self.find(
                name,
                ["authorization": .authorization, "alt-svc": .originWide, "accept-encoding": .partOrCoding])
        case UInt8(ascii: "c"):
            self = Self.find(
                name,
                [
                    "content-length": .contentLength, "connection": .connection, "cookie": .cookie,
                    "content-type": .contentType, "content-encoding": .contentEncoding, "client-ip": .forwarding,
                    "cf-connecting-ip": .forwarding, "clear-site-data": .originWide,
                ])
        case UInt8(ascii: "d"): self = Self.find(name, ["date": .date])
        case UInt8(ascii: "e"): self = Self.find(name, ["expect": .expect])
        case UInt8(ascii: "f"): self = Self.find(name, ["forwarded": .forwarding])
        case UInt8(ascii: "h"): self = Self.find(name, ["host": .host, "http2-settings": .hopByHop])
        case UInt8(ascii: "i"):
            self = Self.begins(name, "impersonate-") ? .forwarding : Self.find(name, ["if-range": .partOrCoding])
        case UInt8(ascii: "k"): self = Self.find(name, ["keep-alive": .hopByHop])
        case UInt8(ascii: "l"): self = Self.find(name, ["location": .location])
        case UInt8(ascii: "p"):
            self = Self.find(
                name,
                [
                    "proxy-connection": .hopByHop, "proxy-authorization": .hopByHop, "proxy-authenticate": .hopByHop,
                    "prefer": .prefer, "proxy": .forwarding,
                ])
        case UInt8(ascii: "r"):
            self = Self.begins(name, "remote-") ? .forwarding : Self.find(name, ["range": .partOrCoding])
        case UInt8(ascii: "s"):
            self = Self.find(
                name,
                [
                    "sallyport-token": .gatewayToken, "set-cookie": .setCookie, "service-worker-allowed": .originWide,
                    "strict-transport-security": .originWide,
                ])
            if self == .other, Self.begins(name, "sallyport-") { self = .forwarding }
            if self == .other, Self.begins(name, "sec-websocket-") { self = .webSocket }
        case UInt8(ascii: "t"):
            self = Self.find(
                name,
                [
                    "transfer-encoding": .transferEncoding, "te": .te, "trailer": .trailer,
                    "true-client-ip": .forwarding,
                ])
        case UInt8(ascii: "u"): self = Self.find(name, ["upgrade": .upgrade])
        case UInt8(ascii: "v"): self = Self.find(name, ["via": .via])
        case UInt8(ascii: "x"): self = Self.extended(name)
        default: self = .other
        }
    }

    private static func extended(_ name: ArraySlice<UInt8>) -> FieldKind {
        if equal(name, "x-api-key") { return .apiKey }
        let prefixes: [StaticString] = ["x-forwarded", "x-remote-", "x-real-ip", "x-client-ip", "x-cluster-client-ip"]
        if prefixes.contains(where: { begins(name, $0) }) { return .forwarding }
        // Servers that let a header choose another path or method than the one judged.
        let overrides: [StaticString] = [
            "x-original-", "x-rewrite-url", "x-http-method", "x-method-override", "x-http-path-override",
        ]
        return overrides.contains { begins(name, $0) } ? .forwarding : .other
    }

    /// Of the bytes of a body, which masks change.
    static func isDigest(_ name: ArraySlice<UInt8>) -> Bool {
        let digests: [StaticString] = ["content-digest", "repr-digest", "digest", "content-md5"]
        return digests.contains { equal(name, $0) }
    }

    private static func find(
        _ name: ArraySlice<UInt8>, _ table: KeyValuePairs<StaticString, FieldKind>
    ) -> FieldKind {
        for (text, kind) in table where equal(name, text) { return kind }
        return .other
    }

    static func equal(_ name: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
        name.count == text.utf8CodeUnitCount && begins(name, text)
    }

    static func begins(_ name: ArraySlice<UInt8>, _ text: StaticString) -> Bool {
        guard name.count >= text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in
            for (byte, other) in zip(name, expected) {
                guard Octets.lower(byte == 0x5F ? 0x2D : byte) == other else { return false }
            }
            return true
        }
    }
}
