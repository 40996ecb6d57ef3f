package import NIOCore

/// One header field of an HTTP/2 message, or one of the pseudo-header fields that stand before them (RFC 9113 section 8.3).
package struct StreamField: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    var isPseudo: Bool { name.utf8.first == 0x3A }

    /// RFC 9113 section 8.2.2: these have no meaning on a stream, and a message with one is malformed.
    static let connectionSpecific: Set<String> = [
        "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings",
    ]

    /// A field that may be written as a line of HTTP/1.1: no name or value can begin a line of its own.
    func check() throws(MalformedHTTP) {
        guard !name.isEmpty, name.utf8.allSatisfy({ Octets.token.contains($0) && !($0 &- 0x41 < 26) }) else {
            throw MalformedHTTP("a header field's name is no token in small letters")
        }
        guard !Self.connectionSpecific.contains(name) else {
            throw MalformedHTTP("a field speaks of a connection, which a stream is none of")
        }
        guard value.utf8.allSatisfy(Octets.isFieldValue), value.utf8.first != 0x20, value.utf8.first != 0x09,
            value.utf8.last != 0x20, value.utf8.last != 0x09
        else { throw MalformedHTTP("a header field's value holds a control character, or space around it") }
    }

    /// Takes the pseudo-header fields off the front; each once, and none later.
    static func split(
        _ fields: [StreamField], allowed: Set<String>
    ) throws(MalformedHTTP) -> (pseudo: [String: String], rest: ArraySlice<StreamField>) {
        var pseudo: [String: String] = [:]
        let rest = fields.drop(while: \.isPseudo)
        for field in fields.prefix(fields.count - rest.count) {
            guard allowed.contains(field.name), pseudo.updateValue(field.value, forKey: field.name) == nil else {
                throw MalformedHTTP("a pseudo-header field is unknown or stands there twice")
            }
        }
        for field in rest {
            guard !field.isPseudo else { throw MalformedHTTP("a pseudo-header field stands behind others") }
            try field.check()
        }
        guard fields.count <= FieldBlock.mostFields else {
            throw MalformedHTTP("more than \(FieldBlock.mostFields) header fields", status: 431)
        }
        return (pseudo, rest)
    }
}

/// What goes onto a stream, in order.
package enum StreamPart: Sendable, Equatable {
    /// A head, an interim head, or trailers.
    case fields([StreamField], isEnd: Bool)
    case data(ByteBuffer, isEnd: Bool)

    /// The stream's last.
    package var isEnd: Bool {
        switch self {
        case .fields(_, let isEnd), .data(_, let isEnd): isEnd
        }
    }
}
