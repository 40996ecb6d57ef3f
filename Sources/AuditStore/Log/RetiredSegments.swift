import GatewayCore

/// Which segments of the log are no longer there because every follower holds what it needs of them: all up to a number.
/// Without this word a removed segment could not be told from a lost one.
enum RetiredSegments {
    static let name = "retired"
    private static let path = "wal/" + name

    /// 0 when none is.
    static func last(_ storage: any LogStorage) throws(StorageFailure) -> UInt64 {
        guard let bytes = try storage.contents(of: path, limit: 12) else { return 0 }
        let number = bytes.withUnsafeBytes { bytes -> UInt64? in
            guard bytes.count == 12,
                UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
                    == Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[0..<8]))
            else { return nil }
            return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        }
        // Written in one durable step, so it is damage: EBADMSG.
        guard let number, number <= SegmentHeader.maximum else {
            throw StorageFailure(call: "check", path: path, number: 74)
        }
        return number
    }

    /// Says so, then removes the segments up to `last`. A crash in between leaves segments that the next
    /// start removes; the other way round would leave a gap that looks like a loss.
    static func retire(_ storage: any LogStorage, through last: UInt64) throws(StorageFailure) {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: last.bigEndian) { bytes += $0 }
        let sum = bytes.withUnsafeBytes { Checksum.of($0) }
        withUnsafeBytes(of: sum.bigEndian) { bytes += $0 }
        try storage.replace(path, with: bytes)
        for name in try storage.list("wal") {
            guard let number = SegmentHeader.number(of: name), number <= last else { continue }
            try storage.remove("wal/" + name)
        }
        try storage.syncDirectory("wal")
    }
}
