import CredentialVault
import Crypto
package import GatewayConfiguration
package import GatewayCore

/// Carries notifications to one receiver, one request each.
package struct NotificationSender: Sendable {
    package enum Answer: Sendable, Hashable {
        case taken
        /// The same request will not be taken later either.
        case refused(String)
        case failed(String, retryAfter: Int? = nil)
    }

    private enum Form: Sendable {
        case webhook(keys: [SymmetricKey])
        case slack
    }

    private let url: Secret
    private let form: Form
    private let consoleURL: String?
    private let transport: any SinkTransport
    private let now: @Sendable () -> Timestamp

    /// Errors: `secret.missing`, `gateway.start` when a secret or URL is none.
    package init(
        _ configuration: NotifyConfiguration, consoleURL: String?, transport: (any SinkTransport)? = nil,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        switch configuration.receiver {
        case .webhook(let url, let secrets):
            self.url = Secret(text: url)
            var keys: [SymmetricKey] = []
            for reference in secrets {
                guard let key = WebhookSecret.key(try reference.resolve()) else {
                    throw GatewayError(
                        .gatewayStart,
                        "The secret of the receiver \(configuration.name) (\(reference)) is no secret after Standard Webhooks: whsec_ and 24 to 64 bytes in base64."
                    )
                }
                keys.append(key)
            }
            form = .webhook(keys: keys)
        case .slack(let reference):
            guard let text = ReceiverReading.url(of: try reference.resolve()) else {
                throw GatewayError(
                    .gatewayStart, "What the receiver \(configuration.name) names (\(reference)) is no https URL.")
            }
            url = Secret(text: text)
            form = .slack
        }
        self.consoleURL = consoleURL
        self.now = now
        if let transport {
            self.transport = transport
        } else {
            self.transport = try HTTPSinkTransport(
                authority: configuration.authority, seconds: configuration.timeout)
        }
    }

    package func shutdown() async { await transport.shutdown() }

    package func send(_ notification: ApprovalNotification) async -> Answer {
        let link = notification.approval.flatMap { id in consoleURL.map { "\($0)/approvals/\(id)" } }
        var fields: [(name: String, value: String)] = [
            ("Content-Type", "application/json"), ("User-Agent", "sallyport"),
        ]
        do {
            let body: [UInt8]
            switch form {
            case .slack: body = try SlackNotification.encoded(notification, link: link)
            case .webhook(let keys):
                body = try WebhookNotification.encoded(notification, link: link)
                // Of this attempt: the receiver refuses old ones against replay.
                let time = now().microseconds / 1_000_000
                let id = notification.id.description
                fields += [
                    ("webhook-id", id), ("webhook-timestamp", String(time)),
                    ("webhook-signature", WebhookSignature.field(id: id, time: time, body: body, keys: keys)),
                ]
            }
            let text = url.withBytes { String(decoding: $0, as: UTF8.self) }
            let answer = try await transport.post(text, headers: fields, body)
            switch answer.status {
            case 200..<300: return .taken
            case 400, 410, 413, 422: return .refused("the receiver answered \(answer.status)")
            default:
                return .failed(
                    "the receiver answered \(answer.status)", retryAfter: RetryAfter.seconds(answer.retryAfter))
            }
        } catch let failure as SinkFailure {
            return .failed(failure.reason, retryAfter: failure.retryAfter)
        } catch {
            return .failed("the request failed (\(type(of: error)))")
        }
    }
}
