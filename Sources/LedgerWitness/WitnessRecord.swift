package import AuditLedger
import Crypto

/// What a witness keeps of one log: the head that it cosigned last, and the note with that cosignature.
package struct WitnessRecord: Hashable, Sendable {
    /// Grows by one with each change.
    package var sequence: UInt64
    package var head: TreeHead
    /// The checkpoint with the log's signatures and the witness's; empty before the first one.
    package var note: [UInt8]

    package static let start = WitnessRecord(sequence: 0, head: .empty, note: [])

    /// A request is at most this long, and a cosignature line is well below 4 KiB.
    static let maximumNote = AddCheckpointRequest.maximumLength + 4096
    /// Magic, sequence, size, root, length of the note.
    static let headLength = 8 + 8 + 8 + TreeHash.length + 4
    static let digestLength = 32
    private static let magic = Array("SPWITN1\n".utf8)

    package init(sequence: UInt64, head: TreeHead, note: [UInt8]) {
        self.sequence = sequence
        self.head = head
        self.note = note
    }

    /// The bytes of one copy; numbers big-endian, last a SHA-256 over the origin and all before.
    func encoded(origin: [UInt8]) -> [UInt8] {
        var bytes = Self.magic
        bytes += Self.bigEndian(sequence) + Self.bigEndian(head.size) + head.root.bytes
        bytes += Self.bigEndian(UInt64(note.count)).suffix(4) + note
        return bytes + Self.digest(bytes, origin)
    }

    /// How many bytes follow a copy's first `headLength`; nil when these are not the start of one.
    static func restLength(_ start: [UInt8]) -> Int? {
        guard start.count == headLength, start.starts(with: magic) else { return nil }
        let length = start.suffix(4).reduce(0) { $0 << 8 | Int($1) }
        return length <= maximumNote ? length + digestLength : nil
    }

    /// Reads a copy; nil when anything about it is wrong, or it is another log's.
    init?(_ bytes: [UInt8], origin: [UInt8]) {
        guard bytes.count >= Self.headLength + Self.digestLength,
            let rest = Self.restLength(Array(bytes.prefix(Self.headLength))), bytes.count == Self.headLength + rest,
            Self.digest(Array(bytes.dropLast(Self.digestLength)), origin) == Array(bytes.suffix(Self.digestLength)),
            let root = TreeHash(bytes[24..<(24 + TreeHash.length)])
        else { return nil }
        sequence = Self.number(bytes[8..<16])
        head = TreeHead(size: Self.number(bytes[16..<24]), root: root)
        note = Array(bytes[Self.headLength...].dropLast(Self.digestLength))
    }

    private static func digest(_ bytes: [UInt8], _ origin: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: bigEndian(UInt64(origin.count)) + origin)
        hash.update(data: bytes)
        return Array(hash.finalize())
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
