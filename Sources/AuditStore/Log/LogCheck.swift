import AuditLedger
import GatewayCore

/// Reads the log from the first segment that is still there, checking what a reader can without keys: records, leaves, and that no
/// session's
/// sequence has a gap.
package enum LogCheck {
    /// Calls `body` with each leaf and the position where it ends. Returns where the log ends; what follows there is no
    /// record.
    ///
    /// Throws `logCorrupt` naming the position of a leaf that is none, or comes out of its order.
    @discardableResult
    package static func run(
        _ storage: any LogStorage, _ body: (_ leaf: [UInt8], _ end: LogPosition) throws -> Void
    ) throws -> LogPosition {
        let folder = SegmentFolder(storage: storage)
        var next: [RecordID: UInt64] = [:]
        var number = try folder.first() ?? 1
        let first = try folder.open(number)?.first ?? 0
        var position = first
        while var reader = try folder.open(number), reader.first == position {
            while let record = try reader.next() {
                position = record.end
                guard record.kind == .leaf else { continue }
                let leaf: Leaf
                do { leaf = try Leaf(record.payload) } catch {
                    throw GatewayError(
                        .logCorrupt, "The entry at position \(record.position) is no leaf.", cause: error)
                }
                // What came before the first segment is not known here.
                guard let session = leaf.session, let sequence = leaf.sequence,
                    sequence == next[session, default: first == 0 ? 0 : sequence]
                else {
                    throw GatewayError(
                        .logCorrupt, "The entry at position \(record.position) is out of its session's sequence.")
                }
                next[session] = sequence + 1
                if leaf.type == .sessionClose { next[session] = nil }
                try body(record.payload, LogPosition(position))
            }
            number += 1
        }
        return LogPosition(position)
    }
}
