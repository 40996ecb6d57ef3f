package import AuditStore

/// Brings batches to one destination.
package protocol SinkSender: Sendable {
    /// Called before the first batch and after each failure. Returns a cursor that must be durable before anything is sent; nil
    /// when the one given is right.
    func prepare(_ cursor: SinkCursor) async throws -> SinkCursor?
    /// Returns when the other side has the batch for good, with the cursor that says so. After an error nothing is known, and
    /// the same entries are sent again.
    func send(_ batch: SinkBatch, after cursor: SinkCursor) async throws -> SinkCursor
    func shutdown() async
}

/// Why a batch was not taken.
package struct SinkFailure: Error, Sendable {
    /// For operators; never with a secret or a path of a URL in it.
    package var reason: String
    /// Seconds that the other side asked to be left alone.
    package var retryAfter: Int?
    /// A smaller batch may be taken.
    package var isTooLarge: Bool

    package init(_ reason: String, retryAfter: Int? = nil, isTooLarge: Bool = false) {
        self.reason = reason
        self.retryAfter = retryAfter
        self.isTooLarge = isTooLarge
    }
}
