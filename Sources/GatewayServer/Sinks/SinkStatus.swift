package import GatewayCore

/// How a sink does.
package struct SinkStatus: Sendable {
    package var name: String
    package var kind: String
    package var format: String
    /// The file's path, or scheme and host of the URL: the rest of that may be a secret.
    package var target: String
    /// Index of the next entry in its log.
    package var next: UInt64 = 0
    /// Entries that are recorded and not delivered.
    package var pending: UInt64 = 0
    /// Age of the oldest of them.
    package var lagSeconds: Double = 0
    /// Since the gateway started.
    package var delivered = 0
    package var errors = 0
    /// Why nothing is delivered now; nil while all is well.
    package var problem: String?
    package var lastError: String?
    package var lastErrorAt: Timestamp?
    package var lastDeliveryAt: Timestamp?

    package init(name: String, kind: String, format: String, target: String) {
        self.name = name
        self.kind = kind
        self.format = format
        self.target = target
    }
}
