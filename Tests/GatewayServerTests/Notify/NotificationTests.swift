import AccessPolicy
import CredentialVault
import Crypto
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Logging
import Synchronization
import Testing

private let start = Timestamp(microseconds: 1_800_000_000_000_000)
private let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func approval(
    by name: String = "ada", agent: AgentContext = AgentContext(agent: "copilot", run: "run-7", purpose: "a purpose"),
    access: Int? = nil, message: String? = "Ask a dba.", count: Int = 1
) -> Approval {
    var request = Approval.Request(
        requester: Principal(issuer: "https://idp", subject: name, groups: [], isPersonIssuer: true), agent: agent,
        session: access == nil ? RecordID(high: 1, low: 2) : nil, connection: "orders", database: "shop",
        text: "DELETE FROM secrets", parameters: Array(#"["a value"]"#.utf8), rules: ["deletes"], message: message,
        terms: HoldTerms(groups: ["dba"], count: count, within: 900), digest: [1], access: access)
    request.verb = "DELETE"
    request.objects = ["public.orders"]
    return Approval(id: RecordID(high: 5, low: 6), request: request, now: start)
}

private let dana = Principal(issuer: "https://idp", subject: "dana", groups: ["dba"], isPersonIssuer: true)

@Suite struct NotificationTests {
    private let link = "https://gw.example.com/approvals/x"

    @Test func theBodyHoldsNoContent() throws {
        let notification = ApprovalNotification(.requested, approval(), at: start)
        let bytes = try WebhookNotification.encoded(notification, link: link)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(Set(object.keys) == ["type", "timestamp", "data"])
        #expect(object["type"] as? String == "approval.requested")
        #expect(object["timestamp"] as? String == start.description)
        let data = try #require(object["data"] as? [String: Any])
        #expect(
            Set(data.keys) == [
                "approval", "requester", "agent", "run", "session", "connection", "database", "verb", "objects",
                "rules",
                "message", "groups", "count", "approvals", "expires", "link",
            ])
        #expect(data["objects"] as? [String] == ["public.orders"] && data["count"] as? Int == 1)
        for text in [String(decoding: bytes, as: UTF8.self), SlackNotification.text(notification, link: link)] {
            for hidden in ["secrets", "a value", "a purpose"] { #expect(!text.contains(hidden)) }
        }
    }

    @Test func whyAccessIsAskedForIsNotTold() throws {
        let notification = ApprovalNotification(.requested, approval(access: 1800, message: "my reason"), at: start)
        let body = String(decoding: try WebhookNotification.encoded(notification, link: nil), as: UTF8.self)
        let text = SlackNotification.text(notification, link: nil)
        #expect(!body.contains("my reason") && !text.contains("my reason"))
        #expect(body.contains("\"access_seconds\":1800") && text.contains("access to `orders` for 30 min"))
        #expect(text.hasPrefix("*Access asked for*"))
    }

    @Test func wordsForEachKind() {
        var one = approval()
        func text(_ kind: ApprovalNotification.Kind) -> String {
            SlackNotification.text(ApprovalNotification(kind, one, by: dana, at: start), link: link)
        }
        #expect(
            text(.requested) == """
                *Approval needed*
                `ada` through `copilot`, run `run-7`: `DELETE` on `public.orders`, connection `orders`
                Rules: `deletes`
                `Ask a dba.`
                1 of `dba` must approve, until \(start.advanced(bySeconds: 900).description.prefix(16).replacing("T", with: " ")) UTC.
                <\(link)|Look at it and decide>
                """)
        #expect(text(.denied).contains("*Denied*") && text(.denied).contains("By `dana`."))
        #expect(text(.expired).hasPrefix("*Expired*") && text(.expired).hasSuffix("|Look at it>"))
        one = approval(count: 2)
        #expect(text(.approved).contains("more needed"))
        let told = SlackNotification.text(ApprovalNotification(.requested, one, at: start), link: nil)
        #expect(told.hasSuffix("`sallyport approvals \(one.id)`"))
    }

    @Test(arguments: [
        ("<!channel>", "`&lt;!channel&gt;`"), ("a`b", "`a'b`"), ("a & b", "`a &amp; b`"),
        ("p\u{430}id", "`p\\u{430}id`"),
        ("two\nlines", "`two\\nlines`"), ("a\u{202E}b", "`a\\u{202e}b`"), ("", "` `"),
        ("https://evil.example.com", "`https://evil.example.com`"),
    ])
    func whatOthersSayIsCode(said: String, shown: String) {
        #expect(SlackNotification.quoted(said) == shown)
    }

    @Test func itIsBounded() {
        let text = SlackNotification.quoted(String(repeating: "<", count: 10_000))
        #expect(text.utf8.count <= 200 * 4 + 2)
        let stacked = SlackNotification.quoted("a" + String(repeating: "\u{301}", count: 10_000))
        #expect(stacked.unicodeScalars.count <= 202)
    }
}

/// Answers as the test says, one request at a time.
private final class Receiver: SinkTransport {
    struct Request: Sendable {
        var headers: [String: String]
        var body: [UInt8]
    }

    private struct State {
        var answers: [Result<SinkAnswer, SinkFailure>] = []
        var requests: [Request] = []
    }

    private let state = Mutex(State())
    private let stream: AsyncStream<Int>
    private let continuation: AsyncStream<Int>.Continuation

    init(_ answers: [Result<SinkAnswer, SinkFailure>] = []) {
        (stream, continuation) = AsyncStream.makeStream()
        state.withLock { $0.answers = answers }
    }

    var requests: [Request] { state.withLock { $0.requests } }

    func post(_ url: String, headers: [(name: String, value: String)], _ body: [UInt8]) async throws -> SinkAnswer {
        let (answer, count) = state.withLock { state in
            state.requests.append(
                Request(headers: Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) }), body: body))
            return (state.answers.isEmpty ? nil : state.answers.removeFirst(), state.requests.count)
        }
        continuation.yield(count)
        return try answer?.get() ?? SinkAnswer(status: 204)
    }

    func shutdown() async {}

    /// Returns once there were so many requests.
    func wait(for count: Int) async {
        for await number in stream where number >= count { return }
    }
}

@Suite struct NotificationQueueTests {
    private func webhook(_ transport: Receiver, at time: @escaping @Sendable () -> Timestamp = { start }) throws
        -> NotificationSender
    {
        try NotificationSender(
            NotifyConfiguration(
                name: "hook",
                receiver: .webhook(url: "https://hook.example/in", secrets: [.literal(Secret(text: secret))])),
            consoleURL: "https://gw.example.com", transport: transport, now: time)
    }

    private func queue(
        _ transport: Receiver, capacity: Int = 10, at time: @escaping @Sendable () -> Timestamp = { start }
    ) throws -> ReceiverQueue {
        ReceiverQueue(
            name: "hook", sender: try webhook(transport, at: time), logger: logger, capacity: capacity,
            backOff: BackOff(shortest: 0.001, longest: 0.002), now: time)
    }

    private func notification() -> ApprovalNotification { ApprovalNotification(.requested, approval(), at: start) }

    @Test func itIsSigned() async throws {
        let receiver = Receiver()
        let told = notification()
        let answer = try await webhook(receiver).send(told)
        #expect(answer == .taken)
        let request = try #require(receiver.requests.first)
        let key = try #require(WebhookSecret.key(Secret(text: secret)))
        #expect(request.headers["webhook-id"] == told.id.description)
        #expect(request.headers["webhook-timestamp"] == "1800000000")
        var code = HMAC<SHA256>(key: key)
        code.update(data: Array("\(told.id).1800000000.".utf8) + request.body)
        #expect(request.headers["webhook-signature"] == "v1," + Data(code.finalize()).base64EncodedString())
        #expect(
            String(decoding: request.body, as: UTF8.self).contains("https://gw.example.com/approvals/\(approval().id)"))
    }

    @Test(arguments: [
        (204, NotificationSender.Answer.taken), (200, .taken), (400, .refused("the receiver answered 400")),
        (413, .refused("the receiver answered 413")), (301, .failed("the receiver answered 301")),
        (404, .failed("the receiver answered 404")), (503, .failed("the receiver answered 503", retryAfter: 7)),
    ])
    func answers(status: Int, expected: NotificationSender.Answer) async throws {
        let receiver = Receiver([.success(SinkAnswer(status: status, retryAfter: status == 503 ? "7" : nil))])
        let answer = try await webhook(receiver).send(notification())
        #expect(answer == expected)
    }

    @Test func failuresAreRetriedUnderTheSameID() async throws {
        let receiver = Receiver([
            .failure(SinkFailure("cannot connect")), .success(SinkAnswer(status: 500)),
            .success(SinkAnswer(status: 200)),
        ])
        let queue = try queue(receiver)
        queue.start()
        queue.offer(notification())
        queue.offer(notification())
        await receiver.wait(for: 4)
        await queue.finish(within: .seconds(10))
        let ids = receiver.requests.compactMap { $0.headers["webhook-id"] }
        #expect(ids.count == 4 && Set(ids.prefix(3)).count == 1 && ids[3] != ids[0])
        #expect(queue.counts == .init(delivered: 2, failures: 2, dropped: 0, waiting: 0))
    }

    @Test func whatIsRefusedForGoodHoldsNobodyUp() async throws {
        let receiver = Receiver([.success(SinkAnswer(status: 400))])
        let queue = try queue(receiver)
        queue.start()
        queue.offer(notification())
        queue.offer(notification())
        await receiver.wait(for: 2)
        await queue.finish(within: .seconds(10))
        #expect(queue.counts == .init(delivered: 1, failures: 1, dropped: 1, waiting: 0))
    }

    @Test func whatIsOldIsToldToNobody() async throws {
        let receiver = Receiver()
        let later = start.advanced(bySeconds: ReceiverQueue.patience)
        let queue = try queue(receiver, at: { later })
        queue.start()
        queue.offer(notification())
        await queue.finish(within: .seconds(10))
        #expect(receiver.requests.isEmpty && queue.counts.dropped == 1 && queue.counts.waiting == 0)
    }

    @Test func itIsBoundedAndTheOldestGoesFirst() async throws {
        let receiver = Receiver()
        let queue = try queue(receiver, capacity: 3)
        let all = (0..<5).map { _ in notification() }
        for one in all { queue.offer(one) }
        #expect(queue.counts.dropped == 2 && queue.counts.waiting == 3)
        queue.start()
        await queue.finish(within: .seconds(10))
        #expect(receiver.requests.compactMap { $0.headers["webhook-id"] } == all.suffix(3).map(\.id.description))
        #expect(queue.counts.delivered == 3 && queue.counts.waiting == 0)
    }

    @Test func aStopDoesNotWaitForAReceiverThatIsDown() async throws {
        let receiver = Receiver((0..<100).map { _ in .failure(SinkFailure("cannot connect")) })
        let queue = try queue(receiver)
        queue.start()
        for _ in 0..<3 { queue.offer(notification()) }
        await receiver.wait(for: 1)
        await queue.finish(within: .seconds(10))
        #expect(queue.counts.delivered == 0 && queue.counts.waiting == 0 && queue.counts.dropped == 3)
        // Told after the end: counted, and nothing else.
        queue.offer(notification())
        #expect(queue.counts.dropped == 4)
    }
}
