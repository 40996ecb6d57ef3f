import AuditLedger
import Testing

/// The eight inputs, roots and proofs that the reference implementations of Certificate Transparency publish.
@Suite("RFC 6962 vectors")
struct TreeVectorTests {
    static let inputs = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    static let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    static let leaves = inputs.map { MerkleTree.leafHash(bytes(hex: $0)) }

    static let h0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    static let h1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
    static let h01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    static let h23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
    static let h03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
    static let h4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
    static let h45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
    static let h6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
    static let h67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
    static let h47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"

    @Test("Roots of sizes 0 to 8")
    func roots() {
        #expect(MerkleTree.emptyRoot.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(TreeEdge().root == MerkleTree.emptyRoot)
        var edge = TreeEdge()
        for (place, leaf) in Self.leaves.enumerated() {
            edge.append(leaf)
            #expect(edge.root.hex == Self.roots[place])
            #expect(edge.size == UInt64(place + 1))
        }
    }

    @Test(
        "Inclusion",
        arguments: [
            (0, 1, []), (0, 8, [h1, h23, h47]), (5, 8, [h4, h67, h03]), (2, 3, [h01]), (1, 5, [h0, h23, h4]),
        ] as [(UInt64, UInt64, [String])])
    func inclusion(index: UInt64, size: UInt64, path: [String]) throws {
        let tiles = ScratchTiles(Self.leaves)
        let proof = try InclusionProof(index: index, size: size) { try tiles.tile($0) }
        #expect(proof.hashes.map(\.hex) == path)
        try proof.verify(leaf: Self.leaves[Int(index)], root: hash(Self.roots[Int(size) - 1]))
    }

    @Test(
        "Consistency",
        arguments: [
            (1, 1, []), (1, 8, [h1, h23, h47]), (6, 8, [h45, h67, h03]), (2, 5, [h23, h4]), (6, 7, [h45, h6, h03]),
        ] as [(UInt64, UInt64, [String])])
    func consistency(old: UInt64, new: UInt64, path: [String]) throws {
        let tiles = ScratchTiles(Self.leaves)
        let proof = try ConsistencyProof(oldSize: old, newSize: new) { try tiles.tile($0) }
        #expect(proof.hashes.map(\.hex) == path)
        try proof.verify(old: hash(Self.roots[Int(old) - 1]), new: hash(Self.roots[Int(new) - 1]))
    }

    @Test("A hash keeps its bytes in every form and refuses what is none")
    func forms() {
        let value = hash(Self.h4)
        #expect(TreeHash(value.bytes) == value)
        #expect(TreeHash(base64: value.base64) == value)
        #expect(TreeHash(hex: value.hex) == value)
        #expect(value.hex == Self.h4)
        #expect(TreeHash([UInt8](repeating: 1, count: 31)) == nil)
        #expect(TreeHash([UInt8](repeating: 1, count: 33)) == nil)
        #expect(TreeHash(base64: value.base64 + "AAAA") == nil)
        #expect(TreeHash(base64: String(value.base64.dropLast())) == nil)
        #expect(TreeHash(hex: Self.h4.uppercased()) == nil)
        #expect(TreeHash(hex: String(Self.h4.dropLast(2))) == nil)
    }

    /// Locals of async functions lie in memory that is aligned to 16 bytes at the most.
    @Test func hashesNeedNoMoreAlignmentThanAsyncFunctionsHave() {
        #expect(MemoryLayout<TreeHash>.alignment <= 16)
        #expect(MemoryLayout<TreeHash>.size == 32 && MemoryLayout<TreeHash>.stride == 32)
    }
}
