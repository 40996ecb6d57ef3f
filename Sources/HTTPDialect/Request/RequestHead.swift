/// A request's line and fields as they came, checked by the letter of RFC 9112; what could be read in two ways is refused.
package struct RequestHead: Sendable {
    /// Longest head, and longest target in it, in bytes.
    package static let longest = 64 << 10
    static let longestTarget = 16 << 10
    private static let longestMethod = 32

    package let method: String
    package let target: ArraySlice<UInt8>
    /// The minor version: 0 or 1.
    let version: Int
    package let block: FieldBlock
    package let framing: BodyFraming
    /// The request's authority, from its target or its Host field.
    let authority: ArraySlice<UInt8>
    /// The target without scheme and authority: a path and maybe a query.
    let pathAndQuery: ArraySlice<UInt8>
    let keepsAlive: Bool
    let expectsContinue: Bool
    /// Set when it asks to speak WebSocket from here on.
    let webSocket: WebSocketHandshake?

    /// - Parameter bytes: the whole head with its empty line.
    package init(_ bytes: [UInt8]) throws(MalformedHTTP) {
        let lineEnd = try FieldBlock.lineEnd(bytes, from: 0)
        let parts = bytes[..<lineEnd].split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw MalformedHTTP("the request line has not three parts with one space between")
        }
        guard !parts[0].isEmpty, parts[0].allSatisfy(Octets.token.contains) else {
            throw MalformedHTTP("the method is no token")
        }
        guard parts[0].count <= Self.longestMethod else { throw MalformedHTTP("the method is too long", status: 501) }
        version = try Self.version(parts[2])
        method = parts[0].text
        target = parts[1]
        guard !target.isEmpty else { throw MalformedHTTP("the request has no target") }
        guard target.count <= Self.longestTarget else { throw MalformedHTTP("the target is too long", status: 414) }
        guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
            throw MalformedHTTP("the target holds a character that must be percent-encoded")
        }
        let block = try FieldBlock(bytes, from: lineEnd + 2)
        self.block = block
        framing = try Self.framing(block, version: version)
        let host = try Self.host(block, version: version)
        (authority, pathAndQuery) = try Self.split(target, method: method, host: host)
        let options = block.all(.connection).flatMap(listElements)
        try Self.checkOptions(options)
        let closes = options.contains { $0.isWord("close") }
        keepsAlive = !closes && (version == 1 || options.contains { $0.isWord("keep-alive") })
        expectsContinue = try Self.expectsContinue(block) && version == 1
        webSocket = try WebSocketHandshake(block, method: method, version: version, framing: framing, options: options)
        try Self.checkTokens(block)
    }

    /// Its body may wait for the answer to what came of it (gRPC and its kin), so it is judged by its head.
    var isConversation: Bool {
        guard framing == .chunked, let type = block.first(.contentType) else { return false }
        return FieldKind.begins(type, "application/grpc") || FieldKind.begins(type, "application/connect+")
    }

    private static func version(_ text: ArraySlice<UInt8>) throws(MalformedHTTP) -> Int {
        let bytes = Array(text)
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), Octets.isDigit(bytes[5]), bytes[6] == 0x2E,
            Octets.isDigit(bytes[7])
        else { throw MalformedHTTP("the request line does not end with a version") }
        guard bytes[5] == 0x31, bytes[7] <= 0x31 else {
            throw MalformedHTTP("only HTTP/1.1 and HTTP/1.0 are understood here", status: 505)
        }
        return Int(bytes[7] &- 0x30)
    }

    private static func framing(_ block: FieldBlock, version: Int) throws(MalformedHTTP) -> BodyFraming {
        let length = try BodyFraming.contentLength(block)
        guard try BodyFraming.isChunked(block) else { return length.map { $0 == 0 ? .none : .length($0) } ?? .none }
        guard length == nil else { throw MalformedHTTP("there are both Content-Length and Transfer-Encoding") }
        guard version == 1 else { throw MalformedHTTP("HTTP/1.0 has no Transfer-Encoding") }
        return .chunked
    }

    private static func host(_ block: FieldBlock, version: Int) throws(MalformedHTTP) -> ArraySlice<UInt8> {
        let hosts = Array(block.all(.host))
        guard hosts.count <= 1 else { throw MalformedHTTP("there are two Host fields") }
        guard let host = hosts.first else {
            guard version == 0 else { throw MalformedHTTP("there is no Host field") }
            return []
        }
        guard isAuthority(host) || host.isEmpty else { throw MalformedHTTP("the Host field is malformed") }
        return host
    }

    /// A host and maybe a port (RFC 9110 section 4.2.3 forbids user information). Empty is none.
    static func isAuthority(_ text: ArraySlice<UInt8>) -> Bool {
        guard !text.isEmpty, text.count <= 255, text.allSatisfy(Octets.authority.contains), !text.contains(0x40)
        else { return false }
        var host = text
        if text.first == 0x5B {
            guard let end = text.firstIndex(of: 0x5D) else { return false }
            guard
                text[text.startIndex + 1..<end].allSatisfy({ Octets.hexadecimal($0) != nil || $0 == 0x3A || $0 == 0x2E }
                )
            else { return false }
            host = text[(end + 1)...]
            if host.isEmpty { return true }
            guard host.first == 0x3A else { return false }
            return host.dropFirst().allSatisfy(Octets.isDigit) && host.count <= 6
        }
        guard !host.contains(0x5B), !host.contains(0x5D), !host.contains(0x25) else { return false }
        let parts = host.split(separator: 0x3A, omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts[0].isEmpty else { return false }
        return parts.count == 1 || parts[1].count <= 5 && parts[1].allSatisfy(Octets.isDigit)
    }

    /// Origin-form and absolute-form (RFC 9112 section 3.2). An absolute one must name the host that the Host field names.
    private static func split(
        _ target: ArraySlice<UInt8>, method: String, host: ArraySlice<UInt8>
    ) throws(MalformedHTTP) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        if target.first == 0x2F { return (host, target) }
        if method == "CONNECT" { throw MalformedHTTP("this gateway is no proxy: CONNECT is not served", status: 405) }
        if target.count == 1, target.first == 0x2A {
            throw MalformedHTTP("the target `*` names no connection")
        }
        let lowered = target.prefix(8).map(Octets.lower)
        let scheme = lowered.starts(with: "http://".utf8) ? 7 : lowered.starts(with: "https://".utf8) ? 8 : 0
        guard scheme > 0 else { throw MalformedHTTP("the target is neither a path nor a URL") }
        let rest = target.dropFirst(scheme)
        let end = rest.firstIndex { $0 == 0x2F || $0 == 0x3F } ?? rest.endIndex
        let authority = rest[..<end]
        guard isAuthority(authority) else { throw MalformedHTTP("the target's host is malformed") }
        guard authority.map(Octets.lower) == host.map(Octets.lower) else {
            throw MalformedHTTP("the target names another host than the Host field")
        }
        guard end < rest.endIndex, rest[end] == 0x2F else { throw MalformedHTTP("the target has no path") }
        return (authority, rest[end...])
    }

    /// What `Connection` lists goes no further; it must not take away what the message's meaning hangs on.
    private static func checkOptions(_ options: [ArraySlice<UInt8>]) throws(MalformedHTTP) {
        for option in options {
            guard option.allSatisfy(Octets.token.contains) else {
                throw MalformedHTTP("the Connection field is malformed")
            }
            switch FieldKind(option) {
            case .host, .contentLength, .transferEncoding, .authorization, .apiKey, .gatewayToken, .contentType,
                .contentEncoding, .cookie, .expect:
                throw MalformedHTTP("the Connection field lists a field that is none of its own")
            default: continue
            }
        }
    }

    private static func expectsContinue(_ block: FieldBlock) throws(MalformedHTTP) -> Bool {
        var expects = false
        for value in block.all(.expect) {
            guard value.isWord("100-continue") else {
                throw MalformedHTTP("only 100-continue can be expected", status: 417)
            }
            expects = true
        }
        return expects
    }

    private static func checkTokens(_ block: FieldBlock) throws(MalformedHTTP) {
        for kind in [FieldKind.authorization, .apiKey, .gatewayToken]
        where block.fields.lazy.filter({ $0.kind == kind }).prefix(2).count > 1 {
            throw MalformedHTTP("a field that holds a token stands there twice")
        }
    }
}
