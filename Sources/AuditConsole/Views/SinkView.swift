/// How one sink does.
package struct SinkView: Codable, Sendable, Hashable {
    package var name: String
    /// `file` or `https`.
    package var kind: String
    package var format: String
    /// The file's path, or scheme and host of the URL.
    package var target: String
    /// `ok`, `behind` (entries wait and go out), `failing` (the last attempt failed) or `stopped` (no gateway runs).
    package var state: String
    /// Index of the next entry in its log.
    package var next: UInt64
    package var lagEntries: UInt64
    package var lagSeconds: Double
    /// Since the gateway started.
    package var delivered: Int
    package var errors: Int
    package var lastError: String?
    package var lastErrorAt: String?
    package var lastDeliveryAt: String?

    package init(
        name: String, kind: String, format: String, target: String, state: String, next: UInt64, lagEntries: UInt64,
        lagSeconds: Double = 0, delivered: Int = 0, errors: Int = 0, lastError: String? = nil,
        lastErrorAt: String? = nil, lastDeliveryAt: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.format = format
        self.target = target
        self.state = state
        self.next = next
        self.lagEntries = lagEntries
        self.lagSeconds = lagSeconds
        self.delivered = delivered
        self.errors = errors
        self.lastError = lastError
        self.lastErrorAt = lastErrorAt
        self.lastDeliveryAt = lastDeliveryAt
    }
}
