import HTTPDialect
import NIOCore
import Testing

/// What an HTTP/2 stream says and what stands for it in HTTP/1.1.
@Suite struct HTTP2StreamTests {
    static func fields(_ pairs: [(String, String)]) -> [StreamField] { pairs.map { StreamField($0.0, $0.1) } }

    static let get: [(String, String)] = [
        (":method", "GET"), (":scheme", "https"), (":path", "/orders/a?b=c"), (":authority", "gateway:6080"),
    ]

    static func text(_ bytes: ByteBuffer) -> String { String(buffer: bytes) }

    @Test func requestsAreWrittenInOneForm() throws {
        var request = StreamedRequest()
        #expect(
            Self.text(
                try request.head(
                    Self.fields(Self.get + [("accept", "*/*"), ("cookie", "a=1"), ("cookie", "b=2")]), isEnd: true))
                == "GET /orders/a?b=c HTTP/1.1\r\nHost: gateway:6080\r\naccept: */*\r\ncookie: a=1; b=2\r\n\r\n")
        #expect(request.hasHead)

        var post = StreamedRequest()
        #expect(
            Self.text(
                try post.head(
                    Self.fields(Self.get + [("te", "trailers"), ("content-type", "application/grpc")]), isEnd: false))
                == "GET /orders/a?b=c HTTP/1.1\r\nHost: gateway:6080\r\ncontent-type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        #expect(Self.text(post.data(ByteBuffer(string: "hello"), isEnd: false)) == "5\r\nhello\r\n")
        #expect(Self.text(post.data(ByteBuffer(), isEnd: false)) == "")
        #expect(Self.text(post.data(ByteBuffer(string: "x"), isEnd: true)) == "1\r\nx\r\n0\r\n\r\n")

        var sized = StreamedRequest()
        _ = try sized.head(Self.fields(Self.get + [("content-length", "5")]), isEnd: false)
        #expect(Self.text(sized.data(ByteBuffer(string: "hello"), isEnd: true)) == "hello")

        var trailed = StreamedRequest()
        _ = try trailed.head(Self.fields(Self.get), isEnd: false)
        #expect(Self.text(try trailed.trailers(Self.fields([("x-sum", "7")]))) == "0\r\nx-sum: 7\r\n\r\n")
    }

    // RFC 8441 section 5.
    static let bootstrap: [(String, String)] = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/c/chat"),
        (":authority", "gw"), ("sec-websocket-version", "13"), ("sec-websocket-key", "ignored"),
        ("authorization", "Bearer t"),
    ]

    @Test func aStreamMayBecomeAWebSocket() throws {
        var request = StreamedRequest()
        let head = Self.text(try request.head(Self.fields(Self.bootstrap), isEnd: false))
        #expect(request.isForWebSocket)
        #expect(head.hasPrefix("GET /c/chat HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
        #expect(head.hasSuffix("==\r\nsec-websocket-version: 13\r\nauthorization: Bearer t\r\n\r\n"))
        #expect(!head.contains("ignored"))
        #expect(Self.text(request.data(ByteBuffer(string: "raw"), isEnd: true)) == "raw")
        // The dialect takes it for what it is.
        var bench = HTTPBench()
        bench.client(head)
        #expect(bench.takeTarget().contains("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"))

        var answer = AnswerStream()
        answer.begin(isHead: false, mayUpgrade: true)
        let bytes =
            "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\nX-Own: 1\r\n\r\nraw"
        #expect(
            try answer.read(ByteBuffer(string: bytes)) == [
                .fields(Self.fields([(":status", "200"), ("x-own", "1")]), isEnd: false),
                .data(ByteBuffer(string: "raw"), isEnd: false),
            ])
        #expect(answer.isSwitched && !answer.hasEnded)
        var other = AnswerStream()
        other.begin(isHead: false)
        #expect(throws: MalformedHTTP.self) { try other.read(ByteBuffer(string: bytes)) }
    }

    @Test func otherProtocolsOfAStreamAreRequestsThatAreRefused() throws {
        var request = StreamedRequest()
        let fields = Self.bootstrap.map { $0.0 == ":protocol" ? ($0.0, "connect-udp") : $0 }
        let head = Self.text(try request.head(Self.fields(fields), isEnd: false))
        #expect(head.hasPrefix("CONNECT /c/chat HTTP/1.1\r\n") && !request.isForWebSocket)
        #expect(Self.text(request.data(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), isEnd: false)) == "")
        var bench = HTTPBench()
        bench.client(head)
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 405 ") && bench.takeTarget() == "")
        var ended = StreamedRequest()
        #expect(throws: MalformedHTTP.self) { try ended.head(Self.fields(Self.bootstrap), isEnd: true) }
    }

    static let malformed: [(String, [(String, String)])] = [
        ("no method", [(":scheme", "https"), (":path", "/"), (":authority", "a")]),
        ("no scheme", [(":method", "GET"), (":path", "/"), (":authority", "a")]),
        ("no path", [(":method", "GET"), (":scheme", "https"), (":authority", "a")]),
        ("an empty path", [(":method", "GET"), (":scheme", "https"), (":path", ""), (":authority", "a")]),
        ("no authority", [(":method", "GET"), (":scheme", "https"), (":path", "/")]),
        ("two paths", get + [(":path", "/other")]),
        ("an unknown pseudo field", get + [(":protocol", "websocket")]),
        ("a status", get + [(":status", "200")]),
        ("a pseudo field behind others", [("a", "b")] + get),
        ("another host", get + [("host", "elsewhere")]),
        ("two hosts", get + [("host", "gateway:6080"), ("host", "gateway:6080")]),
        ("CONNECT", [(":method", "CONNECT"), (":scheme", "https"), (":path", "/"), (":authority", "a")]),
        (
            "a method with a space",
            [(":method", "GET /admin"), (":scheme", "https"), (":path", "/"), (":authority", "a")]
        ),
        (
            "a path with a line end",
            [(":method", "GET"), (":scheme", "https"), (":path", "/ HTTP/1.1\r\nX: y"), (":authority", "a")]
        ),
        ("a path with a space", [(":method", "GET"), (":scheme", "https"), (":path", "/a b"), (":authority", "a")]),
        (
            "an authority with a line end",
            [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a\r\nX: y")]
        ),
        ("a name in capitals", get + [("Accept", "*/*")]), ("a name with a colon", get + [("a:b", "c")]),
        ("an empty name", get + [("", "c")]), ("a name with a line end", get + [("a\r\nb", "c")]),
        ("a value with a line end", get + [("a", "b\r\nTransfer-Encoding: chunked")]),
        ("a value with LF", get + [("a", "b\nc")]), ("a value with NUL", get + [("a", "b\0c")]),
        ("a value that begins with a space", get + [("a", " b")]),
        ("a value that ends with a tab", get + [("a", "b\t")]),
        ("connection", get + [("connection", "close")]),
        ("transfer-encoding", get + [("transfer-encoding", "chunked")]),
        ("upgrade", get + [("upgrade", "websocket")]), ("keep-alive", get + [("keep-alive", "1")]),
        ("proxy-connection", get + [("proxy-connection", "x")]), ("TE: gzip", get + [("te", "gzip")]),
        ("too many fields", get + (0..<200).map { ("a\($0)", "b") }),
    ]

    @Test(arguments: malformed) func whatRFC9113CallsMalformed(name: String, pairs: [(String, String)]) {
        #expect(throws: MalformedHTTP.self, "\(name)") {
            var request = StreamedRequest()
            _ = try request.head(Self.fields(pairs), isEnd: true)
        }
    }

    @Test func trailersAreFieldsOnly() throws {
        for pair in [(":path", "/"), ("transfer-encoding", "chunked"), ("a", "b\r\n\r\nGET / HTTP/1.1")] {
            var request = StreamedRequest()
            _ = try request.head(Self.fields(Self.get), isEnd: false)
            #expect(throws: MalformedHTTP.self) { try request.trailers(Self.fields([pair])) }
        }
    }

    /// Whatever the cut of the bytes, the stream carries the same.
    @Test func requestsOfTheDialectGoOntoAStream() throws {
        let bytes = Array(
            ("POST /rpc/Call HTTP/1.1\r\nHost: target:50051\r\nContent-Type: application/grpc+proto\r\nConnection: keep-alive\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n").utf8)
        for cut in 0...bytes.count {
            var stream = RequestStream(isTLS: true)
            var parts = try stream.read(ByteBuffer(bytes: bytes[..<cut]))
            parts += try stream.read(ByteBuffer(bytes: bytes[cut...]))
            guard case .fields(let fields, false)? = parts.first else {
                Issue.record("no head: \(parts)")
                continue
            }
            #expect(
                fields
                    == Self.fields([
                        (":method", "POST"), (":scheme", "https"), (":authority", "target:50051"),
                        (":path", "/rpc/Call"),
                        ("content-type", "application/grpc+proto"), ("te", "trailers"),
                    ]))
            #expect(Self.joined(parts) == "hello!")
            #expect(parts.count { $0.isEnd } == 1 && parts.last?.isEnd == true)
        }
        var stream = RequestStream(isTLS: false)
        let parts = try stream.read(ByteBuffer(string: "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n"))
        #expect(parts.count == 1 && parts[0].isEnd && stream.isHead)
    }

    @Test func answersOfTheDialectGoOntoAStream() throws {
        let bytes = Array(
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n").utf8)
        for cut in 0...bytes.count {
            var stream = AnswerStream()
            stream.begin(isHead: false)
            var parts = try stream.read(ByteBuffer(bytes: bytes[..<cut]))
            parts += try stream.read(ByteBuffer(bytes: bytes[cut...]))
            #expect(parts.first == .fields([StreamField(":status", "100")], isEnd: false))
            #expect(parts.dropFirst().first == .fields(Self.fields([(":status", "200"), ("x-a", "b")]), isEnd: false))
            #expect(Self.joined(parts) == "hello")
            #expect(parts.last == .fields([StreamField("grpc-status", "0")], isEnd: true))
            #expect(stream.hasEnded)
        }
        for (answer, isHead) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", false), ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true),
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        ] {
            var stream = AnswerStream()
            stream.begin(isHead: isHead)
            let parts = try stream.read(ByteBuffer(string: answer))
            #expect(parts.count == 1 && parts[0].isEnd, "\(answer)")
        }
    }

    @Test func answersOfATargetAreWrittenInOneForm() throws {
        func head(_ pairs: [(String, String)], isHead: Bool = false, isEnd: Bool = false) throws -> String {
            var answer = StreamedAnswer(isHead: isHead)
            return Self.text(try answer.head(Self.fields(pairs), isEnd: isEnd))
        }
        #expect(
            try head([(":status", "200"), ("a", "b")]) == "HTTP/1.1 200 \r\na: b\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(try head([(":status", "200")], isEnd: true) == "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")
        #expect(try head([(":status", "204")], isEnd: true) == "HTTP/1.1 204 \r\n\r\n")
        #expect(
            try head([(":status", "200"), ("content-length", "9")], isHead: true, isEnd: true)
                == "HTTP/1.1 200 \r\ncontent-length: 9\r\n\r\n")
        var answer = StreamedAnswer(isHead: false)
        #expect(
            Self.text(try answer.head(Self.fields([(":status", "103"), ("link", "x")]), isEnd: false))
                == "HTTP/1.1 103 \r\nlink: x\r\n\r\n")
        #expect(!answer.hasHead)
        _ = try answer.head(Self.fields([(":status", "200")]), isEnd: false)
        #expect(Self.text(answer.data(ByteBuffer(string: "abc"), isEnd: false)) == "3\r\nabc\r\n")
        #expect(Self.text(try answer.trailers(Self.fields([("grpc-status", "0")]))) == "0\r\ngrpc-status: 0\r\n\r\n")
        for pairs in [
            [(":status", "101")], [(":status", "20")], [(":status", "abc")], [(":status", "999")], [("a", "b")],
            [(":status", "200"), (":status", "200")], [(":status", "200"), ("a", "b\r\nc: d")],
            [(":status", "200"), ("transfer-encoding", "chunked")],
        ] {
            #expect(throws: MalformedHTTP.self, "\(pairs)") { try head(pairs) }
        }
        #expect(throws: MalformedHTTP.self) { try head([(":status", "204")]) }
        #expect(throws: MalformedHTTP.self) { try head([(":status", "100")], isEnd: true) }
    }

    static func joined(_ parts: [StreamPart]) -> String {
        parts.reduce(into: "") { if case .data(let data, _) = $1 { $0 += String(buffer: data) } }
    }
}
