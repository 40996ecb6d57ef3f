import AuditLedger
import CZlib
import DataMasking
import Foundation
import GatewayCore
import HTTPDialect
import NIOCore
import SessionKernel
import Testing

/// Masks on requests and answers: the same masked bytes for any cut, on both sides and in the record.
@Suite struct MaskTests {
    private static func masks(_ rules: MaskRule..., binary: [BinaryRule] = []) -> MaskSet {
        MaskSet(rules: rules, binary: binary, key: MaskKey(bytes: [1]))
    }

    private static func json(_ paths: String..., with method: MaskMethod = .redact) -> MaskRule {
        MaskRule(json: paths.compactMap { JSONPath($0) }, method: method)
    }

    private static let detecting = MaskRule(detect: [.email, .creditCard])
    private static let named = MaskRule(
        content: ContentScope(fields: [Glob("pin")], headers: [Glob("x-owner")], cookies: [Glob("sid")]))

    /// What the client gets for an answer that comes in these pieces.
    private func answer(
        _ pieces: [[UInt8]], _ masks: MaskSet, request: String = get("/c/x")
    ) -> HTTPBench {
        var bench = HTTPBench()
        bench.masks = masks
        bench.client(request)
        _ = bench.takeTarget()
        for piece in pieces { bench.target(piece) }
        return bench
    }

    struct Sample: Sendable, CustomTestStringConvertible {
        var type: String
        var body: String
        var expected: String
        var isReadable: Bool { !type.contains("utf-16") && type != "image/png" }
        var testDescription: String { type + ": " + body.prefix(40) }
    }

    static let samples = [
        Sample(
            type: "application/json",
            body: #"{"user": {"ssn": "123", "mail": "ada@example.com"}, "n": 4111111111111111}"#,
            expected: #"{"user": {"ssn": "***", "mail": "***"}, "n": "***"}"#),
        Sample(
            type: "application/vnd.api+json; charset=utf-8", body: #"[{"ssn":null},{"ssn":["1"]}]"#,
            expected: #"[{"ssn":null},{"ssn":"***"}]"#),
        Sample(
            type: "application/x-ndjson", body: "{\"ssn\":1}\n{\"ssn\":2,\"a\":\"b\\u0040c.de\"}\n",
            expected: "{\"ssn\":\"***\"}\n{\"ssn\":\"***\",\"a\":\"***\"}\n"),
        Sample(type: "text/plain", body: "call ada@example.com, or bob@example.com.", expected: "call ***, or ***."),
        Sample(type: "text/html", body: " {\"ssn\": \"x\"}", expected: " {\"ssn\": \"***\"}"),
        Sample(type: "text/csv", body: "[2024-01-01] ada@example.com", expected: "[2024-01-01] ***"),
        Sample(type: "application/xml", body: "<m>ada@example.com</m>", expected: "<m>***</m>"),
        Sample(
            type: "text/event-stream",
            body:
                "event: a\ndata: {\"ssn\": 1}\n\n: ada@example.com\r\n\r\ndata: ada@\ndata: example.com\n\ndata: [DONE]\n\n",
            expected: "event: a\ndata: {\"ssn\": \"***\"}\n\n: ***\n\ndata: ada@\ndata: example.com\n\ndata: [DONE]\n\n"
        ),
        Sample(
            type: "text/event-stream", body: "data: {broken ada@example.com\n\nid: 7\n\n",
            expected: "data: [masked]\n\nid: 7\n\n"),
        Sample(
            type: "application/x-www-form-urlencoded", body: "a=1+%2B&pin=12%3D&m=ada%40example.com&&b",
            expected: "a=1+%2B&pin=***&m=***&&b"),
        Sample(
            type: "multipart/form-data; boundary=XX",
            body: "--XX\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n1234\r\n--XX\r\n"
                + "Content-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n{\"ssn\":1}\r\n--XX\r\n"
                + "Content-Disposition: form-data; name=\"t\"\r\n\r\nada@example.com\r\n--XX--\r\n",
            expected: "--XX\r\nContent-Disposition: form-data; name=\"pin\"\r\n\r\n***\r\n--XX\r\n"
                + "Content-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n{\"ssn\":\"***\"}\r\n--XX\r\n"
                + "Content-Disposition: form-data; name=\"t\"\r\n\r\n***\r\n--XX--\r\n"),
        Sample(
            type: "image/png", body: "binary",
            expected: "[masked: 6 bytes of image/png, SHA-256 "
                + "9a3a45d01531a20e89ac6ae10b0b0beb0492acd7216a368aa062d1a5fecaf9cd]\n"),
        Sample(
            type: "text/plain; charset=utf-16", body: "x",
            expected: "[masked: 1 bytes of text/plain, SHA-256 "
                + "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881]\n"),
        Sample(type: "text/plain; charset=utf-16", body: "", expected: ""),
    ]

    private static let all = masks(detecting, json("**.ssn"), named)

    /// Every sample in every framing, coded or not, cut at every byte.
    @Test(arguments: samples)
    func everyCutGivesTheSameAnswer(_ sample: Sample) throws {
        for coding in ["", "gzip", "deflate"] {
            let body = coding.isEmpty ? Array(sample.body.utf8) : try Self.deflated(Array(sample.body.utf8), coding)
            // What cannot be looked into is told by the digest of what came.
            if !coding.isEmpty, !sample.isReadable { continue }
            let fields = "Content-Type: \(sample.type)\r\n" + (coding.isEmpty ? "" : "Content-Encoding: \(coding)\r\n")
            let chunked = Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8)
            for (framing, framed) in [
                ("Content-Length: \(body.count)", body),
                ("Transfer-Encoding: chunked", body.isEmpty ? Array("0\r\n\r\n".utf8) : chunked),
            ] {
                let head = Array("HTTP/1.1 200 OK\r\n\(fields)\(framing)\r\nETag: \"1\"\r\n\r\n".utf8)
                let bytes = head + framed
                for cut in 0...bytes.count {
                    var bench = answer([Array(bytes[..<cut]), Array(bytes[cut...])].filter { !$0.isEmpty }, Self.all)
                    let (shown, text) = Self.split(bench.takeClient())
                    #expect(text == sample.expected, "\(coding) \(framing) cut \(cut): \(text)")
                    #expect(shown.contains("ETag: \"1\""))
                    #expect(!shown.contains("Content-Encoding"))
                    #expect(bench.outcomes.map(\.code) == ["200"])
                    #expect(!bench.hasEnded)
                }
            }
        }
    }

    @Test func aShortBodyHasItsLength() {
        var bench = answer(
            [
                Array(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ssn\":123}".utf8)
            ],
            Self.all)
        #expect(bench.takeClient().hasSuffix("Content-Length: 13\r\n\r\n{\"ssn\":\"***\"}"))
    }

    /// The head of a stream goes on before anything of its body.
    @Test func aStreamBeginsAtOnce() {
        var bench = answer(
            [Array("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)],
            Self.all)
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 200 OK\r\n"))
        bench.target(Array("9\r\ndata: x\n\n\r\n".utf8))
        #expect(bench.takeClient() == "9\r\ndata: x\n\n\r\n")
    }

    @Test(
        arguments: [
            ("X-Owner: ada", "X-Owner: ***"), ("Set-Cookie: sid=abc; HttpOnly", "Set-Cookie: sid=***; HttpOnly"),
            ("Set-Cookie: lang=en", "Set-Cookie: lang=en"), ("X-Note: to ada@example.com", "X-Note: to ***"),
            ("Location: /users?to=ada@example.com", "Location: /c/users?to=***"),
            ("ETag: \"4111111111111111\"", "ETag: \"4111111111111111\""),
            ("Accept-Ranges: bytes", nil), ("Content-MD5: x", nil),
        ] as [(String, String?)])
    func fieldsAreMasked(field: String, expected: String?) {
        var bench = answer(
            [Array("HTTP/1.1 200 OK\r\n\(field)\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n".utf8)],
            Self.all)
        let shown = bench.takeClient()
        if let expected {
            #expect(shown.contains(expected), "\(shown)")
        } else {
            #expect(!shown.contains(field.prefix { $0 != ":" }), "\(shown)")
        }
    }

    /// Nothing of an answer that nobody can read, and the next request is served.
    @Test(arguments: [
        ("application/json", "<html>", ""), ("application/json", "{\"a\":1", ""),
        ("application/json", "{}", "Content-Encoding: gzip\r\n"), ("multipart/form-data; boundary=X", "no parts", ""),
    ])
    func whatCannotBeReadIsNotPassedOn(type: String, body: String, fields: String) {
        var bench = answer(
            [
                Array(
                    "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        .utf8)
            ], Self.all)
        let shown = bench.takeClient()
        #expect(shown.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"), "\(shown)")
        #expect(bench.outcomes.map(\.code) == ["502"])
        #expect(bench.drops == 1 && !bench.hasEnded)
        bench.client(get("/c/y"))
        #expect(bench.takeTarget().hasPrefix("GET /y"))
    }

    /// When a part has gone out already the connection ends, so that nobody takes the rest for the whole.
    @Test func aFaultInTheMiddleEndsTheConnection() {
        var bench = answer(
            [
                Array("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n[1,".utf8),
                Array("2,}".utf8),
            ], Self.all)
        #expect(bench.hasEnded)
        #expect(!bench.takeClient().contains("0\r\n\r\n"))
    }

    @Test(arguments: [
        (MaskRule.Unknown.deny, "HTTP/1.1 502 "),
        (.allow, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3"),
        (.mask, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 105"),
    ])
    func typesSayWhatBecomesOfThem(then: MaskRule.Unknown, expected: String) {
        var bench = answer(
            [Array("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\npng".utf8)],
            Self.masks(Self.detecting, binary: [BinaryRule(types: [Glob("image/*")], then: then)]))
        #expect(bench.takeClient().hasPrefix(expected))
    }

    /// A part of a body cannot be masked: the target is asked for all of it, without coding.
    @Test func theTargetIsAskedForTheWhole() {
        var bench = HTTPBench()
        bench.masks = Self.all
        bench.client(get("/c/x", "Range: bytes=0-9\r\nIf-Range: \"1\"\r\nAccept-Encoding: gzip, zstd\r\n"))
        let sent = bench.takeTarget()
        #expect(!sent.contains("ange") && sent.contains("Accept-Encoding: identity\r\n") && !sent.contains("zstd"))
        bench.target(
            Array("HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc".utf8))
        #expect(bench.takeClient().contains("[masked: 3 bytes of text/plain"))
    }

    @Test func pathsLimitMasks() {
        let rule = MaskRule(
            detect: [.email], content: ContentScope(paths: [PathPattern("/users/**")].compactMap { $0 }))
        let body = "ada@example.com"
        for (path, expected) in [("/c/users/1", "***"), ("/c/Users/1", "***"), ("/c/other", body)] {
            var bench = answer(
                [Array("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\n\(body)".utf8)],
                Self.masks(rule), request: get(path))
            #expect(bench.takeClient().hasSuffix("\r\n\r\n" + expected))
        }
    }

    // MARK: - Requests

    private static func both(_ rule: MaskRule) -> MaskRule {
        var rule = rule
        rule.content.sides = [.request]
        return rule
    }

    /// What is judged and recorded is what the target gets.
    @Test func requestsAreMaskedBeforeAllElse() throws {
        let body = #"{"ssn":"123","to":"ada@example.com"}"#
        let fields = "Content-Type: application/json\r\nX-Owner: ada\r\nCookie: sid=1; lang=en\r\n"
        let bytes = Array(
            ("POST /c/x?pin=1&q=ada%40example.com HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\n\(fields)"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
        let rules = [Self.detecting, Self.json("**.ssn"), Self.named].map(Self.both)
        for cut in 0...bytes.count {
            var bench = HTTPBench()
            bench.masks = MaskSet(rules: rules, key: MaskKey(bytes: [1]))
            bench.client(Array(bytes[..<cut]))
            bench.client(Array(bytes[cut...]))
            let sent = bench.takeTarget()
            #expect(sent.hasPrefix("POST /x?pin=***&q=*** HTTP/1.1\r\n"), "cut \(cut): \(sent)")
            #expect(sent.hasSuffix("\r\n\r\n" + #"{"ssn":"***","to":"***"}"#), "cut \(cut): \(sent)")
            #expect(sent.contains("X-Owner: ***\r\n") && sent.contains("Cookie: sid=***; lang=en\r\n"))
            let text = bench.assessments.first?.content.first.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
            #expect(!text.contains("ada") && !text.contains("123") && text.hasSuffix(#""to":"***"}"#), "\(text)")
        }
    }

    /// A mask of answers hides the same in the record of requests, which go on as they are.
    @Test func theRecordOfARequestIsMasked() {
        var bench = HTTPBench()
        bench.masks = Self.all
        let body = #"{"ssn":"123"}"#
        bench.client(
            "POST /c/users/ada%40example.com?pin=7 HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nX-Owner: ada\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(bench.takeTarget().hasPrefix("POST /users/ada@example.com?pin=7 "))
        let text = bench.assessments.first?.content.first.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        #expect(text.hasPrefix("POST /users/***?pin=*** ") && text.contains("X-Owner: ***"), "\(text)")
        #expect(text.hasSuffix(#"{"ssn":"***"}"#), "\(text)")
    }

    @Test(arguments: [
        ("application/json", "{", "HTTP/1.1 400 "), ("image/png", "x", "HTTP/1.1 415 "),
        ("application/x-www-form-urlencoded", "a=%", "HTTP/1.1 400 "),
    ])
    func requestsThatCannotBeReadAreRefused(type: String, body: String, expected: String) {
        var bench = HTTPBench()
        bench.masks = MaskSet(rules: [Self.both(Self.detecting)], key: MaskKey(bytes: [1]))
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nContent-Type: \(type)\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(bench.takeClient().hasPrefix(expected))
        #expect(bench.takeTarget().isEmpty)
    }

    /// Beyond the cap the rest of a masked body follows in chunks.
    @Test func aLongRequestIsMaskedAsItComes() {
        var limits = SessionLimits()
        limits.command = 16
        var bench = HTTPBench(limits: limits)
        bench.masks = MaskSet(rules: [Self.both(Self.detecting)], key: MaskKey(bytes: [1]))
        let body = String(repeating: "to ada@example.com, ", count: 20)
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nContent-Type: text/plain\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n")
        for byte in body.utf8 { bench.client([byte]) }
        let (head, text) = Self.split(bench.takeTarget())
        #expect(head.contains("Transfer-Encoding: chunked"))
        #expect(text == String(repeating: "to ***, ", count: 20))
    }

    // MARK: - Helpers

    /// A head, and the body behind it without its framing.
    private static func split(_ message: String) -> (String, String) {
        guard let end = message.range(of: "\r\n\r\n") else { return (message, "") }
        let head = String(message[..<end.lowerBound])
        guard head.contains("Transfer-Encoding: chunked") else { return (head, String(message[end.upperBound...])) }
        var rest = Array(message[end.upperBound...].utf8)[...]
        var body: [UInt8] = []
        while let line = rest.firstIndex(of: 0x0D),
            let size = Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16),
            size > 0, line + 2 + size <= rest.endIndex
        {
            body += rest[(line + 2)..<(line + 2 + size)]
            rest = rest[(line + 4 + size)...]
        }
        return (head, String(decoding: body, as: UTF8.self))
    }

    private static func deflated(_ bytes: [UInt8], _ coding: String) throws -> [UInt8] {
        var stream = z_stream()
        let bits: Int32 = coding == "gzip" ? 31 : 15
        try #require(
            deflateInit2_(
                &stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK)
        defer { deflateEnd(&stream) }
        var (input, output) = (bytes, [UInt8](repeating: 0, count: bytes.count + 100))
        let count = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { sink in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = sink.baseAddress
                stream.avail_out = UInt32(sink.count)
                _ = deflate(&stream, Z_FINISH)
                return sink.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<count])
    }
}
