package import AuditStore
import CredentialVault
import Crypto
import Foundation
package import GatewayConfiguration
package import GatewayCore

/// Sends batches to a receiver: one request at a time, signed after Standard Webhooks; an answer of 2xx takes the batch.
package final class HTTPSSink: SinkSender {
    private let name: String
    private let configuration: HTTPSSinkConfiguration
    private let keys: [SymmetricKey]
    private let headers: [(name: String, value: Secret)]
    private let transport: any SinkTransport
    private let now: @Sendable () -> Timestamp

    /// Errors: `secret.missing`, `gateway.start` when a secret is none after Standard Webhooks.
    package init(
        name: String, _ configuration: HTTPSSinkConfiguration, transport: (any SinkTransport)? = nil,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        self.name = name
        self.configuration = configuration
        var keys: [SymmetricKey] = []
        for reference in configuration.secrets {
            guard let key = WebhookSecret.key(try reference.resolve()) else {
                throw GatewayError(
                    .gatewayStart,
                    "The secret of the sink \(name) (\(reference)) is no secret after Standard Webhooks: whsec_ and 24 to 64 bytes in base64."
                )
            }
            keys.append(key)
        }
        self.keys = keys
        var headers: [(name: String, value: Secret)] = []
        for header in configuration.headers { headers.append((header.name, try header.value.resolve())) }
        self.headers = headers
        if let transport {
            self.transport = transport
        } else {
            self.transport = try HTTPSinkTransport(
                authority: configuration.authority, seconds: configuration.timeout)
        }
        self.now = now
    }

    package func shutdown() async { await transport.shutdown() }

    package func prepare(_ cursor: SinkCursor) async throws -> SinkCursor? { nil }

    package func send(_ batch: SinkBatch, after cursor: SinkCursor) async throws -> SinkCursor {
        let message = WebhookMessage(batch, sink: name, as: configuration.body)
        // Of this attempt, not of the entries: the receiver refuses old ones against replay.
        let time = now().microseconds / 1_000_000
        var fields: [(name: String, value: String)] = [
            ("Content-Type", message.contentType), ("User-Agent", "sallyport"), ("webhook-id", message.id),
            ("webhook-timestamp", String(time)),
        ]
        if !keys.isEmpty {
            let signature = WebhookSignature.field(id: message.id, time: time, body: message.body, keys: keys)
            fields.append(("webhook-signature", signature))
        }
        for header in headers {
            fields.append((header.name, header.value.withBytes { String(decoding: $0, as: UTF8.self) }))
        }
        let answer = try await transport.post(configuration.url, headers: fields, message.body)
        guard (200..<300).contains(answer.status) else {
            throw SinkFailure(
                Self.reason(answer.status), retryAfter: RetryAfter.seconds(answer.retryAfter),
                isTooLarge: answer.status == 413)
        }
        return SinkCursor(origin: batch.origin, next: batch.end)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 300..<400: "the receiver answered \(status); redirects are not followed"
        case 401, 403: "the receiver answered \(status): it does not accept the secret or the headers"
        case 404, 410: "the receiver answered \(status): there is nothing at this URL"
        case 413: "the receiver answered 413: the batch is too large"
        default: "the receiver answered \(status)"
        }
    }
}
