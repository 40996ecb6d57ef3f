import GatewayCore

/// One record as read from a segment.
struct LogRecord {
    var kind: RecordKind
    /// Where the record starts.
    var position: UInt64
    var payload: [UInt8]
    /// The ledger's index of a leaf that was read from a recording; in the log it follows from the leaves before.
    var leaf: UInt64?

    var end: UInt64 { position + UInt64(RecordFormat.headerLength + payload.count) }
}

/// Reads one segment's records in order, with a bounded window.
struct SegmentReader {
    let file: any LogFile
    let path: String
    let number: UInt64
    let first: UInt64
    /// The ledger's index of the first leaf in here.
    let firstLeaf: UInt64
    private(set) var position: UInt64
    private let fileSize: UInt64
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private static let windowLength = 256 << 10

    /// Nil when the segment has no whole header.
    init?(_ file: any LogFile, path: String) throws(StorageFailure) {
        fileSize = try file.size()
        let header = try file.read(SegmentHeader.length, at: 0)
        guard let decoded = header.withUnsafeBytes({ SegmentHeader.decode($0) }) else { return nil }
        self.file = file
        self.path = path
        number = decoded.number
        first = decoded.first
        firstLeaf = decoded.firstLeaf
        position = decoded.first
    }

    mutating func seek(_ position: UInt64) {
        self.position = position
    }

    /// Offset in the file of a position.
    func offset(of position: UInt64) -> UInt64 { UInt64(SegmentHeader.length) + (position - first) }

    /// The next record; nil when what follows is none.
    mutating func next() throws(StorageFailure) -> LogRecord? {
        guard let header = try bytes(at: offset(of: position), count: RecordFormat.headerLength) else { return nil }
        let (length, sum) = header.withUnsafeBytes {
            (
                Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt32.self))),
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            )
        }
        let kindOffset = header.startIndex + 8
        guard length > 0, length <= RecordFormat.maximumPayload, let kind = RecordKind(rawValue: header[kindOffset]),
            header[(kindOffset + 1)...].allSatisfy({ $0 == 0 }),
            let payload = try bytes(at: offset(of: position) + UInt64(RecordFormat.headerLength), count: length),
            payload.withUnsafeBytes({ RecordFormat.checksum(kind: kind.rawValue, payload: $0) })
                ^ RecordFormat.mix(position) == sum
        else { return nil }
        let record = LogRecord(kind: kind, position: position, payload: Array(payload))
        position = record.end
        return record
    }

    private mutating func bytes(at offset: UInt64, count: Int) throws(StorageFailure) -> ArraySlice<UInt8>? {
        guard offset <= fileSize, UInt64(count) <= fileSize - offset else { return nil }
        if offset < windowStart || offset + UInt64(count) > windowStart + UInt64(window.count) {
            let length = Int(min(UInt64(max(count, Self.windowLength)), fileSize - offset))
            window = try file.read(length, at: offset)
            windowStart = offset
            guard window.count >= count else { return nil }
        }
        let from = Int(offset - windowStart)
        return window[from..<from + count]
    }

    /// Whether a mark at or after the present position says that the log was synced beyond `end`: then a record that
    /// does not
    /// read is damage, not the torn end of the last write.
    mutating func provesMore(than end: UInt64) throws(StorageFailure) -> Bool {
        let resume = position
        defer { position = resume }
        var offset = offset(of: position)
        while let window = try bytes(at: offset, count: RecordFormat.markLength) {
            if window[window.startIndex] == UInt8(RecordFormat.markPayload),
                window[window.startIndex + 8] == RecordKind.mark.rawValue
            {
                position = first + (offset - UInt64(SegmentHeader.length))
                if let record = try next(), record.kind == .mark, record.syncedMark > end { return true }
            }
            offset += 1
        }
        return false
    }
}

extension LogRecord {
    /// What a mark says was synced when it was written.
    var syncedMark: UInt64 {
        payload.withUnsafeBytes {
            $0.count >= 8 ? UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) : 0
        }
    }
}
