/// A record of the log as it lies in a recording, opened. In the plain bytes, big-endian: kind (1), direction (1),
/// exchange or leaf (8), position in the log (8), length (4), payload. It may go on in the chunks that follow.
package struct RecordingItem: Equatable {
    package static let headLength = 22

    /// A leaf, an entry's content or a chunk.
    package var kind: RecordKind
    /// As in the clear part of a sealed record; 0 of a leaf.
    package var direction: UInt8
    /// Of content and chunks.
    package var exchange: UInt64
    /// The ledger's index of a leaf.
    package var leaf: UInt64
    package var position: UInt64
    /// A leaf; or the plain bytes of a sealed record.
    package var payload: [UInt8]

    package init(
        kind: RecordKind, direction: UInt8 = 0, exchange: UInt64 = 0, leaf: UInt64 = 0, position: UInt64,
        payload: [UInt8]
    ) {
        self.kind = kind
        self.direction = direction
        self.exchange = exchange
        self.leaf = leaf
        self.position = position
        self.payload = payload
    }

    package func encodeHead() -> [UInt8] {
        var out: [UInt8] = [kind.rawValue, direction]
        withUnsafeBytes(of: ((kind == .leaf ? leaf : exchange).bigEndian)) { out += $0 }
        withUnsafeBytes(of: (position.bigEndian)) { out += $0 }
        withUnsafeBytes(of: UInt32(clamping: payload.count).bigEndian) { out += $0 }
        return out
    }

    /// The item without its payload, and the payload's length; nil when the bytes are no head.
    package static func decodeHead(_ bytes: [UInt8]) -> (item: RecordingItem, length: Int)? {
        guard bytes.count >= headLength, let kind = RecordKind(rawValue: bytes[0]), kind != .mark else { return nil }
        return bytes.withUnsafeBytes { bytes in
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 18, as: UInt32.self)))
            guard length <= RecordFormat.maximumPayload else { return nil }
            let number = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            let item = RecordingItem(
                kind: kind, direction: bytes[1], exchange: kind == .leaf ? 0 : number, leaf: kind == .leaf ? number : 0,
                position: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 10, as: UInt64.self)), payload: [])
            return (item, length)
        }
    }
}
