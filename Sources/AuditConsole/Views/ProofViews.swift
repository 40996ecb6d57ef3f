import AuditLedger
package import AuditStore
package import GatewayCore

/// How a caller names an entry: by its id, or by its index in the log.
package enum EntryName: Sendable {
    case index(UInt64)
    case id(RecordID)

    /// Nil when it is neither.
    package init?(_ text: String) {
        if let id = RecordID(text) {
            self = .id(id)
        } else if let index = UInt64(text), index < TreeHead.maximumSize {
            self = .index(index)
        } else {
            return nil
        }
    }
}

/// The proof that an entry is in the log. Hashes are base64.
package struct InclusionView: Codable, Sendable {
    package var index: UInt64
    package var size: UInt64
    /// The canonical leaf, byte for byte.
    package var leaf: String
    package var leafHash: String
    package var root: String
    package var hashes: [String]
    /// The signed note.
    package var checkpoint: String
    /// All of it as a C2SP tlog-proof.
    package var proof: String

    /// Nil when there is no such entry, or none within `reach` bundles of where its time points to.
    package static func make(_ name: EntryName, _ proofs: LedgerProofs, reach: UInt64 = .max) throws -> InclusionView? {
        let published = try proofs.published()
        let head = published.checkpoint.head
        let index: UInt64
        switch name {
        case .index(let given): index = given
        case .id(let id):
            var finder = EntryFinder(proofs.folder, size: head.size)
            guard let found = try finder.index(of: id, reach: reach) else { return nil }
            index = found
        }
        let leaf = try proofs.entry(index, under: published)
        let proof = try proofs.inclusion(of: index, under: published)
        return InclusionView(
            index: index, size: head.size, leaf: String(decoding: leaf, as: UTF8.self),
            leafHash: MerkleTree.leafHash(leaf).base64, root: head.root.base64, hashes: proof.hashes.map(\.base64),
            checkpoint: String(decoding: published.note.bytes, as: UTF8.self),
            proof: String(decoding: proof.bytes, as: UTF8.self))
    }

    /// Whether the entry is of this principal's own session.
    package func isBy(_ principal: Principal) throws -> Bool {
        let owner = try Leaf(Array(leaf.utf8)).principal
        return owner?.issuer == principal.issuer && owner?.subject == principal.subject
    }
}

/// The proof that a tree is a start of a later one. Hashes are base64.
package struct ConsistencyView: Codable, Sendable {
    package var from: UInt64
    package var to: UInt64
    package var fromRoot: String
    package var toRoot: String
    package var hashes: [String]
    /// The signed note of the published tree, which is `to` or later.
    package var checkpoint: String

    /// `to` is the published tree when nil. Throws `ProofFailure.sizesReversed`; `not_found` past the published tree.
    package static func make(from old: UInt64, to new: UInt64?, _ proofs: LedgerProofs) throws -> ConsistencyView {
        let published = try proofs.published()
        let size = new ?? published.checkpoint.head.size
        let found = try proofs.consistency(from: old, to: size, under: published)
        return ConsistencyView(
            from: old, to: size, fromRoot: found.old.base64, toRoot: found.new.base64,
            hashes: found.proof.hashes.map(\.base64), checkpoint: String(decoding: published.note.bytes, as: UTF8.self))
    }
}
