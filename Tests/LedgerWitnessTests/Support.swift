import AuditLedger
import AuditStore
import Crypto
import GatewayCore
import LedgerWitness

/// A log under test, with its leaves and its key; `fork` is another history under the same key.
struct TestLog {
    let origin: String
    let signer: NoteSigner
    private let tiles: [TileCoordinate: HashTile]
    private let heads: [TreeHead]

    init(_ origin: String = "gw-1.example.com/k7", key: UInt8 = 1, fork: Int? = nil, size: Int = 300) throws {
        self.origin = origin
        signer = try NoteSigner(
            name: origin, privateKey: .init(rawRepresentation: [UInt8](repeating: key, count: 32)))
        let leaves = (0..<size).map { place in
            MerkleTree.leafHash(Array((fork.map { place >= $0 } == true ? "forged \(place)" : "\(place)").utf8))
        }
        func root(_ part: ArraySlice<TreeHash>) -> TreeHash {
            guard part.count > 1 else { return part.first ?? MerkleTree.emptyRoot }
            var half = 1
            while half * 2 < part.count { half *= 2 }
            return MerkleTree.node(root(part.prefix(half)), root(part.dropFirst(half)))
        }
        heads = (0...size).map { TreeHead(size: UInt64($0), root: root(leaves.prefix($0))) }
        var tiles: [TileCoordinate: HashTile] = [:]
        for start in stride(from: 0, to: size, by: 256) {
            for width in 1...min(256, size - start) {
                guard let place = TileCoordinate(.hashes(level: 0), index: UInt64(start / 256), width: width) else {
                    continue
                }
                tiles[place] = try HashTile(Array(leaves[start..<(start + width)]))
            }
            if size - start >= 256, let place = TileCoordinate(.hashes(level: 1), index: 0, width: 1) {
                tiles[place] = try HashTile([root(leaves[start..<(start + 256)])])
            }
        }
        self.tiles = tiles
    }

    struct Missing: Error {}

    func head(_ size: Int) -> TreeHead { heads[size] }

    func proof(_ old: Int, _ new: Int) throws -> [TreeHash] {
        let tiles = self.tiles
        return try ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(new)) { coordinate in
            guard let tile = tiles[coordinate] else { throw Missing() }
            return tile
        }.hashes
    }

    func request(_ old: Int, _ new: Int, proof: [TreeHash]? = nil) throws -> [UInt8] {
        let note = try signer.note(Checkpoint(origin: origin, head: head(new)).text)
        let proof = try proof ?? (old <= new ? self.proof(old, new) : [])
        return try AddCheckpointRequest(oldSize: UInt64(old), proof: proof, note: note).body
    }
}

let witnessKey = Curve25519.Signing.PrivateKey()

func newWitness(_ storage: any LogStorage, _ logs: TestLog...) throws -> Witness {
    try Witness(
        storage: storage, cosigner: Cosigner(name: "witness.example.com/w1", privateKey: witnessKey),
        logs: logs.map(\.signer.verifierKey), now: { Timestamp(microseconds: 1_790_000_000_000_000) })
}

extension Witness.Answer {
    var text: String { String(decoding: body, as: UTF8.self) }
}
