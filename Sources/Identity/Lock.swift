package import GatewayCore

/// A kill switch: while it stands, what it names may not start sessions, and its sessions end.
package struct Lock: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        /// A subject of one issuer, or of any when `issuer` is nil.
        case principal(issuer: String?, subject: String)
        case agent(String)
        case run(String)
        case connection(String)
    }

    package let id: RecordID
    package let target: Target
    /// Why, in the words of who set it; shown to the client.
    package let reason: String
    /// Who set it, for the record.
    package let author: String
    package let since: Timestamp

    package init(id: RecordID, target: Target, reason: String, author: String, since: Timestamp) {
        self.id = id
        self.target = target
        self.reason = reason
        self.author = author
        self.since = since
    }
}
