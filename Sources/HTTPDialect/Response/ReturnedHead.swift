import NIOCore
import SessionKernel

/// The head of a response as the client gets it.
enum ReturnedHead {
    /// - Parameters:
    ///   - framing: how the body is sent on; `.none` leaves the length that a response to HEAD speaks of.
    ///   - closes: the client's connection ends with this response.
    ///   - masking: what masks make of it.
    static func write(
        _ head: ResponseHead, to request: OpenRequest, place: TargetPlace, framing: BodyFraming, closes: Bool,
        masking: AnswerMasking = AnswerMasking(), into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(head.status))
        buffer.writeStaticString(" ")
        buffer.writeBytes(head.reason)
        buffer.writeStaticString("\r\n")
        let listed = head.block.all(.connection).flatMap(listElements).map { $0.map(Octets.lower) }
        for field in head.block.fields {
            let name = head.block.name(field)
            var value = head.block.value(field)
            switch field.kind {
            case .connection, .hopByHop, .te, .upgrade, .transferEncoding, .forwarding: continue
            case .contentLength:
                // Sent anew with the body; without one it tells of what a GET would have got.
                guard framing == .none, head.status != 204, head.status >= 200, !masking.changesBody else { continue }
            case .contentEncoding: if masking.changesBody { continue }
            case .contentType: if masking.isReplaced { continue }
            case .trailer: guard framing == .chunked else { continue }
            case .originWide: if request.prefix != nil { continue }
            case .location: if let prefix = request.prefix { value = Self.location(value, place, prefix)[...] }
            case .setCookie: if let prefix = request.prefix { value = CookieScope.scoped(value, to: prefix)[...] }
            default: if !listed.isEmpty, listed.contains(name.map(Octets.lower)) { continue }
            }
            if masking.changesBody, FieldKind.isDigest(name) || FieldKind.equal(name, "accept-ranges") { continue }
            if let mask = masking.mask, let masked = FieldMask.masked(value, of: name, mask) { value = masked[...] }
            buffer.writeBytes(name)
            buffer.writeStaticString(": ")
            buffer.writeBytes(value)
            buffer.writeStaticString("\r\n")
        }
        if masking.isReplaced { buffer.writeStaticString("Content-Type: text/plain; charset=utf-8\r\n") }
        switch framing {
        case .length(let length):
            buffer.writeStaticString("Content-Length: ")
            buffer.writeString(String(length))
            buffer.writeStaticString("\r\n")
        case .chunked: buffer.writeStaticString("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        if head.status == 101 { buffer.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        if head.status >= 200 {
            if closes {
                buffer.writeStaticString("Connection: close\r\n")
            } else if request.version == 0 {
                buffer.writeStaticString("Connection: keep-alive\r\n")
            }
        }
        buffer.writeStaticString("\r\n")
    }

    /// A redirection within the target stays within the connection; any other leads where it says, without a credential,
    /// since the client holds none.
    static func location(_ value: ArraySlice<UInt8>, _ place: TargetPlace, _ prefix: String) -> [UInt8] {
        let origin = Array(((place.isTLS ? "https://" : "http://") + place.authority).utf8)
        var path = value
        if value.count >= origin.count, zip(value, origin).allSatisfy({ Octets.lower($0) == Octets.lower($1) }) {
            path = value.dropFirst(origin.count)
            if path.isEmpty { path = [0x2F] }
        }
        guard path.first == 0x2F, path.dropFirst().first != 0x2F else { return Array(value) }
        let base = Array(place.path.utf8)
        if !base.isEmpty {
            guard path.starts(with: base), [nil, 0x2F, 0x3F, 0x23].contains(path.dropFirst(base.count).first) else {
                return Array(value)
            }
            path = path.dropFirst(base.count)
        }
        return Array(prefix.utf8) + path
    }
}

/// Keeps the cookies of a target to its connection's path, since all connections by path are one origin to a browser.
enum CookieScope {
    static func scoped(_ value: ArraySlice<UInt8>, to prefix: String) -> [UInt8] {
        let parts = value.split(separator: 0x3B, omittingEmptySubsequences: false).map(trimmed)
        guard let pair = parts.first else { return [] }
        var cookie = Array(pair)
        var path = Array("/".utf8)
        for part in parts.dropFirst() {
            let name = trimmed(part.prefix { $0 != 0x3D })
            if name.isWord("domain") { continue }
            if name.isWord("path") {
                let given = trimmed(part.dropFirst(part.prefix { $0 != 0x3D }.count + 1))
                if given.first == 0x2F { path = Array(given) }
                continue
            }
            cookie += [0x3B, 0x20] + part
        }
        // Names with this prefix demand the path `/`, and a browser drops the cookie: as good as a refusal.
        return cookie + Array("; Path=".utf8) + Array(prefix.utf8) + path
    }
}
