/// The clear and authenticated head of a chunk, 56 bytes, big-endian: sealed length (4), flags (1), zeros (3), plain
/// length (4), offset of the first record that begins in the plain bytes or all ones (4), log segment (8), sequence (8),
/// exchange (8), salt (16).
package struct RecordingChunk: Equatable {
    package static let length = 56
    /// Plain bytes of a chunk; less only at the end of a session or of a log segment: the segment that holds the
    /// rest must go, so an idle session's bytes cannot wait for more.
    package static let maximumPlain = 64 << 10
    /// A frame of incompressible bytes is a little longer; and the tag.
    package static let maximumSealed = maximumPlain + 1024
    package static let noRecord = UInt32.max
    private static let lastFlag: UInt8 = 1

    /// Of the ciphertext and its tag, which follow.
    package var sealedLength: Int
    /// The session is over: nothing follows this chunk.
    package var isLast: Bool
    package var plainLength: Int
    /// Where in the plain bytes the first record begins; `noRecord` when the chunk only goes on with one.
    package var firstRecord: UInt32
    /// The segment of the log that the bytes were copied from.
    package var segment: UInt64
    /// The sequence of the first entry that ends in this chunk or after it.
    package var sequence: UInt64
    /// The highest number of an exchange of which something began before this chunk.
    package var exchange: UInt64
    /// Of the key; the same in all chunks that one filing of a segment wrote.
    package var salt: InlineArray<16, UInt8>

    package static func == (one: RecordingChunk, other: RecordingChunk) -> Bool { one.encode() == other.encode() }

    package func encode() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Self.length)
        func word<Word: FixedWidthInteger>(_ value: Word) { withUnsafeBytes(of: value.bigEndian) { out += $0 } }
        word(UInt32(clamping: sealedLength))
        out += [isLast ? Self.lastFlag : 0, 0, 0, 0]
        word(UInt32(clamping: plainLength))
        word(firstRecord)
        for value in [segment, sequence, exchange] { word(value) }
        for index in salt.indices { out.append(salt[index]) }
        return out
    }

    /// Nil when the bytes are no head of a chunk, or one beyond the limits.
    package static func decode(_ bytes: [UInt8]) -> RecordingChunk? {
        guard bytes.count >= length else { return nil }
        return bytes.withUnsafeBytes { bytes -> RecordingChunk? in
            func word<Word: FixedWidthInteger>(_ offset: Int, as type: Word.Type) -> Word {
                Word(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
            }
            let chunk = RecordingChunk(
                sealedLength: Int(word(0, as: UInt32.self)), isLast: bytes[4] == lastFlag,
                plainLength: Int(word(8, as: UInt32.self)), firstRecord: word(12, as: UInt32.self),
                segment: word(16, as: UInt64.self), sequence: word(24, as: UInt64.self),
                exchange: word(32, as: UInt64.self), salt: InlineArray { bytes[40 + $0] })
            guard bytes[4] <= lastFlag, bytes[5] == 0, bytes[6] == 0, bytes[7] == 0,
                chunk.sealedLength > SessionCipher.tagLength, chunk.sealedLength <= maximumSealed,
                chunk.plainLength <= maximumPlain,
                chunk.firstRecord == noRecord || Int(chunk.firstRecord) < chunk.plainLength
            else { return nil }
            return chunk
        }
    }
}
