import GatewayCore

extension KeyStore {
    /// The slots of these sessions' keys, by one pass over the file; a session whose key was erased has none.
    static func slots(of sessions: Set<RecordID>, in file: any LogFile) throws(StorageFailure) -> [RecordID: UInt64] {
        var found: [RecordID: UInt64] = [:]
        let pieceSlots = 4096
        var slot: UInt64 = 0
        while found.count < sessions.count {
            let piece = try file.read(pieceSlots * slotLength, at: slot * UInt64(slotLength))
            let count = piece.count / slotLength
            guard count > 0 else { break }
            piece.withUnsafeBytes { piece in
                for index in 0..<count {
                    let id = RecordID(
                        bytes: UnsafeRawBufferPointer(rebasing: piece[index * slotLength..<index * slotLength + 16]))
                    if sessions.contains(id) { found[id] = slot + UInt64(index) }
                }
            }
            slot += UInt64(count)
        }
        return found
    }
}

extension KeyStore {
    /// Overwrites the slots of these sessions' keys; durable when it returns.
    static func destroy(_ sessions: Set<RecordID>, in file: any LogFile) throws(StorageFailure) {
        for slot in try slots(of: sessions, in: file).values {
            try file.write([UInt8](repeating: 0, count: slotLength), at: slot * UInt64(slotLength))
        }
        try file.sync()
    }
}
