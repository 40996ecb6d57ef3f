import HTTPContent
import NIOCore
import Testing

@Suite struct EventStreamTests {
    static func read(_ pieces: [ByteBuffer], limit: Int = 1000) throws(ContentFault) -> [ServerSentEvent] {
        var reader = EventStreamReader(limit: limit)
        var events: [ServerSentEvent] = []
        for piece in pieces {
            var input = piece
            try reader.read(&input, into: &events)
            #expect(input.readableBytes == 0)
        }
        if let rest = reader.finish() { events.append(rest) }
        return events
    }

    static func data(_ event: ServerSentEvent) -> String? { event.data.map { String(buffer: $0) } }

    static let streams = [
        "data: one\n\ndata: two\ndata: lines\n\n",
        "event: delta\r\nid: 7\r\ndata: {\"a\": 1}\r\n\r\ndata:x\r\n\r\n",
        "data: old\rdata: style\r\rdata: b\r\r",
        ": keep-alive\n\n: another\n\ndata\n\ndata:\n\n",
        "\u{FEFF}data: with a mark\n\ndata: none\n\n",
        "data: mixed\r\n\ndata: ends\n\r\ndata: here\r\rdata: and\n\n",
        "\n\n\r\r\r\n\r\ndata: after nothing\n\n",
        "data: cut off",
        "data: \rdata:  two spaces\n\nretry: 10\nunknown: field\nno colon\n\n",
        "data: a\r\r\ndata: b\r\n\r\n",
        "",
    ]

    @Test(arguments: streams) func whateverTheCutTheSameBlocks(stream: String) throws {
        let whole = bytes(stream)
        let expected = try Self.read([ByteBuffer(bytes: whole)])
        #expect(expected.flatMap { Array($0.raw.readableBytesView) } == whole)
        for pieces in cuts(of: whole, seed: 13) { #expect(try Self.read(pieces) == expected) }
    }

    @Test func whatABrowserWouldSee() throws {
        func seen(_ stream: String) throws -> [String] {
            try Self.read([ByteBuffer(string: stream)]).filter(\.isComplete).compactMap(Self.data)
        }
        #expect(try seen(Self.streams[0]) == ["one", "two\nlines"])
        #expect(try seen(Self.streams[1]) == ["{\"a\": 1}", "x"])
        #expect(try seen(Self.streams[2]) == ["old\nstyle", "b"])
        #expect(try seen(Self.streams[3]) == ["", ""])
        #expect(try seen(Self.streams[4]) == ["with a mark", "none"])
        #expect(try seen(Self.streams[7]) == [])
        #expect(try seen(Self.streams[8]) == ["\n two spaces"])
        let event = try Self.read([ByteBuffer(string: Self.streams[1])])[0]
        #expect(event.text("event") == "delta")
        #expect(event.text("id") == "7")
        #expect(event.text("retry") == nil)
    }

    /// An event is there with its last byte, not with the next one.
    @Test(arguments: ["data: x\n\n", "data: x\r\n\r\n", "data: x\r\r", ": ping\n\n"])
    func noEventWaitsForTheNext(stream: String) throws {
        var reader = EventStreamReader()
        var events: [ServerSentEvent] = []
        var first = ByteBuffer(string: stream + stream)
        try reader.read(&first, into: &events)
        #expect(events.count == 2)
    }

    @Test func otherDataInPlaceOfItsOwn() throws {
        let event = try Self.read([ByteBuffer(string: ": hm\nevent: e\ndata: a\ndata: b\nid: 1\n\n")])[0]
        #expect(
            String(buffer: event.replacing(data: ByteBuffer(string: "x\ny\rz")))
                == ": hm\nevent: e\ndata: x\ndata: y\ndata: z\nid: 1\n\n")
        // Nothing in new data can begin a line of another kind, or end the block.
        let attack = event.replacing(data: ByteBuffer(string: "\n\nevent: forged\n\ndata: forged"))
        let again = try Self.read([attack])
        #expect(again.count == 1)
        #expect(Self.data(again[0]) == "\n\nevent: forged\n\ndata: forged")
        #expect(again[0].text("event") == "e")
    }

    @Test func aBlockWithoutEndIsTooLarge() {
        #expect(throws: ContentFault.self) {
            try Self.read([ByteBuffer(string: "data: " + String(repeating: "x", count: 1000))])
        }
        #expect(throws: Never.self) {
            try Self.read([ByteBuffer(string: String(repeating: "data: short\n\n", count: 1000))])
        }
    }
}
