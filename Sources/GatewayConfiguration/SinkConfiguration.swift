package import AuditLedger
package import CredentialVault

/// Where entries go besides the gateway's own record.
package struct SinkConfiguration: Sendable {
    /// Where a sink begins that never ran.
    package enum Start: String, Sendable, CaseIterable {
        case start
        case now
    }

    package enum Destination: Sendable {
        case file(FileSinkConfiguration)
        case https(HTTPSSinkConfiguration)
    }

    /// Names its cursor; unique.
    package var name: String
    package var format: ExportFormat
    package var start: Start
    package var destination: Destination

    package init(name: String, format: ExportFormat, start: Start = .start, destination: Destination) {
        self.name = name
        self.format = format
        self.start = start
        self.destination = destination
    }

    package var kind: String {
        switch destination {
        case .file: "file"
        case .https: "https"
        }
    }
}

/// Lines of JSON, numbered and begun anew when long.
package struct FileSinkConfiguration: Sendable, Hashable {
    package var path: String
    /// Bytes after which it is rotated.
    package var size: Int
    /// Rotated files that are kept.
    package var keep: Int
    /// Permission bits of new files.
    package var mode: UInt32

    package init(path: String, size: Int = 64 << 20, keep: Int = 10, mode: UInt32 = 0o600) {
        self.path = path
        self.size = size
        self.keep = keep
        self.mode = mode
    }
}

/// Batches, signed after Standard Webhooks.
package struct HTTPSSinkConfiguration: Sendable {
    package enum Body: String, Sendable, CaseIterable {
        /// One object: type, timestamp, log, first and data, an array of the lines.
        case webhook
        /// An array of the lines.
        case array
        /// The lines (application/x-ndjson).
        case lines
    }

    /// Never shown whole: it may hold a token.
    package var url: String
    /// Each signs; more than one while a secret is being replaced.
    package var secrets: [SecretReference]
    package var headers: [(name: String, value: SecretReference)]
    package var body: Body
    /// Most entries of a batch.
    package var events = 500
    /// Most bytes of a batch; one entry always goes.
    package var bytes = 1 << 20
    /// Seconds that entries are gathered for.
    package var wait = 1
    /// Seconds for one request, connecting included.
    package var timeout = 30
    /// A PEM file with the authorities to trust; nil for the system's.
    package var authority: String?

    package init(
        url: String, secrets: [SecretReference] = [], headers: [(name: String, value: SecretReference)] = [],
        body: Body = .webhook, authority: String? = nil
    ) {
        self.url = url
        self.secrets = secrets
        self.headers = headers
        self.body = body
        self.authority = authority
    }
}
