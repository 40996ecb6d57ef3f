import Foundation
import HTTPDialect
import NIOCore
import Testing

/// Tests/Corpus/http-requests.corpus: what a hostile client writes.
@Suite struct CorpusTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var line: String
        var expected: String
        var bytes: [UInt8]
        /// The path that the target is to get.
        var path: String?
        var testDescription: String { line }
    }

    static let cases: [Case] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Corpus/http-requests.corpus")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            let (kind, expected, rest) = (parts[0], parts[1], parts.count > 2 ? parts[2] : "")
            let head = "{HT}\\r\\n"
            switch kind {
            case "field":
                return Case(
                    line: String(line), expected: expected,
                    bytes: unescape("GET /c/x HTTP/1.1\\r\\n{HT}" + rest + "\\r\\n\\r\\n"))
            case "path":
                let isRefusal = Int(expected) != nil
                return Case(
                    line: String(line), expected: isRefusal ? expected : "ok",
                    bytes: unescape("GET /c" + rest + " HTTP/1.1\\r\\n" + head), path: isRefusal ? nil : expected)
            default: return Case(line: String(line), expected: expected, bytes: unescape(rest))
            }
        }
    }()

    static func unescape(_ text: String) -> [UInt8] {
        let source = Array(text.replacing("{HT}", with: "Host: gw\\r\\nAuthorization: Bearer t\\r\\n").utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < source.count {
            guard source[index] == UInt8(ascii: "\\"), index + 1 < source.count else {
                bytes.append(source[index])
                index += 1
                continue
            }
            switch source[index + 1] {
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "0"): bytes.append(0)
            case UInt8(ascii: "x"):
                bytes.append(UInt8(String(decoding: source[(index + 2)..<(index + 4)], as: UTF8.self), radix: 16) ?? 0)
                index += 2
            default: bytes.append(source[index + 1])
            }
            index += 2
        }
        return bytes
    }

    @Test func thereAreEnough() {
        #expect(Self.cases.count >= 300)
    }

    @Test(arguments: cases)
    func isReadAsWritten(_ request: Case) {
        #expect(Self.outcome(request, split: nil) == request.expected)
    }

    /// Where the bytes are cut makes no difference.
    @Test(arguments: cases)
    func isReadAlikeWhereverItIsCut(_ request: Case) {
        for split in 1..<max(2, request.bytes.count) {
            guard Self.outcome(request, split: split) == request.expected else {
                Issue.record("cut at \(split): \(Self.outcome(request, split: split))")
                return
            }
        }
        #expect(Self.outcome(request, split: 0) == request.expected, "byte by byte")
    }

    /// - Parameter split: where the bytes are cut once; 0: after each.
    private static func outcome(_ request: Case, split: Int?) -> String {
        var bench = HTTPBench()
        var requests = 0
        var target = ""
        func pieces() -> [[UInt8]] {
            switch split {
            case nil: [request.bytes]
            case 0?: request.bytes.map { [$0] }
            case let split?: [Array(request.bytes[..<split]), Array(request.bytes[split...])]
            }
        }
        for piece in pieces() where !bench.hasEnded {
            bench.client(piece)
            while bench.dialect.isWaitingForAnswer {
                let sent = bench.takeTarget()
                target += sent
                requests += sent.components(separatedBy: " HTTP/1.1\r\n").count - 1
                bench.target("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        target += bench.takeTarget()
        let answer = bench.takeClient().replacing("HTTP/1.1 100 Continue\r\n\r\n", with: "")
        let statuses = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
            .filter { Int($0) != nil }
        if let last = statuses.last, last != "204" { return last }
        if statuses.isEmpty { return bench.hasEnded ? "cut" : "wait" }
        if let path = request.path {
            let sent = target.split(separator: " ").dropFirst().first.map(String.init) ?? "?"
            if sent != path { return sent }
        }
        return statuses.count == 1 ? "ok" : "ok\(statuses.count)"
    }
}
