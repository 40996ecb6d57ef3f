import AccessPolicy
import Foundation
import GatewayCore
import SessionKernel
import Testing

/// Tests/Corpus/http-bodies.corpus: what a guard makes of bodies that targets read in different ways.
@Suite struct BodyGuardTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var line: String
        var verdict: String
        var target: String
        var fields: [String]
        var body: [UInt8]
        var testDescription: String { String(line.prefix(200)) }
    }

    private static let types: [String: String] = [
        "J": "application/json", "F": "application/x-www-form-urlencoded", "M": "multipart/form-data; boundary=b",
        "G": "application/graphql",
    ]

    static let cases: [Case] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Corpus/http-bodies.corpus")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            guard let match = line.wholeMatch(of: /(\S+) (\S+)(?: (.*?))? \|(?: (.*))?/) else { return nil }
            var fields = (match.3.map(String.init) ?? "").split(separator: "~").map(String.init)
            if !fields.isEmpty { fields[0] = "Content-Type: " + (types[fields[0]] ?? fields[0]) }
            return Case(
                line: String(line), verdict: String(match.1), target: String(match.2), fields: fields,
                body: unescape(match.4.map(String.init) ?? ""))
        }
    }()

    private static func unescape(_ text: String) -> [UInt8] {
        let text = text.replacing(/<([^<>]+)\*(\d+)>/) { String(repeating: String($0.1), count: Int($0.2) ?? 0) }
        var bytes: [UInt8] = []
        var rest = text[...]
        while let match = rest.firstMatch(of: /<([0-9A-F]{2})>/) {
            bytes += Array(rest[..<match.range.lowerBound].utf8) + [UInt8(match.1, radix: 16) ?? 0]
            rest = rest[match.range.upperBound...]
        }
        return bytes + Array(rest.utf8)
    }

    private static func rule(_ name: String, _ path: String, _ change: (inout GuardRule.Condition) -> Void) -> GuardRule
    {
        var condition = GuardRule.Condition()
        condition.path = [path]
        change(&condition)
        return GuardRule(name: name, when: condition, then: .block)
    }

    /// As the corpus says.
    static let rules = [
        rule("no-admin", "/r/**") { $0.body = [GuardRule.BodyMatch(path: "**.role", words: ["admin"])] },
        rule("big", "/r/**") { $0.body = [GuardRule.BodyMatch(path: "amount", over: "1000")] },
        rule("no-reason", "/d/**") {
            $0.body = [GuardRule.BodyMatch(path: "reason", words: GuardRule.Words(["*"], isNegated: true))]
        },
        rule("others", "/d/t") {
            $0.body = [GuardRule.BodyMatch(path: "team", words: GuardRule.Words(["red", "blue"], isNegated: true))]
        },
        rule("first", "/i/**") { $0.body = [GuardRule.BodyMatch(path: "items[0].id", words: ["secret"])] },
        rule("mutations", "/graphql/**") { $0.graphQL.operation = ["mutation"] },
        rule("secrets", "/graphql/**") { $0.graphQL.field = ["secret*"] },
        rule("named", "/graphql/named") { $0.graphQL.name = GuardRule.Words(["Known"], isNegated: true) },
    ]

    private func request(_ one: Case, chunked: Bool = false) -> [UInt8] {
        var head = "POST /c\(one.target) HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\n"
        for field in one.fields { head += field + "\r\n" }
        guard chunked else { return Array((head + "Content-Length: \(one.body.count)\r\n\r\n").utf8) + one.body }
        var bytes = Array((head + "Transfer-Encoding: chunked\r\n\r\n").utf8)
        for start in stride(from: 0, to: one.body.count, by: 7) {
            let piece = one.body[start..<min(start + 7, one.body.count)]
            bytes += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8)
        }
        // With trailers the body stays chunked.
        return bytes + Array("0\r\nX-End: 1\r\n\r\n".utf8)
    }

    private func verdict(_ bytes: [UInt8], limits: SessionLimits = SessionLimits()) throws -> Verdict? {
        var bench = HTTPBench(limits: limits)
        bench.client(bytes)
        guard let subject = bench.assessments.last?.subject else { return nil }
        return try PolicySnapshot(guards: Self.rules).evaluate(subject)
    }

    private func word(_ verdict: Verdict?) -> String? {
        guard let verdict else { return nil }
        if verdict.kind == .allow { return "pass" }
        return verdict.rules == ["not_understood"] ? "unread" : verdict.decidedBy.first
    }

    @Test func theCorpusIsRead() { #expect(Self.cases.count > 280) }

    @Test(arguments: cases)
    func corpus(_ one: Case) throws {
        #expect(word(try verdict(request(one))) == one.verdict)
        #expect(word(try verdict(request(one, chunked: true))) == one.verdict)
    }

    @Test func bodiesOverTheCapAreNotUnderstood() throws {
        var limits = SessionLimits()
        limits.command = 1000
        func one(_ size: Int, path: String = "/r/a") -> Case {
            let body = Array("{\"a\": \"".utf8) + Array(repeating: 0x78, count: size - 9) + Array("\"}".utf8)
            return Case(line: "", verdict: "", target: path, fields: ["Content-Type: application/json"], body: body)
        }
        for isChunked in [false, true] {
            #expect(word(try verdict(request(one(999), chunked: isChunked), limits: limits)) == "pass")
            let over = try verdict(request(one(1001), chunked: isChunked), limits: limits)
            #expect(word(over) == "unread")
            #expect(over?.message?.contains("limits.command") == true)
            #expect(word(try verdict(request(one(1001, path: "/x"), chunked: isChunked), limits: limits)) == "pass")
        }
        // Before the rest of it has come.
        let part = request(one(5000)).prefix(1500)
        #expect(word(try verdict(Array(part), limits: limits)) == "unread")
    }

    @Test(arguments: ["websocket", "WebSocket", "anything/1"])
    func whatLeavesHTTPIsNotUnderstood(_ upgrade: String) throws {
        func get(_ path: String, _ upgrade: String) -> [UInt8] {
            let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            let more = upgrade.lowercased() == "websocket" ? key : ""
            return Array(
                "GET /c\(path) HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nConnection: upgrade\r\n\(more)Upgrade: \(upgrade)\r\n\r\n"
                    .utf8)
        }
        #expect(word(try verdict(get("/graphql", upgrade))) == "unread")
        #expect(word(try verdict(get("/r/a", upgrade))) == "unread")
        #expect(word(try verdict(get("/x", upgrade))) == "pass")
        #expect(word(try verdict(get("/r/a", "h2c"))) == "pass")
    }

    @Test func conversationsAreJudgedByTheirHead() throws {
        let bytes = Array(
            "POST /c/r/a HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
                .utf8)
        #expect(word(try verdict(bytes)) == "unread")
    }
}
