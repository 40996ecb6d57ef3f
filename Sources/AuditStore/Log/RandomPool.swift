import AuditLedger
import Glibc

/// The system's randomness, asked for 512 bytes at a time: a salt by itself would cost a system call each. What was
/// given out is wiped here. Confined to its owner; not Sendable.
struct RandomPool: RandomNumberGenerator {
    private static let size = 512
    private var bytes: [UInt8] = []

    /// `count` bytes, at most the pool's size.
    mutating func take(_ count: Int) -> [UInt8] {
        if bytes.count < count { bytes = systemRandomBytes(Self.size) }
        let taken = Array(bytes.suffix(count))
        bytes.withUnsafeMutableBytes { all in
            guard let end = all.baseAddress else { return }
            explicit_bzero(end + (all.count - count), count)
        }
        bytes.removeLast(count)
        return taken
    }

    mutating func next() -> UInt64 {
        take(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }
}
