import AuditLedger
import GatewayCore

/// Reads the leaves of the synced log, in order, from where the last signed state left off.
struct LeafFeed {
    private let segments: SegmentFolder
    /// All leaves before it have been given.
    private(set) var position: UInt64
    private(set) var segment: UInt64

    init(_ storage: any LogStorage, after state: SignerState) {
        segments = SegmentFolder(storage: storage)
        position = state.position
        segment = state.segment
    }

    /// Gives up to `most` leaves that end at or before `end`, which is synced.
    ///
    /// Errors: `log_corrupt` when the log does not read on to there, `ledger_failed`, and what `body` throws.
    mutating func read(
        to end: UInt64, most: Int, _ body: ([UInt8]) throws(GatewayError) -> Void
    ) throws(GatewayError) {
        var count = 0
        while position < end, count < most {
            guard var reader = try open(segment) else { throw missing(segment) }
            reader.seek(max(position, reader.first))
            while reader.position < end, count < most {
                guard let record = try next(&reader) else {
                    // A segment ends where the next one begins.
                    guard try open(segment + 1)?.first == reader.position else {
                        let offset = reader.offset(of: reader.position)
                        throw GatewayError(
                            .logCorrupt, "The audit log is damaged at byte \(offset) of \(reader.path).")
                    }
                    segment += 1
                    break
                }
                position = record.end
                guard record.kind == .leaf else { continue }
                try body(record.payload)
                count += 1
            }
        }
    }

    private func open(_ number: UInt64) throws(GatewayError) -> SegmentReader? {
        do throws(StorageFailure) {
            return try segments.open(number)
        } catch {
            throw .ledgerFailure(error)
        }
    }

    private func next(_ reader: inout SegmentReader) throws(GatewayError) -> LogRecord? {
        do throws(StorageFailure) {
            return try reader.next()
        } catch {
            throw .ledgerFailure(error)
        }
    }

    private func missing(_ number: UInt64) -> GatewayError {
        GatewayError(.logCorrupt, "The audit log's segment \(SegmentHeader.name(number)) is missing.")
    }
}
