import AuditLedger
import Foundation
import GatewayCore
import HTTPDialect
import NIOCore
import SessionKernel
import Testing

/// Requests and answers as both sides get them.
@Suite struct ExchangeTests {
    @Test func theTokenIsTakenAwayAndTheCredentialPutIn() {
        var bench = HTTPBench()
        bench.client(get("/c/x?a=b", "X-Api-Key: k\r\nSallyport-Token: real\r\nX-Own: 1\r\n"))
        #expect(bench.proofs.first.map { String(decoding: $0.token, as: UTF8.self) } == "real")
        let sent = bench.takeTarget()
        #expect(
            sent == "GET /x?a=b HTTP/1.1\r\nHost: target.example\r\nAuthorization: Bearer s3cret\r\nX-Own: 1\r\n"
                + "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: gw\r\n"
                + "X-Forwarded-Prefix: /c\r\nVia: 1.1 sallyport\r\n\r\n")
        let text = bench.assessments.first?.content.first.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        #expect(!text.contains("s3cret"))
        #expect(!text.contains("real"))
    }

    @Test(arguments: [
        "Forwarded: for=1.1.1.1", "X-Forwarded-For: 1.1.1.1", "X_Forwarded_For: 1.1.1.1", "X-Forwarded-User: root",
        "X-Real-IP: 1.1.1.1", "X-Remote-User: root", "X-Remote-Group: system:masters", "Remote-User: root",
        "Impersonate-User: root", "impersonate-extra-scopes: x", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
        "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "Client-IP: 1.1.1.1", "True-Client-IP: 1.1.1.1",
        "Proxy: http://evil", "Keep-Alive: 5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic x",
        "TE: trailers", "Upgrade: h2c", "Connection: X-Hop\r\nX-Hop: 1", "connection: x-hop\r\nX-HOP: 1",
        "Sallyport-Run: 7",
    ])
    func whatOnlyNeighboursOrTheGatewayMaySayGoesNoFurther(_ fields: String) {
        var bench = HTTPBench()
        bench.client(get("/c/x", fields + "\r\n"))
        var plain = HTTPBench()
        plain.client(get("/c/x"))
        #expect(bench.takeTarget() == plain.takeTarget())
    }

    @Test(arguments: [
        (TargetCredential.Form.header("X-Key"), "GET /x?q=1 HTTP/1.1\r\nHost: target.example\r\nX-Key: s3cret\r\n"),
        (.query("key"), "GET /x?q=1&key=s3cret HTTP/1.1\r\nHost: target.example\r\n"),
        (.password, "GET /x?q=1 HTTP/1.1\r\nHost: target.example\r\nAuthorization: Basic dTpzM2NyZXQ=\r\n"),
    ])
    func aCredentialHasOnePlace(_ form: TargetCredential.Form, _ head: String) {
        var bench = HTTPBench()
        bench.place.credential = form
        bench.credential = TargetCredential(username: "u", password: Array("s3cret".utf8), form: form)
        var extra = "X-Key: mine\r\nx_key: mine\r\n"
        if case .header = form {} else { extra = "" }
        bench.client(get(form == .query("key") ? "/c/x?key=mine&q=1&k%65y=2" : "/c/x?q=1", extra))
        let sent = bench.takeTarget()
        #expect(sent.hasPrefix(head))
        #expect(!sent.contains("mine"))
    }

    @Test func aChunkedRequestIsFramedAnew() {
        var bench = HTTPBench()
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        let sent = bench.takeTarget()
        #expect(sent.hasSuffix("Content-Length: 5\r\n\r\nabcde"))
        #expect(!sent.contains("chunked"))
    }

    @Test func trailersGoOnWithoutFramingAndIdentity() {
        var bench = HTTPBench()
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n0\r\nX-Sum: 7\r\nAuthorization: evil\r\nContent-Length: 9\r\n\r\n")
        #expect(bench.takeTarget().hasSuffix("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"))
    }

    @Test func aBodyBeyondTheCapFollowsInChunks() {
        var limits = SessionLimits()
        limits.command = 4
        var bench = HTTPBench(limits: limits)
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n" + get("/c/y"))
        #expect(
            bench.takeTarget().hasSuffix("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"))
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(bench.takeTarget().hasPrefix("GET /y "))
    }

    @Test func anExpectationIsMetByTheGateway() {
        var bench = HTTPBench()
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        #expect(bench.takeClient() == "HTTP/1.1 100 Continue\r\n\r\n")
        bench.client("ab")
        #expect(!bench.takeTarget().contains("Expect"))
    }

    struct Answer: Sendable {
        var target: [String]
        var client: String
        var method = "GET"
        var version = "1.1"
        var closes = false
        var drops = false
    }

    static let answers: [Answer] = [
        Answer(
            target: ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nX-T: 1\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n"),
        Answer(target: ["HTTP/1.1 204 No Content\r\n\r\n"], client: "HTTP/1.1 204 No Content\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n"],
            client: "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method: "HEAD"),
        Answer(
            target: ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", drops: true),
        Answer(
            target: ["HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", drops: true),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi", version: "1.0", closes: true),
        Answer(
            target: ["HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 302 Found\r\nLocation: /c/login\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 302 Found\r\nLocation: http://target.example/a\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 302 Found\r\nLocation: /c/a\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 302 Found\r\nLocation: http://target.example.evil/a\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 302 Found\r\nLocation: http://target.example.evil/a\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 302 Found\r\nLocation: //evil/a\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 302 Found\r\nLocation: //evil/a\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Domain=x; Path=/p; Secure\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Secure; Path=/c/p\r\nContent-Length: 0\r\n\r\n"),
        Answer(
            target: ["HTTP/1.1 200 OK\r\nAlt-Svc: h3=\":443\"\r\nClear-Site-Data: *\r\nContent-Length: 0\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        // Bytes behind an answer belong to nobody.
        Answer(
            target: ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n"],
            client: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", drops: true),
    ]

    @Test(arguments: answers)
    func anAnswerIsPassedOn(_ answer: Answer) {
        let request = get("/c/x").replacing("GET", with: answer.method).replacing(
            "HTTP/1.1", with: "HTTP/" + answer.version)
        let all = answer.target.joined()
        for cut in [nil, 0] + (1..<all.utf8.count).map(Optional.init) {
            var bench = HTTPBench()
            bench.client(request)
            switch cut {
            case nil: for text in answer.target { bench.target(text) }
            case 0?: for byte in all.utf8 { bench.target([byte]) }
            case let cut?:
                bench.target(Array(all.utf8.prefix(cut)))
                bench.target(Array(all.utf8.dropFirst(cut)))
            }
            let got = Self.joined(bench.takeClient())
            guard got == answer.client, bench.outcomes.count == 1 else {
                Issue.record("cut at \(cut.map(String.init) ?? "-"): \(got.debugDescription)")
                return
            }
            #expect(bench.hasEnded == answer.closes)
            #expect((bench.drops > 0) == answer.drops)
        }
    }

    /// Chunks of one body together, since where they are cut says nothing.
    private static func joined(_ text: String) -> String {
        guard let start = text.range(of: "Transfer-Encoding: chunked\r\n\r\n") else { return text }
        var data = ""
        var rest = text[start.upperBound...]
        while let line = rest.range(of: "\r\n"), let size = Int(rest[..<line.lowerBound], radix: 16) {
            rest = rest[line.upperBound...]
            guard size > 0 else { break }
            data += rest.prefix(size)
            rest = rest.dropFirst(size + 1)
        }
        return text[..<start.upperBound] + "\(String(data.utf8.count, radix: 16))\r\n\(data)\r\n0\r\n" + rest
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200\tOK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
        "garbage\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ])
    func anAmbiguousAnswerIsTheTargetsFault(_ answer: String) {
        var bench = HTTPBench()
        bench.client(get("/c/x"))
        bench.target(answer)
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 502 Bad Gateway\r\n"))
        #expect(bench.hasEnded)
    }

    @Test func anAnswerMayEndWithTheConnection() {
        var bench = HTTPBench()
        bench.client(get("/c/x"))
        bench.target("HTTP/1.1 200 OK\r\n\r\nabc")
        bench.targetCloses()
        #expect(
            bench.takeClient() == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        #expect(!bench.hasEnded)
        bench.client(get("/c/y"))
        #expect(bench.takeTarget().contains("GET /y "))
    }

    @Test func noAnswerIs502AndTheConnectionLives() {
        var bench = HTTPBench()
        bench.client(get("/c/x"))
        bench.targetCloses()
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 502 "))
        #expect(!bench.hasEnded)
    }

    /// The answer comes before the request is through: no other may follow on these connections.
    @Test func anEarlyAnswerEndsBothConnections() {
        var limits = SessionLimits()
        limits.command = 4
        var bench = HTTPBench(limits: limits)
        bench.client(
            "POST /c/x HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nContent-Length: 100\r\n\r\nabcdef")
        bench.target("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        #expect(bench.takeClient() == "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        #expect(bench.hasEnded)
    }

    @Test func whatIsWrongIsSaidInItsPlace() {
        var bench = HTTPBench()
        bench.client(get("/c/x") + "GET /c/y HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        #expect(bench.takeClient() == "")
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        let answer = bench.takeClient()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 400 Bad Request\r\n"))
        #expect(bench.hasEnded)
    }

    @Test func pathsAreRecordedAsTemplates() {
        var bench = HTTPBench()
        bench.client(get("/c/users/4711/orders/3f2504e0-4f89-11d3-9a0c-0305e82c3301?token=abc&a=b", "Cookie: s=1\r\n"))
        #expect(bench.assessments.first?.objects == ["/users/{id}/orders/{id}"])
        #expect(bench.assessments.first?.classes == ["read"])
        let text = bench.assessments.first?.content.first.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
        #expect(text.contains("?token=[hidden]&a=b HTTP/1.1"))
        #expect(text.contains("Cookie: [hidden]"))
        #expect(bench.takeTarget().contains("Cookie: s=1"))
    }
}
