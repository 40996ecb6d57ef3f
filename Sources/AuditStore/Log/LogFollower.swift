import GatewayCore

/// Copies the synced log elsewhere, on a thread of its own: into the ledger's tiles, into recordings and the index.
///
/// A segment of the log is removed once every follower has passed it, that is, holds all that it needs of it durably.
protocol LogFollower: Sendable {
    /// Segments below this number are not needed any more.
    var passedSegment: UInt64 { get }

    /// Everything up to `position` is synced. Called on the log's thread after each sync, so it must only take note.
    func advance(to position: LogPosition)

    func start() throws(GatewayError)

    /// Follows up to `position`, where the log ended, and stops. Blocks until done.
    func close(at position: LogPosition)
}
