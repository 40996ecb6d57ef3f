import GatewayCore

/// Finds the log's end at start: a torn last write is cut off, anything else that does not read is damage and stops the
/// start.
struct LogRecovery {
    /// Where the first segment that is still there begins, and its number.
    var first: UInt64
    var firstSegment: UInt64
    /// The ledger's index of its first leaf.
    var firstLeaf: UInt64
    /// Where the log ends; all before it is synced.
    var end: UInt64
    /// Leaves in the log: the ledger's index of the next one.
    var leaves: UInt64
    var nextSegment: UInt64
    var keySlots: UInt64

    static func run(_ storage: any LogStorage) throws(GatewayError) -> LogRecovery {
        let result: Result<LogRecovery, GatewayError>
        do throws(StorageFailure) {
            for folder in ["", "wal", "recordings", "keys"] { try storage.makeDirectory(folder) }
            try storage.syncDirectory("")
            // Before any key is read.
            try KeyRotation.finish(storage)
            if var keys = try RecoveredKeys(storage) {
                result = try recoverSegments(storage, &keys)
            } else {
                result = .failure(
                    GatewayError(
                        .logCorrupt,
                        "\(KeyStore.path) is missing: without it nothing that was recorded opens. Restore it from a copy."
                    ))
            }
        } catch {
            throw GatewayError(
                .logFailed, "The audit log could not be read: \(error.call) \(error.path) failed.", cause: error)
        }
        return try result.get()
    }

    /// Empty when the file has no such slot, whatever number a record says.
    static func readSlot(_ file: any LogFile, _ number: UInt64) throws(StorageFailure) -> [UInt8] {
        guard try number < file.size() / UInt64(KeyStore.slotLength) else { return [] }
        let slot = try file.read(KeyStore.slotLength, at: number * UInt64(KeyStore.slotLength))
        return slot.count == KeyStore.slotLength ? slot : []
    }

    private static func recoverSegments(
        _ storage: any LogStorage, _ keys: inout RecoveredKeys
    ) throws(StorageFailure) -> Result<LogRecovery, GatewayError> {
        let retired = try RetiredSegments.last(storage)
        let numbers = try storage.list("wal").compactMap(SegmentHeader.number).sorted()
        var recovery = LogRecovery(
            first: 0, firstSegment: retired + 1, firstLeaf: 0, end: 0, leaves: 0, nextSegment: retired + 1,
            keySlots: keys.slots)
        if retired > 0 {
            // The segment being written is never retired, so there is one that tells where the log goes on.
            let path = "wal/" + SegmentHeader.name(retired + 1)
            guard numbers.contains(retired + 1),
                let reader = try SegmentReader(storage.open(path, create: false), path: path)
            else { return .failure(damage(path, 0)) }
            (recovery.first, recovery.end) = (reader.first, reader.first)
            (recovery.firstLeaf, recovery.leaves) = (reader.firstLeaf, reader.firstLeaf)
        }
        // A crash may have come between the word that they are retired and their removal.
        for number in numbers where number <= retired { try storage.remove("wal/" + SegmentHeader.name(number)) }
        var rest = numbers.filter { $0 > retired }[...]
        while let number = rest.first {
            let path = "wal/" + SegmentHeader.name(recovery.nextSegment)
            guard number == recovery.nextSegment else { return .failure(damage(path, 0)) }
            let file = try storage.open(path, create: false)
            guard var reader = try SegmentReader(file, path: path) else {
                // Made ahead of its need and never begun, unless something shows that it was.
                let isBegun = try isBegun(file)
                let isProven = try provesMore(rest.dropFirst(), than: recovery.end, storage)
                if isBegun || isProven { return .failure(damage(path, 0)) }
                break
            }
            guard reader.number == number, reader.first == recovery.end, reader.firstLeaf == recovery.leaves else {
                return .failure(damage(path, 16))
            }
            rest.removeFirst()
            if let session = try recovery.walk(&reader, &keys) { return .failure(KeyStore.missing(session)) }
            recovery.nextSegment = number + 1
            if let next = rest.first, try starts(next, storage) == recovery.end {
                try file.sync()
                continue
            }
            let isProvenHere = try reader.provesMore(than: recovery.end)
            let isProvenLater = try provesMore(rest, than: recovery.end, storage)
            if isProvenHere || isProvenLater {
                return .failure(damage(path, reader.offset(of: recovery.end)))
            }
            try file.truncate(reader.offset(of: recovery.end))
            try file.sync()
            break
        }
        for number in rest { try storage.remove("wal/" + SegmentHeader.name(number)) }
        try storage.syncDirectory("wal")
        return .success(recovery)
    }

    /// Reads up to where the segment's records end; stops early at a session whose key is not there, and returns it.
    private mutating func walk(
        _ reader: inout SegmentReader, _ keys: inout RecoveredKeys
    ) throws(StorageFailure) -> RecordID? {
        leaves = reader.firstLeaf
        while let record = try reader.next() {
            if record.kind == .leaf { leaves += 1 }
            if let session = try keys.missing(for: record) { return session }
        }
        end = reader.position
        return nil
    }

    /// Whether a mark in these segments says that the log was synced beyond `end`.
    private static func provesMore(
        _ numbers: ArraySlice<UInt64>, than end: UInt64, _ storage: any LogStorage
    ) throws(StorageFailure) -> Bool {
        for number in numbers {
            let path = "wal/" + SegmentHeader.name(number)
            if var reader = try SegmentReader(storage.open(path, create: false), path: path),
                try reader.provesMore(than: end)
            {
                return true
            }
        }
        return false
    }

    /// The first position of a segment that has a whole header.
    private static func starts(_ number: UInt64, _ storage: any LogStorage) throws(StorageFailure) -> UInt64? {
        let path = "wal/" + SegmentHeader.name(number)
        return try SegmentReader(storage.open(path, create: false), path: path)?.first
    }

    /// Whether anything was written to a segment whose header does not read. A header is written and synced with the
    /// first
    /// batch, so a torn one may stand alone; a batch's mark after it says that it was whole.
    private static func isBegun(_ file: any LogFile) throws(StorageFailure) -> Bool {
        let length = SegmentHeader.length + RecordFormat.markLength
        let start = try file.read(length, at: 0)
        guard start.count == length, start[0..<SegmentHeader.length].contains(where: { $0 != 0 }) else { return false }
        return start[SegmentHeader.length + 8] == RecordKind.mark.rawValue
    }

    private static func damage(_ path: String, _ offset: UInt64) -> GatewayError {
        GatewayError(
            .logCorrupt,
            "The audit log is damaged at byte \(offset) of \(path); the gateway does not start. Keep the folder and restore it from a copy."
        )
    }
}
