import CXXHash

/// The checksum of records, headers and key slots: the low half of XXH3. It finds torn and rotten bytes; who would forge
/// them is the ledger's concern.
enum Checksum {
    static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        UInt32(truncatingIfNeeded: XXH3_64bits_withSeed(bytes.baseAddress, bytes.count, UInt64(seed)))
    }
}
