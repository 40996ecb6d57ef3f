package import Crypto
package import GatewayCore

/// Reads a recording's items in their order, from any entry or exchange on. Bounded: one chunk and one item at a time.
package struct RecordingReader {
    private let file: any LogFile
    private let path: String
    package let header: RecordingHeader
    private var key: RecordingKey
    /// What lies beyond is not there for this reader.
    private let limit: UInt64
    private var offset = UInt64(RecordingHeader.length)
    private var number: UInt32 = 0
    private var plain: ArraySlice<UInt8> = []
    /// The last chunk has been read: the session is over, and the recording whole.
    package private(set) var isFinished = false

    /// `length`: how many bytes are there for sure. A file that is shorter is damaged; what lies beyond is not read.
    ///
    /// Errors: `recording_corrupt`, naming the file and the byte.
    package init(
        _ file: any LogFile, session: RecordID, key sessionKey: SymmetricKey, length: UInt64
    ) throws {
        path = RecordingHeader.path(of: session)
        guard let header = try RecordingHeader.decode(file.read(RecordingHeader.length, at: 0)),
            header.session == session
        else { throw Self.damage(path, 0, "it does not begin as the recording of \(session)") }
        guard try file.size() >= length else { throw Self.damage(path, length, "it is cut") }
        self.file = file
        self.header = header
        limit = length
        key = RecordingKey(sessionKey, header)
    }

    private static func damage(_ path: String, _ offset: UInt64, _ what: String) -> GatewayError {
        GatewayError(.recordingCorrupt, "The recording \(path) is damaged at byte \(offset): \(what).")
    }

    /// The head of the chunk at `offset`; nil at the end.
    private func head() throws -> RecordingChunk? {
        if offset == limit { return nil }
        if isFinished { throw Self.damage(path, offset, "something follows the last chunk") }
        guard limit - offset > UInt64(RecordingChunk.length),
            let chunk = try RecordingChunk.decode(file.read(RecordingChunk.length, at: offset)),
            UInt64(RecordingChunk.length + chunk.sealedLength) <= limit - offset
        else { throw Self.damage(path, offset, "a chunk is cut or beyond the limits") }
        return chunk
    }

    private mutating func pass(_ chunk: RecordingChunk) throws {
        offset += UInt64(RecordingChunk.length + chunk.sealedLength)
        isFinished = chunk.isLast
        let (next, isOver) = number.addingReportingOverflow(1)
        guard !isOver else { throw Self.damage(path, offset, "it has too many chunks") }
        number = next
    }

    /// The plain bytes of the chunk at `offset`.
    private mutating func open(_ chunk: RecordingChunk) throws -> [UInt8] {
        let sealed = try file.read(chunk.sealedLength, at: offset + UInt64(RecordingChunk.length))
        guard let frame = key.open(sealed, as: chunk, number: number) else {
            throw Self.damage(path, offset, "chunk \(number) does not open in its place")
        }
        guard let bytes = ZstdFrame.decompress(frame[...], length: chunk.plainLength) else {
            throw Self.damage(path, offset, "chunk \(number) does not unpack")
        }
        return bytes
    }

    private mutating func go(to place: ChunkMap.Place) {
        (offset, number, isFinished, plain) = (place.offset, place.number, false, [])
    }

    /// Goes to the last chunk for which `isBefore` holds, from `start` on; only heads are read on the way. The next item is
    /// the first one that begins there or later. What is wrong with a head that was passed over shows when its chunk is
    /// read.
    private mutating func seek(
        from start: ChunkMap.Place, _ map: inout ChunkMap, _ isBefore: (RecordingChunk) -> Bool
    ) throws {
        go(to: start)
        var found = start
        while let chunk = try head(), isBefore(chunk) {
            if chunk.firstRecord != RecordingChunk.noRecord {
                found = ChunkMap.Place(
                    offset: offset, number: number, sequence: chunk.sequence, exchange: chunk.exchange)
                map.note(found)
            }
            try pass(chunk)
        }
        go(to: found)
        guard let chunk = try head(), chunk.firstRecord != RecordingChunk.noRecord else { return }
        plain = try open(chunk).dropFirst(Int(chunk.firstRecord))
        try pass(chunk)
    }

    /// To the first item of the entry `sequence` (its content comes before its leaf), or a little before it.
    package mutating func seek(sequence: UInt64, _ map: inout ChunkMap) throws {
        try seek(from: map.best { $0.sequence < sequence }, &map) { $0.sequence < sequence }
    }

    /// To the first item of the exchange `exchange`, or a little before it.
    package mutating func seek(exchange: UInt64, _ map: inout ChunkMap) throws {
        try seek(from: map.best { $0.exchange < exchange }, &map) { $0.exchange < exchange }
    }

    /// The next item; nil at the end.
    package mutating func next() throws -> RecordingItem? {
        guard try fill() else { return nil }
        let start = offset
        let head = try take(RecordingItem.headLength)
        guard case (var item, let length)? = RecordingItem.decodeHead(head) else {
            throw Self.damage(path, start, "a chunk holds no record")
        }
        item.payload = try take(length)
        return item
    }

    /// Makes sure that there are plain bytes; false at the end.
    private mutating func fill() throws -> Bool {
        while plain.isEmpty {
            guard let chunk = try head() else { return false }
            plain = try open(chunk)[...]
            try pass(chunk)
        }
        return true
    }

    private mutating func take(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard try fill() else { throw Self.damage(path, offset, "it ends within a record") }
            let part = plain.prefix(count - bytes.count)
            bytes += part
            plain = plain.dropFirst(part.count)
        }
        return bytes
    }

    /// The end of the chunks, from the first one on, for which `isWanted` holds; by their heads alone, and only as far as
    /// these are whole. Sequence and exchange are left at 0.
    package mutating func extent(_ isWanted: (RecordingChunk) -> Bool) -> RecordingEnd {
        go(to: .first)
        while let chunk = try? head(), isWanted(chunk), (try? pass(chunk)) != nil {}
        return RecordingEnd(length: offset, chunks: number, isFinished: isFinished)
    }
}
