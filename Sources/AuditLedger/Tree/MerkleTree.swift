import Crypto

/// The hashing of RFC 6962, section 2.1: leaves under 0x00, nodes under 0x01, so that neither passes for the other.
package enum MerkleTree {
    /// The root of a tree without entries: the hash of nothing.
    package static let emptyRoot = value(of: SHA256())

    package static func leafHash(_ entry: UnsafeRawBufferPointer) -> TreeHash {
        var hash = SHA256()
        withUnsafeBytes(of: UInt8(0)) { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: entry)
        return value(of: hash)
    }

    package static func leafHash(_ entry: [UInt8]) -> TreeHash {
        entry.withUnsafeBytes { leafHash($0) }
    }

    package static func leafHash(_ entry: ArraySlice<UInt8>) -> TreeHash {
        entry.withUnsafeBytes { leafHash($0) }
    }

    package static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
        withUnsafeTemporaryAllocation(byteCount: 1 + 2 * TreeHash.length, alignment: 1) { input in
            input[0] = 1
            left.withBytes { UnsafeMutableRawBufferPointer(rebasing: input[1..<33]).copyMemory(from: $0) }
            right.withBytes { UnsafeMutableRawBufferPointer(rebasing: input[33..<65]).copyMemory(from: $0) }
            var hash = SHA256()
            hash.update(bufferPointer: UnsafeRawBufferPointer(input))
            return value(of: hash)
        }
    }

    /// The root over leaf hashes, in memory; for small trees and for tests.
    package static func root(of leaves: some Sequence<TreeHash>) -> TreeHash {
        var edge = TreeEdge()
        for leaf in leaves { edge.append(leaf) }
        return edge.root
    }

    private static func value(of hash: consuming SHA256) -> TreeHash {
        // A SHA-256 digest has 32 bytes; the fallback is never taken and would match nothing.
        hash.finalize().withUnsafeBytes { TreeHash($0) } ?? TreeHash.zero
    }
}
