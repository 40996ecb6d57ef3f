import Crypto
import Glibc

/// A commitment to one item of content: SHA-256(salt ‖ content), and how long the content is.
package struct Commitment: Sendable, Hashable {
    /// Number of random bytes before the content.
    package static let saltLength = 32

    package var kind: ContentItem.Kind
    package var digest: [UInt8]
    /// Bytes of content committed to.
    package var size: UInt64
    /// Bytes of it that the recording keeps, when fewer than `size`.
    package var kept: UInt64?

    package init(kind: ContentItem.Kind, digest: [UInt8], size: UInt64, kept: UInt64? = nil) {
        self.kind = kind
        self.digest = digest
        self.size = size
        self.kept = kept
    }

    package init(kind: ContentItem.Kind, salt: [UInt8], content: [UInt8]) {
        var hash = SHA256()
        salt.withUnsafeBytes { hash.update(bufferPointer: $0) }
        content.withUnsafeBytes { hash.update(bufferPointer: $0) }
        self.init(kind: kind, digest: Array(hash.finalize()), size: UInt64(content.count))
    }
}

/// The commitment to content that comes in chunks.
package struct RunningCommitment {
    package let salt: [UInt8]
    package private(set) var size: UInt64 = 0
    package private(set) var kept: UInt64 = 0
    private var hash = SHA256()

    package init(salt: [UInt8]) {
        self.salt = salt
        salt.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer, kept isKept: Bool) {
        hash.update(bufferPointer: bytes)
        size &+= UInt64(bytes.count)
        if isKept { kept &+= UInt64(bytes.count) }
    }

    package consuming func finish(kind: ContentItem.Kind) -> Commitment {
        Commitment(kind: kind, digest: Array(hash.finalize()), size: size, kept: kept == size ? nil : kept)
    }
}

/// `count` bytes of the system's randomness, for salts; asked for in one call.
package func systemRandomBytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        if let start = buffer.baseAddress { arc4random_buf(start, count) }
        used = count
    }
}
