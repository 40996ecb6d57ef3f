import CZlib
import HTTPContent
import NIOCore

/// Cuts of `bytes`: whole, at every place, byte by byte, and some at random.
func cuts(of bytes: [UInt8], seed: UInt64) -> [[ByteBuffer]] {
    var all: [[ByteBuffer]] = [[ByteBuffer(bytes: bytes)], bytes.map { ByteBuffer(bytes: [$0]) }]
    for place in bytes.indices.dropFirst().prefix(600) {
        all.append([ByteBuffer(bytes: bytes[..<place]), ByteBuffer(bytes: bytes[place...])])
    }
    var random = SeededGenerator(state: seed)
    for _ in 0..<20 {
        var pieces: [ByteBuffer] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...40, using: &random))
            pieces.append(ByteBuffer(bytes: bytes[start..<end]))
            start = end
        }
        all.append(pieces)
    }
    return all
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// zlib's own writer. `windowBits`: 31 gzip, 15 zlib, -15 bare.
func deflated(_ bytes: [UInt8], windowBits: Int32) -> [UInt8] {
    var stream = z_stream()
    guard
        deflateInit2_(
            &stream, 6, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return [] }
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: bytes.count + 1000)
    var input = bytes
    return input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            guard deflate(&stream, Z_FINISH) == Z_STREAM_END else { return [] }
            return Array(output[..<(output.count - Int(stream.avail_out))])
        }
    }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
