import GatewayCore

/// Finds the log's end at start: a torn last write is cut off, anything else that does not read is damage and stops the start.
struct LogRecovery {
    /// Where the log ends; all before it is synced.
    var end: UInt64
    var nextSegment: UInt64
    var keySlots: UInt64

    static func run(_ storage: any LogStorage) throws(GatewayError) -> LogRecovery {
        let result: Result<LogRecovery, GatewayError>
        do throws(StorageFailure) {
            for folder in ["", "wal", "recordings", "keys"] { try storage.makeDirectory(folder) }
            try storage.syncDirectory("")
            result = try recoverSegments(storage, keySlots: recoverKeys(storage))
        } catch {
            throw GatewayError(.logFailed, "The audit log could not be read: \(error.call) \(error.path) failed.", cause: error)
        }
        return try result.get()
    }

    private static func recoverKeys(_ storage: any LogStorage) throws(StorageFailure) -> UInt64 {
        let file = try storage.open(KeyStore.path, create: true)
        try storage.syncDirectory("keys")
        var slots = try file.size() / UInt64(KeyStore.slotLength)
        while slots > 0 {
            let slot = try readSlot(file, slots - 1)
            if KeyStore.isWhole(slot), slot.contains(where: { $0 != 0 }) { break }
            slots -= 1
        }
        try file.truncate(slots * UInt64(KeyStore.slotLength))
        try file.sync()
        return slots
    }

    static func readSlot(_ file: any LogFile, _ number: UInt64) throws(StorageFailure) -> [UInt8] {
        let slot = try file.read(KeyStore.slotLength, at: number * UInt64(KeyStore.slotLength))
        return slot.count == KeyStore.slotLength ? slot : []
    }

    private static func recoverSegments(
        _ storage: any LogStorage, keySlots: UInt64
    ) throws(StorageFailure) -> Result<LogRecovery, GatewayError> {
        let filed = try storage.list("recordings").compactMap(SegmentHeader.number).max()
        let numbers = try storage.list("wal").compactMap(SegmentHeader.number).sorted()
        var end: UInt64 = 0
        var expected: UInt64?
        if let filed {
            // The last filed segment tells where the log goes on.
            let path = "recordings/" + SegmentHeader.name(filed)
            guard var reader = try SegmentReader(storage.open(path, create: false), path: path) else { return .failure(damage(path, 0)) }
            while try reader.next() != nil {}
            end = reader.position
            expected = filed + 1
        }
        var last = filed ?? 0
        for (index, number) in numbers.enumerated() {
            let path = "wal/" + SegmentHeader.name(number)
            if let expected, number != expected { return .failure(damage("wal/" + SegmentHeader.name(expected), 0)) }
            if expected == nil, number != 1 { return .failure(damage("wal/" + SegmentHeader.name(1), 0)) }
            expected = number + 1
            let file = try storage.open(path, create: false)
            let found = try SegmentReader(file, path: path)
            guard var reader = found, reader.number == number, reader.first == end else {
                // Made ahead of its need and never used, unless records prove otherwise.
                let isUsed = try holdsRecords(file)
                if index < numbers.count - 2 || isUsed { return .failure(damage(path, 0)) }
                try removeAll(numbers[index...], storage)
                break
            }
            while try reader.next() != nil {}
            end = reader.position
            last = number
            let isProvenDamage = try reader.laterMark(provesBeyond: end)
            let laterSegment = index + 1 < numbers.count ? try starts(numbers[index + 1], storage) : nil
            if isProvenDamage || (laterSegment.map { $0 > end } ?? false) { return .failure(damage(path, reader.offset(of: end))) }
            if laterSegment == nil {
                try file.truncate(reader.offset(of: end))
                try file.sync()
                if index + 1 < numbers.count { try removeAll(numbers[(index + 1)...], storage) }
                break
            }
            try file.sync()
        }
        return .success(LogRecovery(end: end, nextSegment: last + 1, keySlots: keySlots))
    }

    /// The first position of a segment that has a whole header.
    private static func starts(_ number: UInt64, _ storage: any LogStorage) throws(StorageFailure) -> UInt64? {
        let path = "wal/" + SegmentHeader.name(number)
        return try SegmentReader(storage.open(path, create: false), path: path)?.first
    }

    private static func holdsRecords(_ file: any LogFile) throws(StorageFailure) -> Bool {
        let length = SegmentHeader.length + RecordFormat.markLength
        let start = try file.read(length, at: 0)
        // A header damaged in part, with a mark after it that was synced before a later one: not the state of a fresh segment.
        return start.count == length && start[0..<8].contains { $0 != 0 } && start[SegmentHeader.length + 8] == RecordKind.mark.rawValue
    }

    private static func removeAll(_ numbers: ArraySlice<UInt64>, _ storage: any LogStorage) throws(StorageFailure) {
        for number in numbers { try storage.remove("wal/" + SegmentHeader.name(number)) }
        try storage.syncDirectory("wal")
    }

    private static func damage(_ path: String, _ offset: UInt64) -> GatewayError {
        GatewayError(
            .logCorrupt,
            "The audit log is damaged at byte \(offset) of \(path); the gateway does not start. Keep the folder and restore it from a copy.")
    }
}
