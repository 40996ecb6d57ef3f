import Crypto
import NIOCore

/// What a client asks with to speak WebSocket (RFC 6455 section 4.2.1), and whether an answer agrees (section 4.1).
struct WebSocketHandshake: Sendable {
    private static let guid = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

    private let key: [UInt8]
    private let protocols: [[UInt8]]
    private let offers: [DeflateOffer]

    /// Nil where WebSocket is not asked for: then `Upgrade`, whatever it names, is only left out, as RFC 9110 section 7.8
    /// lets a server do.
    ///
    /// - Parameter options: what `Connection` lists.
    init?(
        _ block: FieldBlock, method: String, version: Int, framing: BodyFraming, options: [ArraySlice<UInt8>]
    ) throws(MalformedHTTP) {
        guard version == 1, method == "GET", options.contains(where: { $0.isWord("upgrade") }),
            block.all(.upgrade).flatMap(listElements).contains(where: { $0.isWord("websocket") })
        else { return nil }
        guard framing == .none else { throw MalformedHTTP("a request for WebSocket has no body") }
        let versions = Self.values("sec-websocket-version", block)
        guard versions.count == 1, versions[0].elementsEqual("13".utf8) else {
            throw MalformedHTTP("only version 13 of WebSocket is understood here", status: 426)
        }
        let keys = Self.values("sec-websocket-key", block)
        guard keys.count == 1, Base64.decode(keys[0])?.count == 16 else {
            throw MalformedHTTP("Sec-WebSocket-Key is not 16 bytes in base64")
        }
        key = Array(keys[0])
        protocols = Self.values("sec-websocket-protocol", block).flatMap(listElements).map(Array.init)
        guard protocols.allSatisfy({ $0.allSatisfy(Octets.token.contains) }), Set(protocols).count == protocols.count
        else { throw MalformedHTTP("Sec-WebSocket-Protocol is malformed") }
        offers = Self.values("sec-websocket-extensions", block).flatMap(listElements).compactMap { DeflateOffer($0) }
    }

    private static func values(_ name: StaticString, _ block: FieldBlock) -> [ArraySlice<UInt8>] {
        // An underscore counts as a dash where a field is left out, and makes none.
        block.fields.filter { block.name($0).isWord(name) }.map { block.value($0) }
    }

    /// The fields of the handshake as the target gets them.
    func write(into bytes: inout ByteBuffer) {
        bytes.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        bytes.writeStaticString("Sec-WebSocket-Key: ")
        bytes.writeBytes(key)
        if !protocols.isEmpty {
            bytes.writeStaticString("\r\nSec-WebSocket-Protocol: ")
            bytes.writeBytes(Array(protocols.joined(separator: Array(", ".utf8))))
        }
        if !offers.isEmpty {
            bytes.writeStaticString("\r\nSec-WebSocket-Extensions: ")
            bytes.writeString(offers.map(\.text).joined(separator: ", "))
        }
        bytes.writeStaticString("\r\n")
    }

    /// Checks a 101, and tells whether messages may be compressed from here on.
    func check(_ answer: FieldBlock) throws(MalformedHTTP) -> Bool {
        let upgrade = answer.all(.upgrade).flatMap(listElements)
        guard upgrade.count == 1, upgrade[0].isWord("websocket"),
            answer.all(.connection).flatMap(listElements).contains(where: { $0.isWord("upgrade") })
        else { throw MalformedHTTP("it switched to a protocol that was not asked for") }
        let accepts = Self.values("sec-websocket-accept", answer)
        guard accepts.count == 1, accepts[0].elementsEqual(accept) else {
            throw MalformedHTTP("its Sec-WebSocket-Accept does not answer the key")
        }
        let chosen = Self.values("sec-websocket-protocol", answer)
        guard chosen.count <= 1, chosen.allSatisfy({ protocols.contains(Array($0)) }) else {
            throw MalformedHTTP("it chose a WebSocket subprotocol that was not offered")
        }
        let extensions = Self.values("sec-websocket-extensions", answer).flatMap(listElements)
        guard let first = extensions.first else { return false }
        guard extensions.count == 1, let deflate = DeflateOffer(first), offers.contains(where: { $0.admits(deflate) })
        else { throw MalformedHTTP("it chose a WebSocket extension that was not offered") }
        return true
    }

    private var accept: [UInt8] {
        var hash = Insecure.SHA1()
        hash.update(data: key + Self.guid)
        return Base64.encode(Array(hash.finalize()))
    }
}
