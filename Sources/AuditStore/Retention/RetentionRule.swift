/// How long the content of some connections' sessions is kept. Of several rules the first that names a connection counts.
package struct RetentionRule: Sendable, Hashable {
    /// What the entries of its erasures call it, such as `retention[0]`.
    package var name: String
    /// Nil for every connection, also those that are not configured any more.
    package var connections: Set<String>?
    /// Seconds that a session is kept after its end; nil for any time.
    package var age: Int64?
    /// Bytes that the recordings of each connection may have together; nil for any number.
    package var size: UInt64?

    package init(name: String, connections: Set<String>?, age: Int64?, size: UInt64?) {
        self.name = name
        self.connections = connections
        self.age = age
        self.size = size
    }

    func names(_ connection: String) -> Bool { connections?.contains(connection) ?? true }
}

/// A session that a rule says to erase.
package struct RetentionCandidate: Sendable {
    package enum Cause: String, Sendable {
        /// It ended longer ago than the rule's age.
        case age
        /// It is among the oldest of a connection whose recordings have more bytes than the rule's size.
        case size
    }

    package var session: ArchivedSession
    /// Of its recording; 0 while it is only in the log.
    package var bytes: UInt64
    package var rule: RetentionRule
    package var cause: Cause
}
