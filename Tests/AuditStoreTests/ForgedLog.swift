import AuditStore
import CXXHash

/// Log files as someone writes them who knows the format: every checksum is right, what they cover need not be.
enum ForgedLog {
    static let segment = "wal/0000000000000001.seg"
    private static let header = 64

    private static func checksum(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes {
            UInt32(truncatingIfNeeded: XXH3_64bits_withSeed($0.baseAddress, $0.count, UInt64(seed)))
        }
    }

    static func put<Number: FixedWidthInteger>(_ number: Number, _ bytes: inout [UInt8], at place: Int) {
        withUnsafeBytes(of: number) { bytes.replaceSubrange(place..<place + $0.count, with: $0) }
    }

    static func retired(_ number: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 12)
        put(number.bigEndian, &bytes, at: 0)
        put(checksum(bytes[0..<8]).bigEndian, &bytes, at: 8)
        return bytes
    }

    /// Sets a word of a segment's header: 16 its number, 24 its first position, 32 its first leaf.
    static func setHeader(_ segment: inout [UInt8], at place: Int, _ value: UInt64) {
        put(value.littleEndian, &segment, at: place)
        put(checksum(segment[0..<60]).littleEndian, &segment, at: 60)
    }

    /// Changes the payload of each record of a kind, in the first segment.
    static func edit(_ segment: inout [UInt8], kind: UInt8, _ body: (inout [UInt8]) -> Void) {
        var place = header
        while place + 12 < segment.count {
            let length = segment[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length > 0 else { return }
            let range = place + 12..<place + 12 + length
            if segment[place + 8] == kind {
                var payload = Array(segment[range])
                body(&payload)
                segment.replaceSubrange(range, with: payload)
                let mix = (UInt64(place - header) &+ 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
                let sum = checksum(payload[...], seed: UInt32(kind) &* 0x9E37_79B1)
                put((sum ^ UInt32(truncatingIfNeeded: mix >> 32)).littleEndian, &segment, at: place + 4)
            }
            place = range.upperBound
        }
    }
}
