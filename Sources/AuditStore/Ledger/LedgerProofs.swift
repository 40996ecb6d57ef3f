package import AuditLedger
import GatewayCore

/// Makes proofs from a ledger's tiles, under the checkpoint that is published when it is asked.
///
/// Blocks while it reads; a proof needs a handful of tiles. Errors: `not_found` while nothing is published or for an entry
/// that the checkpoint does not cover; those of `LedgerFolder`.
package struct LedgerProofs: Sendable {
    /// The published checkpoint. Its signature is for whoever trusts the key to check.
    package struct Published: Sendable {
        package var note: SignedNote
        package var checkpoint: Checkpoint
    }

    /// A consistency proof with the roots that it links.
    package struct Consistency: Sendable {
        package var proof: ConsistencyProof
        package var old: TreeHash
        package var new: TreeHash
    }

    package let folder: LedgerFolder

    package init(_ folder: LedgerFolder) {
        self.folder = folder
    }

    package func published() throws -> Published {
        guard let bytes = try folder.checkpoint() else {
            throw GatewayError(.notFound, "No checkpoint is published yet; try again in a second.")
        }
        let note = try SignedNote(bytes)
        return Published(note: note, checkpoint: try Checkpoint(text: note.text))
    }

    /// The canonical leaf at an index below the checkpoint's size.
    package func entry(_ index: UInt64, under published: Published) throws -> [UInt8] {
        guard let coordinate = TreeShape(size: published.checkpoint.head.size).bundle(holding: index) else {
            throw Self.uncovered(published)
        }
        return Array(try folder.bundle(coordinate)[Int(index & 255)])
    }

    package func inclusion(of index: UInt64, under published: Published) throws -> TransparencyProof {
        try inclusion(of: index, under: published, TileCache(folder))
    }

    /// As above; neighbours share most of their tiles.
    func inclusion(of index: UInt64, under published: Published, _ tiles: TileCache) throws -> TransparencyProof {
        let size = published.checkpoint.head.size
        guard index < size else { throw Self.uncovered(published) }
        let proof = try InclusionProof(index: index, size: size) { try tiles.tile($0) }
        return TransparencyProof(index: index, hashes: proof.hashes, note: published.note)
    }

    /// Between any two sizes up to the checkpoint's. Throws `not_found` past it, `ProofFailure.sizesReversed`.
    package func consistency(from old: UInt64, to new: UInt64, under published: Published) throws -> Consistency {
        guard new <= published.checkpoint.head.size else { throw Self.uncovered(published) }
        let cache = TileCache(folder)
        let proof = try ConsistencyProof(oldSize: old, newSize: new) { try cache.tile($0) }
        return Consistency(
            proof: proof, old: try TreeEdge(size: old) { try cache.tile($0) }.root,
            new: try TreeEdge(size: new) { try cache.tile($0) }.root)
    }

    private static func uncovered(_ published: Published) -> GatewayError {
        GatewayError(
            .notFound,
            "The published checkpoint covers \(published.checkpoint.head.size) entries; a new entry is covered within a second."
        )
    }
}

/// Tiles read once for a run of proofs. Confined to its thread; not Sendable.
final class TileCache {
    /// More than one proof needs, and 128 KiB a level at the most.
    private static let most = 64

    private let folder: LedgerFolder
    private var tiles: [TileCoordinate: HashTile] = [:]

    init(_ folder: LedgerFolder) {
        self.folder = folder
    }

    func tile(_ coordinate: TileCoordinate) throws(GatewayError) -> HashTile {
        if let known = tiles[coordinate] { return known }
        let tile = try folder.tile(coordinate)
        if tiles.count >= Self.most { tiles.removeAll() }
        tiles[coordinate] = tile
        return tile
    }
}
