/// What a log record carries.
package enum RecordKind: UInt8 {
    /// How far the log was synced when this batch was written; first in each batch.
    case mark = 1
    /// A leaf: canonical JSON.
    case leaf = 2
    /// Sealed content of the entry whose leaf follows.
    case content = 3
    /// A sealed chunk of an answer or of input.
    case chunk = 4
}

/// A record on disk, little-endian: payload length (4), checksum (4), kind (1), zeros (3), payload.
///
/// The checksum covers kind and payload and is mixed with the record's position, so that a record is valid only in its
/// place.
enum RecordFormat {
    static let headerLength = 12
    static let kindOffset = 8
    /// A mark's payload: synced position (8), zeros (8).
    static let markPayload = 16
    static let markLength = headerLength + markPayload

    /// The largest payload that a reader accepts.
    static let maximumPayload = 64 << 20

    static func checksum(kind: UInt8, payload: UnsafeRawBufferPointer) -> UInt32 {
        Checksum.of(payload, seed: UInt32(kind) &* 0x9E37_79B1)
    }

    /// What the position adds to a checksum.
    static func mix(_ position: UInt64) -> UInt32 {
        let product = (position &+ 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
        return UInt32(truncatingIfNeeded: product >> 32)
    }

    /// Fills in the header of a record whose checksum is still without its position.
    static func begin(_ out: inout [UInt8], kind: RecordKind) -> Int {
        let start = out.count
        out.append(contentsOf: repeatElement(0, count: headerLength))
        out[start + 8] = kind.rawValue
        return start
    }

    static func end(_ out: inout [UInt8], start: Int) {
        let kind = out[start + 8]
        out.withUnsafeMutableBytes { bytes in
            let payload = UnsafeRawBufferPointer(rebasing: bytes[(start + headerLength)...])
            bytes.storeBytes(
                of: UInt32(truncatingIfNeeded: payload.count).littleEndian, toByteOffset: start, as: UInt32.self)
            bytes.storeBytes(
                of: checksum(kind: kind, payload: payload).littleEndian, toByteOffset: start + 4, as: UInt32.self)
        }
    }

    /// Binds whole records to their place: `bytes` starts at `position`.
    static func place(_ bytes: UnsafeMutableRawBufferPointer, at position: UInt64) {
        var index = 0
        while index < bytes.count {
            let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
            let sum = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index + 4, as: UInt32.self))
            bytes.storeBytes(
                of: (sum ^ mix(position + UInt64(index))).littleEndian, toByteOffset: index + 4, as: UInt32.self)
            index += headerLength + length
        }
    }
}

/// A segment's first 64 bytes: magic (8), version (4), zeros (4), number (8), first position (8), index of the first leaf
/// (8), zeros (20), checksum (4).
enum SegmentHeader {
    static let length = 64
    static let magic: UInt64 = 0x314C_4157_594C_4153  // "SALYWAL1"
    static let version: UInt32 = 2

    static func encode(number: UInt64, first: UInt64, firstLeaf: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: magic.littleEndian, toByteOffset: 0, as: UInt64.self)
            $0.storeBytes(of: version.littleEndian, toByteOffset: 8, as: UInt32.self)
            $0.storeBytes(of: number.littleEndian, toByteOffset: 16, as: UInt64.self)
            $0.storeBytes(of: first.littleEndian, toByteOffset: 24, as: UInt64.self)
            $0.storeBytes(of: firstLeaf.littleEndian, toByteOffset: 32, as: UInt64.self)
            let sum = Checksum.of(UnsafeRawBufferPointer(rebasing: $0[0..<60]))
            $0.storeBytes(of: sum.littleEndian, toByteOffset: 60, as: UInt32.self)
        }
        return bytes
    }

    /// Numbers and positions up to here can be counted on by any file's length without overflow.
    static let maximum = UInt64(Int64.max)

    /// Nil when the header is not whole, or says what cannot be.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> (number: UInt64, first: UInt64, firstLeaf: UInt64)? {
        guard bytes.count >= length,
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) == magic,
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)) == version,
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 60, as: UInt32.self))
                == Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[0..<60]))
        else { return nil }
        let number = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        let first = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
        let firstLeaf = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
        guard number <= maximum, first <= maximum, firstLeaf <= maximum else { return nil }
        return (number, first, firstLeaf)
    }

    /// The name of a segment: sixteen hexadecimal digits, so that names sort like numbers.
    static func name(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text + ".seg"
    }

    static func number(of name: String) -> UInt64? {
        guard name.hasSuffix(".seg"), name.utf8.count == 20, let number = UInt64(name.dropLast(4), radix: 16),
            number <= maximum, self.name(number) == name
        else { return nil }
        return number
    }
}
