package import CredentialVault

/// Who is told of approvals at once.
package struct NotifyConfiguration: Sendable {
    package enum Receiver: Sendable {
        /// Signed after Standard Webhooks; each secret signs.
        case webhook(url: String, secrets: [SecretReference])
        /// An incoming webhook as Slack has them, and what is compatible with it: who knows its URL may write there.
        case slack(url: SecretReference)
    }

    /// Unique; names it in logs and metrics.
    package var name: String
    package var receiver: Receiver
    /// Seconds for one request, connecting included.
    package var timeout: Int
    /// A PEM file with the authorities to trust; nil for the system's.
    package var authority: String?

    package init(name: String, receiver: Receiver, timeout: Int = 10, authority: String? = nil) {
        self.name = name
        self.receiver = receiver
        self.timeout = timeout
        self.authority = authority
    }
}
