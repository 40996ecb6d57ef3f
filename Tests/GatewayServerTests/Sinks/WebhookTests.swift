import AuditLedger
import AuditStore
import CredentialVault
import Crypto
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Synchronization
import Testing

@Suite("Sinks: webhooks") struct WebhookTests {
    /// The example of the Standard Webhooks libraries.
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private static func key(_ text: String) -> SymmetricKey? { WebhookSecret.key(Secret(text: text)) }

    @Test("The published example is signed as published")
    func vector() throws {
        let key = try #require(Self.key(Self.secret))
        let body = Array("{\"test\": 2432232314}".utf8)
        let field = WebhookSignature.field(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", time: 1_614_265_330, body: body, keys: [key])
        #expect(field == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        let other = SymmetricKey(data: [UInt8](repeating: 1, count: 32))
        let both = WebhookSignature.field(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", time: 1_614_265_330, body: body, keys: [other, key])
        #expect(both.split(separator: " ").count == 2 && both.hasSuffix(" " + field) && both.hasPrefix("v1,"))
    }

    @Test("Each part that is signed changes the signature")
    func parts() throws {
        let key = try #require(Self.key(Self.secret))
        let all = [("a", Int64(1), "b"), ("a2", 1, "b"), ("a", 2, "b"), ("a", 1, "b2"), ("", 1, "b"), ("a", 1, "")]
        let fields = all.map { WebhookSignature.field(id: $0, time: $1, body: Array($2.utf8), keys: [key]) }
        #expect(Set(fields).count == all.count)
    }

    @Test("Secrets are 24 to 64 bytes behind whsec_, and nothing else")
    func secrets() {
        func text(_ count: Int) -> String { "whsec_" + Data(repeating: 7, count: count).base64EncodedString() }
        for count in [24, 25, 32, 64] { #expect(Self.key(text(count))?.bitCount == count * 8) }
        let bad = [
            "", "whsec_", text(23), text(65), String(text(32).dropFirst(6)), "whsk_" + text(32).dropFirst(6),
            text(32) + " ", text(32) + "!", "whsec_%%%%", "WHSEC_" + text(32).dropFirst(6),
        ]
        for one in bad { #expect(Self.key(one) == nil, "\(one)") }
    }

    @Test("Retry-After: seconds or a date")
    func retryAfter() {
        let now = Date(timeIntervalSince1970: 784_111_777)  // Sun, 06 Nov 1994 08:49:37 GMT
        let cases: [(String?, Int?)] = [
            ("120", 120), (" 0 ", 0), ("Sun, 06 Nov 1994 08:50:37 GMT", 60), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("Fri, 31 Dec 2999 23:59:59 GMT", 86_400), ("-1", nil), ("soon", nil), ("", nil), (nil, nil),
            ("1.5", nil), ("99999999999999999999", nil), (String(repeating: "9", count: 100), nil),
        ]
        for (text, seconds) in cases { #expect(RetryAfter.seconds(text, now: now) == seconds, "\(text ?? "none")") }
    }

    @Test("Back-off: twice as long each time up to a limit, by chance shorter, never shorter than asked")
    func backOff() {
        var longest = BackOff()
        #expect((0..<9).map { _ in longest.delay(chance: 0) } == [1, 2, 4, 8, 16, 32, 60, 60, 60])
        var shortest = BackOff()
        #expect((0..<3).map { _ in shortest.delay(chance: 1) } == [0.5, 1, 2])
        #expect(shortest.delay(asked: 120, chance: 0) == 120)
        #expect(shortest.delay(asked: 1_000_000, chance: 0) == 3600)
        #expect(shortest.delay(asked: -5, chance: 0) == 32)
        shortest.reset()
        #expect(shortest.delay(chance: 0) == 1)
    }

    // MARK: Requests

    private final class Recorder: SinkTransport {
        struct Request: Sendable {
            var headers: [(name: String, value: String)]
            var body: [UInt8]

            subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
        }

        let requests = Mutex<[Request]>([])
        let answer: SinkAnswer

        init(_ answer: SinkAnswer = SinkAnswer(status: 204)) {
            self.answer = answer
        }

        func post(_ url: String, headers: [(name: String, value: String)], _ body: [UInt8]) async throws -> SinkAnswer {
            requests.withLock { $0.append(Request(headers: headers, body: body)) }
            return answer
        }

        func shutdown() async {}
    }

    private static func batch() async throws -> SinkBatch {
        let log = try await SmallLedger(entries: 3)
        return try log.source.read(after: log.source.start, .init(events: 10, bytes: 1 << 20), as: .json)
    }

    private static func sink(
        _ transport: Recorder, _ body: HTTPSSinkConfiguration.Body = .webhook, at time: Int64 = 1_790_000_000
    ) throws -> HTTPSSink {
        let configuration = HTTPSSinkConfiguration(
            url: "https://siem.example/in", secrets: [.literal(Secret(text: secret))],
            headers: [("Authorization", .literal(Secret(text: "Splunk abc")))], body: body)
        return try HTTPSSink(
            name: "hook", configuration, transport: transport, now: { Timestamp(microseconds: time * 1_000_000) })
    }

    @Test(
        "Attempts share id and body; each has its own time and signature",
        arguments: HTTPSSinkConfiguration.Body.allCases)
    func attempts(_ form: HTTPSSinkConfiguration.Body) async throws {
        let batch = try await Self.batch()
        let transport = Recorder()
        for time in [Int64(1_790_000_000), 1_790_000_060] {
            let next = try await Self.sink(transport, form, at: time).send(
                batch, after: SinkCursor(origin: batch.origin, next: 0))
            #expect(next == SinkCursor(origin: batch.origin, next: 3))
        }
        let (one, two) = transport.requests.withLock { ($0[0], $0[1]) }
        #expect(one["webhook-id"] == two["webhook-id"] && one.body == two.body)
        #expect(one["webhook-id"]?.contains(".") == false && one["webhook-id"]?.hasPrefix("hook-") == true)
        #expect(one["webhook-timestamp"] == "1790000000" && two["webhook-timestamp"] == "1790000060")
        let key = try #require(Self.key(Self.secret))
        for request in [one, two] {
            let id = try #require(request["webhook-id"])
            let time = try #require(request["webhook-timestamp"].flatMap { Int64($0) })
            #expect(
                request["webhook-signature"]
                    == WebhookSignature.field(id: id, time: time, body: request.body, keys: [key]))
            #expect(request["Authorization"] == "Splunk abc")
        }
        #expect(one["webhook-signature"] != two["webhook-signature"])
        let leaves = batch.lines.map { String(decoding: $0, as: UTF8.self) }
        switch form {
        case .lines:
            #expect(String(decoding: one.body, as: UTF8.self) == leaves.map { $0 + "\n" }.joined())
            #expect(one["Content-Type"] == "application/x-ndjson")
        case .array:
            #expect(String(decoding: one.body, as: UTF8.self) == "[" + leaves.joined(separator: ",") + "]")
            #expect(one["Content-Type"] == "application/json")
        case .webhook:
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(one.body)) as? [String: Any])
            #expect(Set(object.keys) == ["type", "timestamp", "log", "first", "data"])
            #expect(object["type"] as? String == "audit.entries" && object["first"] as? Int == 0)
            #expect(object["log"] as? String == batch.origin && (object["data"] as? [Any])?.count == 3)
        }
    }

    @Test("Only 2xx takes a batch; what was asked for is passed on, secrets are not")
    func refusals() async throws {
        let batch = try await Self.batch()
        for status in [100, 199, 300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503] {
            let sink = try Self.sink(Recorder(SinkAnswer(status: status, retryAfter: "17")))
            do {
                _ = try await sink.send(batch, after: SinkCursor(origin: batch.origin, next: 0))
                Issue.record("\(status) took the batch")
            } catch let error as SinkFailure {
                #expect(error.reason.contains("\(status)") && error.retryAfter == 17)
                #expect(error.isTooLarge == (status == 413))
                #expect(!error.reason.contains("whsec_") && !error.reason.contains("Splunk"))
            }
        }
        for status in [200, 201, 202, 204, 299] {
            let sink = try Self.sink(Recorder(SinkAnswer(status: status)))
            #expect(try await sink.send(batch, after: SinkCursor(origin: batch.origin, next: 0)).next == 3)
        }
    }
}
