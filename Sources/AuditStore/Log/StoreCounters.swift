/// What the log has done since it was opened.
package struct StoreCounters: Sendable {
    package var entries: UInt64 = 0
    package var entriesSynced: UInt64 = 0
    package var bytes: UInt64 = 0
    package var writes: UInt64 = 0
    package var syncs: UInt64 = 0
    /// Entries in the largest batch that one sync made durable.
    package var largestBatch: UInt64 = 0
    /// In nanoseconds.
    package var syncLatency = LatencyHistogram()
}
