import AuditLedger
package import GatewayCore

/// What one batch may hold; at least one entry always fits.
package struct SinkBatchLimits: Sendable, Hashable {
    package var events: Int
    /// Of all lines together.
    package var bytes: Int

    package init(events: Int, bytes: Int) {
        self.events = events
        self.bytes = bytes
    }
}

/// Entries that follow one another in one log, each a line in the sink's format.
package struct SinkBatch: Sendable {
    /// Without newlines, in the order of the log.
    package var lines: [[UInt8]] = []
    /// Of all lines together.
    package private(set) var bytes = 0
    package var origin: String
    /// Index of the first entry in its log.
    package var first: UInt64
    /// When the first and the last entry were made.
    package private(set) var times: (first: Timestamp, last: Timestamp)?
    /// There may be more to read at once.
    package var isFull = false

    init(origin: String, first: UInt64) {
        self.origin = origin
        self.first = first
    }

    package var isEmpty: Bool { lines.isEmpty }

    /// Index of the entry after the last.
    package var end: UInt64 { first + UInt64(lines.count) }

    /// False when the batch is full without it.
    mutating func add(_ line: [UInt8], of leaf: ArraySlice<UInt8>, limits: SinkBatchLimits) -> Bool {
        guard lines.isEmpty || (lines.count < limits.events && bytes + line.count < limits.bytes) else {
            isFull = true
            return false
        }
        lines.append(line)
        bytes += line.count + 1
        if let time = leaf.withUnsafeBytes({ LeafSummary($0) })?.time {
            times = (times?.first ?? time, time)
        }
        return true
    }
}
