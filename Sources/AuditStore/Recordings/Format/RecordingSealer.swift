package import Crypto
package import GatewayCore

/// Where a recording ends: what is needed to go on with it.
package struct RecordingEnd: Equatable, Sendable {
    /// Bytes of the file.
    package var length: UInt64 = 0
    /// Chunks so far: the next one's number.
    package var chunks: UInt32 = 0
    /// Sequence of the next entry.
    package var sequence: UInt64 = 0
    /// The highest exchange of which something was filed.
    package var exchange: UInt64 = 0
    /// The last chunk is there.
    package var isFinished = false

    package init(
        length: UInt64 = 0, chunks: UInt32 = 0, sequence: UInt64 = 0, exchange: UInt64 = 0, isFinished: Bool = false
    ) {
        (self.length, self.chunks, self.isFinished) = (length, chunks, isFinished)
        (self.sequence, self.exchange) = (sequence, exchange)
    }
}

/// Turns a session's items into sealed chunks. Pure: the caller writes the bytes.
package struct RecordingSealer {
    private var key: RecordingKey
    private let segment: UInt64
    private let salt: InlineArray<16, UInt8>
    /// After the bytes that were given out.
    package private(set) var end: RecordingEnd
    private var plain: [UInt8] = []
    private var firstRecord = RecordingChunk.noRecord
    // As of the beginning of `plain`.
    private var sequence: UInt64
    private var exchange: UInt64
    private let header: RecordingHeader

    /// Goes on after `end` with what comes from `segment`.
    package init(_ header: RecordingHeader, sessionKey: SymmetricKey, segment: UInt64, after end: RecordingEnd) {
        var random = SystemRandomNumberGenerator()
        self.header = header
        key = RecordingKey(sessionKey, header)
        self.segment = segment
        self.end = end
        salt = InlineArray { _ in random.next() }
        (sequence, exchange) = (end.sequence, end.exchange)
    }

    /// Bytes held back.
    package var buffered: Int { plain.count }

    /// Takes an item and appends the chunks that are full to `out`. Of a leaf, `sequence` and `exchange` are its own.
    ///
    /// Errors: `recording_failed`, when the session was over or has too many chunks.
    package mutating func add(
        _ item: RecordingItem, leaf: (sequence: UInt64, exchange: UInt64)?, to out: inout [UInt8]
    ) throws(GatewayError) {
        guard !end.isFinished else {
            throw GatewayError(.recordingFailed, "Session \(header.session) goes on after its end.")
        }
        if plain.count == RecordingChunk.maximumPlain { try flush(isLast: false, to: &out) }
        end.exchange = max(end.exchange, item.exchange, leaf?.exchange ?? 0)
        if firstRecord == RecordingChunk.noRecord { firstRecord = UInt32(plain.count) }
        for part in [item.encodeHead(), item.payload] {
            var rest = part[...]
            while !rest.isEmpty {
                if plain.count == RecordingChunk.maximumPlain { try flush(isLast: false, to: &out) }
                let taken = rest.prefix(RecordingChunk.maximumPlain - plain.count)
                plain += taken
                rest = rest.dropFirst(taken.count)
            }
        }
        if let leaf { end.sequence = leaf.sequence &+ 1 }
    }

    /// Appends what is held back as a chunk. The last one is written even when nothing is.
    package mutating func flush(isLast: Bool, to out: inout [UInt8]) throws(GatewayError) {
        guard isLast || !plain.isEmpty else { return }
        let (number, isOver) = end.chunks.addingReportingOverflow(1)
        guard !isOver else { throw GatewayError(.recordingFailed, "The recording of \(header.session) is too long.") }
        let start = out.count
        if end.length == 0 { out += header.encode() }
        let chunk = RecordingChunk(
            sealedLength: 0, isLast: isLast, plainLength: plain.count, firstRecord: firstRecord, segment: segment,
            sequence: sequence, exchange: exchange, salt: salt)
        out += try key.seal(ZstdFrame.compress(plain), as: chunk, number: end.chunks)
        end.chunks = number
        end.length += UInt64(out.count - start)
        end.isFinished = isLast
        plain.removeAll(keepingCapacity: true)
        firstRecord = RecordingChunk.noRecord
        (sequence, exchange) = (end.sequence, end.exchange)
    }
}
