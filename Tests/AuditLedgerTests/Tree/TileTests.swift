import AuditLedger
import Testing

@Suite("Tiles")
struct TileTests {
    @Test(
        "Paths as tlog-tiles spells them",
        arguments: [
            (.hashes(level: 0), 0, 256, "tile/0/000"),
            (.hashes(level: 0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (.hashes(level: 0), 1_234_067, 8, "tile/0/x001/x234/067.p/8"),
            (.hashes(level: 63), 999, 255, "tile/63/999.p/255"),
            (.hashes(level: 1), 1000, 1, "tile/1/x001/000.p/1"),
            (.entries, 0, 112, "tile/entries/000.p/112"),
            (.entries, 72_057_594_037_927_935, 256, "tile/entries/x072/x057/x594/x037/x927/935"),
        ] as [(TileCoordinate.Kind, UInt64, Int, String)])
    func paths(kind: TileCoordinate.Kind, index: UInt64, width: Int, path: String) throws {
        let coordinate = try #require(TileCoordinate(kind, index: index, width: width))
        #expect(coordinate.path == path)
        #expect(TileCoordinate(path: path) == coordinate)
    }

    @Test(
        "Paths that are none",
        arguments: [
            "", "/", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile//000", "tiles/0/000",
            "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile/+1/000", "tile/ 0/000", "tile/1e1/000",
            "tile/18446744073709551616/000", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000",
            "tile/0/000/000", "tile/0/x01/000", "tile/0/x0001/000", "tile/0/X001/000", "tile/0/x001/x000",
            "tile/0/x001//000", "tile/0/0a0", "tile/0/-01", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0",
            "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/-1", "tile/0/000.p/1/", "tile/0/000.p/1/1",
            "tile/0/000.P/1", "tile/0/.p/1", "tile/0.p/1", "tile/.p/1", "tile/0/x001.p/1", "tile/0/000/p/1",
            "tile/0/000p/1", "tile/entries", "tile/entries/", "tile/entries/x000/001", "tile/entry/000",
            "tile/Entries/000", "tile/0/../000", "tile/0/..", "tile/../0/000", "tile/0/%30%30%30", "tile/0/000?",
            "tile/0/000\n", "tile/0/000\0", "tile/0/٠٠٠", "tile/0/x072/x057/x594/x037/x927/936",
            "tile/0/x999/x999/x999/x999/x999/999", "tile/0/x001/x000/x000/x000/x000/x000/000",
            "tile/0/" + String(repeating: "x001/", count: 5000) + "000",
        ])
    func refusedPaths(path: String) {
        #expect(TileCoordinate(path: path) == nil)
    }

    @Test("What a path reads as, it is written as; a changed one reads as another or not at all")
    func mutatedPaths() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of mutatedPaths: \(seed)")
        var generator = SeededGenerator(seed)
        let alphabet = Array("0123456789x/.ptileentries-+ ".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            let level = Int.random(in: 0...63, using: &generator)
            let index =
                UInt64.random(in: 0...(.max >> 8), using: &generator) >> UInt64.random(in: 0..<56, using: &generator)
            let width = Int.random(in: 1...256, using: &generator)
            let kind: TileCoordinate.Kind = Bool.random(using: &generator) ? .entries : .hashes(level: level)
            let coordinate = try #require(TileCoordinate(kind, index: index, width: width))
            #expect(TileCoordinate(path: coordinate.path) == coordinate)
            var text = Array(coordinate.path.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<text.count, using: &generator)
                let letter = alphabet.randomElement(using: &generator)!
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: text[place] = letter
                case 1: text.insert(letter, at: place)
                default: text.remove(at: place)
                }
            }
            let changed = String(decoding: text, as: UTF8.self)
            if let other = TileCoordinate(path: changed) {
                accepted += 1
                #expect(other.path == changed)
            }
        }
        #expect(accepted > 0)
    }

    @Test("Coordinates out of range are none")
    func ranges() {
        #expect(TileCoordinate(.hashes(level: -1), index: 0) == nil)
        #expect(TileCoordinate(.hashes(level: 64), index: 0) == nil)
        #expect(TileCoordinate(.entries, index: 0, width: 0) == nil)
        #expect(TileCoordinate(.entries, index: 0, width: 257) == nil)
        #expect(TileCoordinate(.entries, index: 1 << 56) == nil)
        #expect(TileCoordinate(.entries, index: .max) == nil)
    }

    @Test("The specification's example: a tree of 70,000 entries")
    func example() {
        let shape = TreeShape(size: 70_000)
        #expect(shape.levels == 3)
        #expect(shape.fullTiles(at: 0) == 273)
        #expect(shape.rightEdge.map(\.path) == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"])
        #expect(shape.fullTiles(at: 1) == 1)
        #expect(Array(shape.tiles).count == 273 + 1 + 1 + 1 + 1)
        #expect(Array(TreeShape(size: 256).tiles).map(\.path) == ["tile/0/000", "tile/1/000.p/1"])
        #expect(Array(TreeShape(size: 0).tiles).isEmpty)
        #expect(TreeShape(size: 0).levels == 0)
        #expect(TreeShape(size: .max).levels == 8)
        #expect(TreeShape(size: .max).rightEdge.count == 8)
    }

    @Test("Tiles changed between two sizes are those that one tree has and the other has not")
    func changed() {
        let sizes: [UInt64] = [0, 1, 2, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 66_000, 70_000]
        for new in sizes {
            let tiles = Set(TreeShape(size: new).tiles)
            let bundles = Set(TreeShape(size: new).bundles(changedSince: 0))
            for tile in tiles.union(bundles) { #expect(tile.exists(inTreeOf: new)) }
            for old in sizes {
                let earlier = old <= new ? tiles.subtracting(TreeShape(size: old).tiles) : []
                let listed = Array(TreeShape(size: new).tiles(changedSince: old))
                #expect(Set(listed) == earlier, "\(old) to \(new)")
                #expect(listed.count == earlier.count)
                let earlierBundles =
                    old <= new ? bundles.subtracting(TreeShape(size: old).bundles(changedSince: 0)) : []
                #expect(Set(TreeShape(size: new).bundles(changedSince: old)) == earlierBundles, "\(old) to \(new)")
            }
        }
    }

    @Test("A tree has exactly the tile, and the width, that holds a hash")
    func holding() throws {
        let shape = TreeShape(size: 70_000)
        #expect(shape.tile(level: 0, holding: 69_999)?.path == "tile/0/273.p/112")
        #expect(shape.tile(level: 0, holding: 69_887)?.path == "tile/0/272")
        #expect(shape.tile(level: 0, holding: 70_000) == nil)
        #expect(shape.tile(level: 9, holding: 0) == nil)
        #expect(shape.bundle(holding: 69_999)?.path == "tile/entries/273.p/112")
        let wide = try #require(TileCoordinate(path: "tile/0/273"))
        #expect(!wide.exists(inTreeOf: 70_000))
        let narrow = try #require(TileCoordinate(path: "tile/0/273.p/111"))
        #expect(!narrow.exists(inTreeOf: 70_000))
        #expect(narrow.full == wide)
        #expect(try !#require(TileCoordinate(path: "tile/63/000")).exists(inTreeOf: .max))
    }

    @Test("The last tiles there can be are in no tree but are asked for all the same", arguments: [1, 255, 256])
    func lastIndex(_ width: Int) throws {
        for kind in [TileCoordinate.Kind.hashes(level: 0), .hashes(level: 63), .entries] {
            let last = try #require(TileCoordinate(kind, index: UInt64.max >> 8, width: width))
            #expect(TileCoordinate(path: last.path) == last)
            #expect(TileCoordinate(kind, index: UInt64.max >> 8 + 1, width: width) == nil)
            for size in [0, 1, 70_000, UInt64.max - 256, .max] {
                // A tree of 2^64 - 1 entries has 255 of the last tile's.
                let has = kind != .hashes(level: 63) && size == .max && width <= 255
                #expect(last.isCovered(byTreeOf: size) == has, "\(last) in \(size)")
                #expect(last.exists(inTreeOf: size) == (has && width == 255), "\(last) in \(size)")
            }
        }
    }

    @Test("A tile keeps its bytes and refuses other lengths")
    func tileBytes() throws {
        for width in [1, 2, 255, 256] {
            let tile = try HashTile(leaves(width))
            #expect(tile.bytes == leaves(width).flatMap(\.bytes))
            #expect(try HashTile(bytes: tile.bytes, width: width) == tile)
            for (bytes, other) in [
                (tile.bytes, width - 1), (tile.bytes, width + 1), (tile.bytes, 0), (tile.bytes, -1), (tile.bytes, .max),
                (tile.bytes + [0], width), (tile.bytes.dropLast(), width), ([], width),
            ] {
                #expect(throws: LedgerFormatError.self) { try HashTile(bytes: Array(bytes), width: other) }
            }
        }
        #expect(throws: LedgerFormatError.self) { try HashTile([]) }
        #expect(throws: LedgerFormatError.self) { try HashTile(leaves(257)) }
        #expect(throws: LedgerFormatError.self) { try HashTile(bytes: [], width: 0) }
        let full = try HashTile(leaves(256))
        #expect(full.root == NaiveTree.root(leaves(256)[...]))
        #expect(full.prefix(17) == (try HashTile(leaves(17))))
        #expect(full.prefix(17)?.root == nil)
        #expect(full.prefix(0) == nil)
        #expect(full.prefix(257) == nil)
    }

    @Test("An entry bundle keeps its entries, and they hash to its tile")
    func bundles() throws {
        var bundle = EntryBundle()
        let entries: [[UInt8]] = [[], [1], Array("entry".utf8), [UInt8](repeating: 7, count: 65_535)]
        for entry in entries { try bundle.append(entry) }
        #expect(Array(bundle.bytes.prefix(12)) == [0, 0, 0, 1, 1, 0, 5] + Array("entry".utf8))
        #expect(bundle.entries.map(Array.init) == entries)
        let read = try EntryBundle(bytes: bundle.bytes, width: 4)
        #expect(read == bundle)
        #expect(read.tile?.hashes == entries.map { MerkleTree.leafHash($0) })
        let before = bundle
        #expect(throws: LedgerFormatError.self) { try bundle.append([UInt8](repeating: 7, count: 65_536)) }
        #expect(bundle == before)
        for _ in 4..<256 { try bundle.append([9]) }
        #expect(throws: LedgerFormatError.self) { try bundle.append([9]) }
        #expect(bundle.width == 256)
        #expect(EntryBundle().tile == nil)
    }

    @Test(
        "Bundles that are none",
        arguments: [
            ([], 1), ([], 0), ([0], 1), ([0, 1], 1), ([0, 2, 1], 1), ([0, 0], 0), ([0, 0], 2), ([0, 0, 0, 0], 1),
            ([0, 0, 0], 1), ([0, 0, 0], 2), ([0xFF, 0xFF, 1], 1), ([0, 0], 257), ([0, 0], -1), ([0, 1, 5, 0], 2),
        ] as [([UInt8], Int)])
    func refusedBundles(bytes: [UInt8], width: Int) {
        #expect(throws: LedgerFormatError.self) { try EntryBundle(bytes: bytes, width: width) }
    }
}
