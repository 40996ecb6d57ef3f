import AuditLedger

/// A small seeded generator, so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

func bytes(hex text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func hash(_ hex: String) -> TreeHash { TreeHash(bytes(hex: hex))! }

/// Leaf hashes of the entries "0", "1", "2", ...
func leaves(_ count: Int) -> [TreeHash] {
    (0..<count).map { MerkleTree.leafHash(Array(String($0).utf8)) }
}

/// RFC 6962, section 2.1, word for word and as slow as that: what the product's tree is held against.
enum NaiveTree {
    static func split(_ count: Int) -> Int {
        var half = 1
        while half * 2 < count { half *= 2 }
        return half
    }

    static func root(_ leaves: ArraySlice<TreeHash>) -> TreeHash {
        guard leaves.count > 1 else { return leaves.first ?? MerkleTree.emptyRoot }
        let half = split(leaves.count)
        return MerkleTree.node(root(leaves.prefix(half)), root(leaves.dropFirst(half)))
    }

    static func path(_ index: Int, _ leaves: ArraySlice<TreeHash>) -> [TreeHash] {
        guard leaves.count > 1 else { return [] }
        let half = split(leaves.count)
        return index < half
            ? path(index, leaves.prefix(half)) + [root(leaves.dropFirst(half))]
            : path(index - half, leaves.dropFirst(half)) + [root(leaves.prefix(half))]
    }

    static func proof(_ old: Int, _ leaves: ArraySlice<TreeHash>) -> [TreeHash] {
        subproof(old, leaves, true)
    }

    private static func subproof(_ old: Int, _ leaves: ArraySlice<TreeHash>, _ isOldRoot: Bool) -> [TreeHash] {
        if old == leaves.count { return isOldRoot ? [] : [root(leaves)] }
        let half = split(leaves.count)
        return old <= half
            ? subproof(old, leaves.prefix(half), isOldRoot) + [root(leaves.dropFirst(half))]
            : subproof(old - half, leaves.dropFirst(half), false) + [root(leaves.prefix(half))]
    }
}

/// The tiles of all trees over a start of `leaves`, made from the definition in C2SP tlog-tiles and not by the builder.
struct ScratchTiles {
    struct Missing: Error {}

    private var levels: [[TreeHash]]

    init(_ leaves: [TreeHash]) {
        levels = [leaves]
        while let below = levels.last, below.count >= 256 {
            levels.append((0..<below.count / 256).map { NaiveTree.root(below[($0 * 256)..<($0 * 256 + 256)]) })
        }
    }

    func tile(_ coordinate: TileCoordinate) throws -> HashTile {
        guard case .hashes(let level) = coordinate.kind, level < levels.count else { throw Missing() }
        let start = Int(coordinate.index) * 256
        guard start + coordinate.width <= levels[level].count else { throw Missing() }
        return try HashTile(Array(levels[level][start..<(start + coordinate.width)]))
    }
}
