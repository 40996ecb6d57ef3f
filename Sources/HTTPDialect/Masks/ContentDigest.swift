import Crypto
import NIOCore

/// Size and SHA-256 of content that passes.
struct ContentDigest {
    private(set) var count = 0
    private var hash = SHA256()

    mutating func update(_ piece: ByteBuffer) {
        count += piece.readableBytes
        piece.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
    }

    /// In small hexadecimal digits.
    var text: String {
        hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
