import Foundation
import HTTPDialect
import Testing

/// Recorded exchanges as HTTP archives: what the pytest holds against HAR's rules on the wire, here case by case and in
/// pieces of every size.
@Suite struct HARTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// The archive of one exchange whose recorded bytes come in pieces of `size`.
    private func archive(
        _ request: [UInt8]?, input: [UInt8] = [], answer: [UInt8], pieces size: Int = 7, status: Int? = nil
    ) throws -> (entry: [String: Any], text: [UInt8], largest: Int) {
        func source(_ all: [UInt8]) -> RecordedBytes {
            { body in
                for start in stride(from: 0, to: all.count, by: size) {
                    guard try body(Array(all[start..<min(start + size, all.count)])) else { return }
                }
            }
        }
        var (text, largest): ([UInt8], Int) = ([], 0)
        var facts = HARExchange()
        facts.started = "2026-11-21T21:00:00.000000Z"
        (facts.duration, facts.waited, facts.status) = (12_345, 345, status)
        (facts.method, facts.template) = ("GET", "/users/{id}")
        facts.gateway = bytes("{\"verdict\":\"allow\"}")
        var writer = HARWriter { piece in
            text += piece
            largest = max(largest, piece.count)
        }
        try writer.begin(version: "1", session: bytes("{}"))
        try writer.add(facts, request: request, input: source(input), answer: source(answer))
        try writer.finish()
        let read = try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any]
        let log = try #require(read?["log"] as? [String: Any])
        #expect(log["version"] as? String == "1.2")
        return (try #require((log["entries"] as? [[String: Any]])?.first), text, largest)
    }

    private func part(_ entry: [String: Any], _ path: String...) throws -> [String: Any] {
        try path.reduce(entry) { try #require($0[$1] as? [String: Any]) }
    }

    private static let get =
        "GET /v1/list?a=b%20c&d=%5Bx%5D&token=[hidden] HTTP/1.1\r\nHost: api.internal\r\nCookie: [hidden]\r\n\r\n"

    @Test(arguments: [1, 2, 3, 10, 1000])
    func aRequestAndItsAnswer(_ size: Int) throws {
        let answer =
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: sid=s3cret\r\nContent-Length: 11\r\n\r\nü \"\\\n\u{1}done"
        let (entry, text, _) = try archive(bytes(Self.get), answer: bytes(answer), pieces: size)
        let request = try part(entry, "request")
        #expect(request["method"] as? String == "GET")
        #expect(request["url"] as? String == "http://api.internal/v1/list?a=b%20c&d=%5Bx%5D&token=[hidden]")
        let query = try #require(request["queryString"] as? [[String: String]])
        #expect(
            query.map { $0["name"] } == ["a", "d", "token"] && query.map { $0["value"] } == ["b c", "[x]", "[hidden]"])
        #expect(request["postData"] == nil && request["bodySize"] as? Int == 0)
        let response = try part(entry, "response")
        #expect(response["status"] as? Int == 200 && response["bodySize"] as? Int == 11)
        let content = try part(response, "content")
        #expect(content["text"] as? String == "ü \"\\\n\u{1}done" && content["size"] as? Int == 11)
        #expect(content["encoding"] == nil && content["comment"] == nil)
        #expect(!String(decoding: text, as: UTF8.self).contains("s3cret"))
        #expect(entry["time"] as? Double == 12.345)
        let timings = try #require(entry["timings"] as? [String: Double])
        #expect(timings["blocked"] == 0.345 && timings["wait"] == 12)
        #expect(try part(entry, "_sallyport")["verdict"] as? String == "allow")
    }

    @Test(arguments: [1, 5, 64])
    func chunksAreJoinedAndCodingsTakenOff(_ size: Int) throws {
        // gzip of "hello hello hello".
        let packed: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57, 0xC8, 0x40, 0x90, 0, 0x80, 0x88,
            0xF9,
            0xE5, 17, 0, 0, 0,
        ]
        func chunk(_ data: ArraySlice<UInt8>) -> [UInt8] {
            bytes(String(data.count, radix: 16) + "\r\n") + data + bytes("\r\n")
        }
        let head = bytes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        let body = chunk(packed[..<9]) + chunk(packed[9...]) + bytes("0\r\nX-Sum: 1\r\n\r\n")
        let content = try part(
            try archive(bytes(Self.get), answer: head + body, pieces: size).entry, "response", "content")
        #expect(content["text"] as? String == "hello hello hello" && content["encoding"] == nil)
        #expect(content["size"] as? Int == 17 && content["compression"] as? Int == 17 - packed.count)
        // What is not what its coding says stands as it came.
        var broken = packed
        broken[12] ^= 0xFF
        let shown = try part(
            try archive(
                bytes(Self.get), answer: head + chunk(broken[...]) + bytes("0\r\n\r\n"), pieces: size
            ).entry, "response", "content")
        #expect(shown["encoding"] as? String == "base64")
        #expect((shown["text"] as? String).flatMap { Data(base64Encoded: $0) } == Data(broken))
        #expect(shown["compression"] == nil && shown["size"] as? Int == broken.count)
    }

    @Test func bodiesOfRequestsAreText() throws {
        let head = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        let posted = try part(
            try archive(bytes(head + "{\"a\""), input: bytes(": 1.}"), answer: []).entry, "request", "postData")
        #expect(posted["text"] as? String == "{\"a\": 1.}" && posted["mimeType"] as? String == "application/json")
        let form =
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\na=1+2&b=%C3"
        let fields = try part(try archive(bytes(form), answer: []).entry, "request", "postData")
        #expect(fields["text"] == nil)
        #expect((fields["params"] as? [[String: String]])?.first == ["name": "a", "value": "1 2"])
        let chunked = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        let more = try part(
            try archive(bytes(chunked), input: bytes("2\r\nde\r\n0\r\n\r\n"), answer: []).entry, "request")
        #expect(try part(more, "postData")["text"] as? String == "abcde" && more["bodySize"] as? Int == 5)
        let binary = try part(
            try archive(
                bytes("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n") + [0xFF, 0x00], answer: []
            ).entry, "request", "postData")
        #expect(binary["_encoding"] as? String == "base64" && binary["text"] as? String == "/wA=")
    }

    @Test func whatIsMissingIsSaid() throws {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
        let response = try part(try archive(bytes(Self.get), answer: bytes(cut)).entry, "response")
        #expect(response["bodySize"] as? Int == -1)
        #expect(try part(response, "content")["comment"] != nil)
        // Refused: nothing of an answer was recorded.
        let refused = try part(try archive(bytes(Self.get), answer: [], status: 403).entry, "response")
        #expect(refused["status"] as? Int == 403 && refused["bodySize"] as? Int == -1)
        // Erased.
        let erased = try part(try archive(nil, answer: []).entry, "request")
        #expect(erased["url"] as? String == "/users/{id}" && erased["method"] as? String == "GET")
        // Garbage in the record's place.
        for text in ["", "\r\n\r\n", "GET\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"] {
            _ = try archive(bytes(text), answer: bytes(text))
        }
    }

    @Test func answersWithoutBodies() throws {
        let head = "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"
        for (request, answer) in [
            (head, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            (Self.get, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n"),
            (Self.get, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}"),
        ] {
            let response = try part(try archive(bytes(request), answer: bytes(answer)).entry, "response")
            #expect(try part(response, "content")["size"] as? Int == 0 && response["bodySize"] as? Int == 0)
        }
        let moved = try part(
            try archive(
                bytes(Self.get), answer: bytes("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
            ).entry, "response")
        #expect(moved["redirectURL"] as? String == "/b")
    }

    @Test func aSwitchIsFollowedByItsMessages() throws {
        let answer = bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        let said = RecordedWebSocket.messages(
            [
                .init(isFromClient: false, bytes: answer), .init(isFromClient: true, bytes: [0x81, 2] + bytes("hi")),
                .init(isFromClient: false, bytes: [0x82, 1, 0xFF]),
            ], limit: 100)
        let messages = try #require(said)
        var text: [UInt8] = []
        var writer = HARWriter { text += $0 }
        try writer.begin(version: "1", session: bytes("{}"))
        var facts = HARExchange()
        (facts.startedMicros, facts.gateway) = (1_500_000_000_250_000, bytes("{}"))
        try writer.add(
            facts, request: bytes(Self.get), input: { _ in }, answer: { _ = try $0(answer) },
            messages: { messages.messages })
        try writer.finish()
        #expect(
            String(decoding: text, as: UTF8.self).contains(
                "\"_webSocketMessages\":[{\"type\":\"send\",\"time\":1500000000.250,\"opcode\":1,\"data\":\"hi\"},"
                    + "{\"type\":\"receive\",\"time\":1500000000.250,\"opcode\":2,\"data\":\"/w==\"}]"))
    }

    @Test func memoryIsBoundedForLongBodies() throws {
        let body = [UInt8](repeating: 0xFE, count: 3 << 20)
        let answer = bytes("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n") + body
        let (entry, _, largest) = try archive(bytes(Self.get), answer: answer, pieces: 16 << 10)
        let text = try #require(try part(entry, "response", "content")["text"] as? String)
        #expect(Data(base64Encoded: text) == Data(body))
        #expect(largest < 128 << 10)
    }
}
