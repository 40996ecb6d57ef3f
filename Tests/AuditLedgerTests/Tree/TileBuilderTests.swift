import AuditLedger
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Tile builder")
struct TileBuilderTests {
    /// What a disk would hold after all writes.
    private struct Store {
        var tiles: [TileCoordinate: [UInt8]] = [:]

        mutating func write(_ writes: [TileWrite]) {
            for write in writes { tiles[write.coordinate] = write.bytes }
        }

        func tile(_ coordinate: TileCoordinate) throws -> HashTile {
            guard let bytes = tiles[coordinate] else { throw ScratchTiles.Missing() }
            return try HashTile(bytes: bytes, width: coordinate.width)
        }
    }

    @Test("Chunked appends, with restarts between them, leave the same tiles as a tree made from scratch")
    func chunks() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of chunks: \(seed)")
        var generator = SeededGenerator(seed)
        let all = leaves(67_000)
        let scratch = ScratchTiles(all)
        for largest in [1, 300, 5_000, 67_000] {
            // One at a time only up to a few tiles: each flush lists the right edge.
            let count = largest == 1 ? 1_100 : all.count
            var store = Store()
            var builder = TileBuilder()
            while builder.size < count {
                let old = builder.size
                let chunk = min(Int.random(in: 1...largest, using: &generator), count - Int(old))
                for leaf in all[Int(old)..<(Int(old) + chunk)] { builder.append(leaf) }
                let writes = builder.takeWrites()
                #expect(
                    Set(writes.map(\.coordinate)) == Set(TreeShape(size: builder.size).tiles(changedSince: old)),
                    "\(old) to \(builder.size)")
                for write in writes { #expect(try write.tile == scratch.tile(write.coordinate)) }
                store.write(writes)
                #expect(builder.takeWrites().isEmpty)
                #expect(builder.takenSize == builder.size)
                if Bool.random(using: &generator) {
                    let restored = try TileBuilder(size: builder.size) { try store.tile($0) }
                    #expect(restored.head == builder.head)
                    builder = restored
                }
            }
            #expect(builder.root == NaiveTree.root(all.prefix(count)))
            for coordinate in TreeShape(size: UInt64(count)).tiles {
                #expect(try store.tile(coordinate) == scratch.tile(coordinate))
            }
        }
    }

    @Test("A restored edge appends and has the root of the tree that was never stopped, at every size to 1,100")
    func restored() throws {
        let all = leaves(1_101)
        let scratch = ScratchTiles(all)
        var edge = TreeEdge()
        for leaf in all.dropLast() {
            var again = try TreeEdge(size: edge.size) { try scratch.tile($0) }
            #expect(again == edge)
            again.append(leaf)
            edge.append(leaf)
            #expect(again.head == edge.head)
        }
    }

    @Test("A restored builder fails on a missing tile, and shows a wrong one in its root")
    func broken() throws {
        let all = leaves(700)
        let scratch = ScratchTiles(all)
        let root = MerkleTree.root(of: all)
        #expect(throws: ScratchTiles.Missing.self) { try TileBuilder(size: 700) { _ in throw ScratchTiles.Missing() } }
        #expect(throws: LedgerFormatError.self) { try TileBuilder(size: .max) { try scratch.tile($0) } }
        for coordinate in TreeShape(size: 700).rightEdge {
            let builder = try TileBuilder(size: 700) { asked in
                let tile = try scratch.tile(asked)
                guard asked == coordinate else { return tile }
                var bytes = tile.bytes
                bytes[5] ^= 1
                return try HashTile(bytes: bytes, width: asked.width)
            }
            #expect(builder.root != root)
        }
        #expect(try TileBuilder(size: 700) { try scratch.tile($0) }.root == root)
        #expect(try TileBuilder(size: 0) { try scratch.tile($0) }.root == MerkleTree.emptyRoot)
    }

    @Test("Bundles come out filled and widened as the tiles do, over restarts")
    func bundles() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of bundles: \(seed)")
        var generator = SeededGenerator(seed)
        var stored: [TileCoordinate: EntryBundle] = [:]
        var builder = BundleBuilder()
        func entry(_ index: Int) -> [UInt8] { [UInt8](repeating: UInt8(index & 255), count: index % 300) }
        while builder.size < 2_000 {
            let old = builder.size
            for index in Int(old)..<(Int(old) + Int.random(in: 1...400, using: &generator)) {
                try builder.append(entry(index))
            }
            let writes = builder.takeWrites()
            #expect(
                Set(writes.map(\.coordinate)) == Set(TreeShape(size: builder.size).bundles(changedSince: old)))
            for write in writes {
                stored[write.coordinate] = try EntryBundle(bytes: write.bytes, width: write.coordinate.width)
            }
            #expect(builder.takeWrites().isEmpty)
            let last = TreeShape(size: builder.size).bundle(holding: builder.size - 1)
            let partial = last.flatMap { $0.isFull ? nil : stored[$0] }
            builder = try BundleBuilder(size: builder.size, partial: partial)
        }
        for coordinate in TreeShape(size: builder.size).bundles(changedSince: 0) {
            let bundle = try #require(stored[coordinate])
            for position in 0..<coordinate.width {
                #expect(Array(bundle[position]) == entry(Int(coordinate.index) * 256 + position))
            }
        }
        #expect(throws: LedgerFormatError.self) { try BundleBuilder(size: 5, partial: nil) }
        #expect(throws: LedgerFormatError.self) { try BundleBuilder(size: .max, partial: nil) }
        var refused = BundleBuilder()
        #expect(throws: LedgerFormatError.self) { try refused.append([UInt8](repeating: 0, count: 65_536)) }
        #expect(refused.size == 0)
    }

    @Test("A million entries, timed", .enabled(if: getenv("SALLYPORT_TIMING") != nil))
    func million() throws {
        let count = 1_000_000
        var entry = [UInt8](repeating: 0x61, count: 600)
        var builder = TileBuilder()
        var bundles = BundleBuilder()
        var store = Store()
        var stored: [TileCoordinate: [UInt8]] = [:]
        let clock = ContinuousClock()
        let build = try clock.measure {
            for index in 0..<count {
                withUnsafeBytes(of: index) { entry.replaceSubrange(0..<8, with: $0) }
                builder.append(MerkleTree.leafHash(entry))
                try bundles.append(entry)
                if index % 1000 == 999 {
                    store.write(builder.takeWrites())
                    for write in bundles.takeWrites() { stored[write.coordinate] = write.bytes }
                }
            }
        }
        var edge = TreeEdge()
        let verify = try clock.measure {
            for coordinate in TreeShape(size: UInt64(count)).bundles(changedSince: 0) {
                let bundle = try EntryBundle(bytes: #require(stored[coordinate]), width: coordinate.width)
                for position in 0..<bundle.width { edge.append(bundle.leafHash(at: position)) }
            }
        }
        #expect(edge.head == builder.head)
        let prove = try clock.measure {
            for index in stride(from: 0, to: count, by: 10_000) {
                let proof = try InclusionProof(index: UInt64(index), size: UInt64(count)) { try store.tile($0) }
                withUnsafeBytes(of: index) { entry.replaceSubrange(0..<8, with: $0) }
                try proof.verify(leaf: MerkleTree.leafHash(entry), root: edge.root)
            }
        }
        print("1,000,000 entries of 600 bytes: tiles and bundles \(build), root from bundles \(verify)")
        print("100 inclusion proofs made and verified: \(prove)")
    }
}
