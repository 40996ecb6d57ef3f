import HTTPContent
import HTTPDialect
import NIOCore
import Testing

@Suite struct RecordedWebSocketTests {
    private typealias Piece = RecordedWebSocket.Piece

    private static let head = "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"

    private static func frame(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false
    ) -> [UInt8] {
        var buffer = ByteBuffer()
        WebSocketFrame.write(
            opcode, isFinal: isFinal, isCompressed: isCompressed, payload: ByteBuffer(bytes: payload), mask: nil,
            into: &buffer)
        return Array(buffer.readableBytesView)
    }

    private static func text(_ text: String, isFinal: Bool = true) -> [UInt8] {
        frame(.text, Array(text.utf8), isFinal: isFinal)
    }

    @Test func whatWasSaidInItsOrder() throws {
        let said: [Piece] = [
            Piece(isFromClient: false, bytes: Array(Self.head.utf8)),
            Piece(isFromClient: false, bytes: Array("\r\n".utf8) + Self.text("welcome")),
            Piece(isFromClient: true, bytes: Self.text("he", isFinal: false)),
            Piece(isFromClient: false, bytes: Self.frame(.ping, [1, 2])),
            Piece(isFromClient: true, bytes: Self.frame(.continuation, Array("llo".utf8)) + [0x82]),
            Piece(
                isFromClient: true, bytes: [0x02, 0xFF, 0xFE] + Self.frame(.close, [0x03, 0xE8] + Array("bye".utf8))),
            Piece(isFromClient: false, bytes: Self.text("unfin").dropLast()),
        ]
        let (messages, isWhole) = try #require(RecordedWebSocket.messages(said, limit: 4))
        #expect(isWhole)
        #expect(messages.map(\.isFromClient) == [false, false, true, true, true, false])
        #expect(messages.map(\.kind) == [.text, .ping, .text, .binary, .close, .text])
        #expect(messages.map(\.size) == [7, 2, 5, 2, 3, 4])
        #expect(messages[2].content == Array("hell".utf8) && messages[3].content == [0xFF, 0xFE])
        #expect(messages[4].closeCode == 1000 && messages[4].content == Array("bye".utf8))
        #expect(messages.map(\.isUnfinished) == [false, false, false, false, false, true])
    }

    /// RFC 7692 section 7.2.3: a message, the same again by its context, one in two frames, one that is not compressed.
    @Test(arguments: [false, true]) func compressedMessagesAreRead(forgets: Bool) throws {
        let extensions =
            "Sec-WebSocket-Extensions: permessage-deflate" + (forgets ? "; server_no_context_takeover" : "")
        let head = Array((Self.head + extensions + "\r\n\r\n").utf8)
        let hello: [UInt8] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]
        let again: [UInt8] = [0xf2, 0x00, 0x11, 0x00, 0x00]
        let frames =
            Self.frame(.text, hello, isCompressed: true) + Self.frame(.text, again, isCompressed: true)
            + Self.frame(.text, Array(hello.prefix(3)), isFinal: false, isCompressed: true)
            + Self.frame(.continuation, Array(hello.dropFirst(3))) + Self.text("plain")
        let (messages, _) = try #require(
            RecordedWebSocket.messages([Piece(isFromClient: false, bytes: head + frames)], limit: 100))
        #expect(messages.map(\.isUnreadable) == [false, forgets, false, false])
        for index in [0, 1, 2] where !(forgets && index == 1) {
            #expect(messages[index].content == Array("Hello".utf8), "\(index)")
            #expect(messages[index].size == 5)
        }
        #expect(messages[3].content == Array("plain".utf8))
    }

    /// Few bytes of the record must not become many of the reader's.
    @Test func whatIsShownIsBounded() throws {
        let head = Array((Self.head + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").utf8)
        let pings = (0..<30_000).flatMap { _ in Self.frame(.ping, []) }
        let many = try #require(
            RecordedWebSocket.messages([Piece(isFromClient: false, bytes: head + pings)], limit: 100))
        #expect(many.messages.count == RecordedWebSocket.mostMessages && !many.isWhole)
        let zeros = Self.frame(.binary, [UInt8](repeating: 0, count: 1 << 20))
        let long = try #require(
            RecordedWebSocket.messages(
                [Piece(isFromClient: false, bytes: head + (0..<20).flatMap { _ in zeros })], limit: .max))
        #expect(long.messages.reduce(0) { $0 + $1.content.count } == RecordedWebSocket.mostShown && !long.isWhole)
        #expect(long.messages.last?.size == 1 << 20)
    }

    @Test func anythingElseIsNone() {
        for text in ["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 101 X\r\n", "no"] {
            #expect(RecordedWebSocket.messages([Piece(isFromClient: false, bytes: Array(text.utf8))], limit: 9) == nil)
        }
        #expect(RecordedWebSocket.messages([Piece(isFromClient: true, bytes: [1])], limit: 9) == nil)
    }
}
