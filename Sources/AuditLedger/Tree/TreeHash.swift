/// One SHA-256 value of the tree: a leaf hash, a node or a root. 32 bytes held inline, so that arrays of them are flat memory.
package struct TreeHash: Hashable, Sendable {
    package static let length = 32

    // The bytes in their order in memory; never read as numbers. Four words, no SIMD vector: that would be aligned to 32
    // bytes, which memory for the locals of async functions is not (Swift 6.3 writes past it and corrupts the heap).
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    /// 32 zero bytes: no hash of anything that anyone knows.
    static let zero = TreeHash()

    private init() {
        (first, second, third, fourth) = (0, 0, 0, 0)
    }

    /// Copies exactly 32 bytes; nil at any other length.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.length else { return nil }
        first = bytes.loadUnaligned(as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        third = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        fourth = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    }

    package init?(_ bytes: [UInt8]) {
        guard let value = bytes.withUnsafeBytes({ TreeHash($0) }) else { return nil }
        self = value
    }

    package init?(_ bytes: ArraySlice<UInt8>) {
        guard let value = bytes.withUnsafeBytes({ TreeHash($0) }) else { return nil }
        self = value
    }

    /// Reads 44 characters of canonical base64.
    package init?(base64 text: ArraySlice<UInt8>) {
        guard text.count == 44, let bytes = Base64.decode(text) else { return nil }
        self.init(bytes)
    }

    package init?(base64 text: String) {
        self.init(base64: ArraySlice(text.utf8))
    }

    /// Reads 64 lower-case hexadecimal digits.
    package init?(hex text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Self.length else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.length)
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Hexadecimal.value(digits[place]), let low = Hexadecimal.value(digits[place + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.init(bytes)
    }

    /// Calls `body` with the 32 bytes, which do not outlive the call.
    @inline(__always)
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: self) { body($0) }
    }

    package var bytes: [UInt8] { withBytes { Array($0) } }

    package var base64: String { Base64.text(bytes) }

    package var hex: String { Hexadecimal.text(bytes) }
}

extension TreeHash: CustomStringConvertible {
    package var description: String { base64 }
}
