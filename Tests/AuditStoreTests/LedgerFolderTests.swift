import AuditLedger
import AuditStore
import GatewayCore
import Testing

@Suite struct LedgerFolderTests {
    /// A folder with the tiles of a tree of `sizes.last` entries, written at each of the sizes.
    private func written(_ sizes: [Int], to storage: SimulatedStorage) throws -> LedgerFolder {
        let folder = LedgerFolder(storage: storage)
        var writer = LedgerWriter(folder)
        var (tiles, bundles) = (TileBuilder(), BundleBuilder())
        for size in sizes {
            while tiles.size < UInt64(size) {
                let entry = Array("entry \(tiles.size)".utf8)
                tiles.append(MerkleTree.leafHash(entry))
                try bundles.append(entry)
            }
            try writer.write(tiles: tiles.takeWrites(), bundles: bundles.takeWrites())
        }
        return folder
    }

    @Test func whatWasWrittenIsReadBackAfterACrash() throws {
        let storage = SimulatedStorage()
        _ = try written([70_000], to: storage)
        let folder = LedgerFolder(storage: storage.rebooted())
        let shape = TreeShape(size: 70_000)
        for coordinate in shape.tiles { #expect(try folder.tile(coordinate).width == coordinate.width) }
        for coordinate in shape.bundles(changedSince: 0) {
            let bundle = try folder.bundle(coordinate)
            #expect(Array(bundle[0]) == Array("entry \(coordinate.index << 8)".utf8))
            let tile = try #require(shape.tile(level: 0, holding: coordinate.index << 8))
            #expect(try folder.tile(tile) == bundle.tile)
        }
        let builder = try TileBuilder(size: 70_000) { try folder.tile($0) }
        let leaves = (0..<70_000).map { MerkleTree.leafHash(Array("entry \($0)".utf8)) }
        #expect(builder.root == MerkleTree.root(of: leaves))
    }

    @Test func aPartialTileThatIsGoneIsCutOutOfAWiderOne() throws {
        for last in [300, 600] {
            let storage = SimulatedStorage()
            let folder = try written([260, last], to: storage)
            let before = try #require(TileCoordinate(.hashes(level: 0), index: 1, width: 4))
            let entries = try #require(TileCoordinate(.entries, index: 1, width: 4))
            let (tile, bundle) = (try folder.tile(before), try folder.bundle(entries))
            var writer = LedgerWriter(folder)
            try writer.removePartials(of: before, below: 44)
            try writer.removePartials(of: entries, below: 44)
            #expect(storage.bytes(of: folder.path(of: before)) == nil)
            #expect(try folder.tile(before) == tile)
            #expect(try folder.bundle(entries) == bundle)
            #expect(try folder.bytes(of: entries) == bundle.bytes)
            let tooWide = try #require(TileCoordinate(.hashes(level: 0), index: 2, width: 100))
            #expect(throws: GatewayError.self) { try folder.tile(tooWide) }
        }
    }

    @Test func tornLongAndMissingFilesAreNamed() throws {
        let storage = SimulatedStorage()
        let folder = try written([300], to: storage)
        let tile = try #require(TileCoordinate(.hashes(level: 0), index: 0))
        let bundle = try #require(TileCoordinate(.entries, index: 0))
        for (place, read) in [
            (folder.path(of: tile), { _ = try folder.tile(tile) }),
            (folder.path(of: bundle), { _ = try folder.bundle(bundle) }),
        ] as [(String, () throws -> Void)] {
            for change in [
                { $0.removeLast() }, { $0.append(0) }, { $0 = [] },
                { $0 = [UInt8](repeating: 0, count: 17 << 20) },
            ] as [(inout [UInt8]) -> Void] {
                let before = try #require(storage.bytes(of: place))
                storage.edit(place, change)
                let error = #expect(throws: GatewayError.self) { try read() }
                #expect(error?.code == .ledgerCorrupt)
                #expect(error?.message.contains(place) == true)
                storage.edit(place) { $0 = before }
                try read()
            }
            try storage.remove(place)
            #expect(throws: GatewayError.self) { try read() }
        }
    }

    @Test func theCheckpointIsTheOldOneOrTheNewOneWhereverACrashComes() throws {
        let (old, new) = (Array("the old one\n".utf8), Array("new\n".utf8))
        let dry = SimulatedStorage()
        var writer = LedgerWriter(LedgerFolder(storage: dry))
        try writer.replaceCheckpoint(old)
        let start = dry.calls
        try writer.replaceCheckpoint(new)
        for at in start + 1...dry.calls {
            let storage = SimulatedStorage(fault: .init(at: at, number: 5, isCrash: true))
            var writer = LedgerWriter(LedgerFolder(storage: storage))
            try writer.replaceCheckpoint(old)
            #expect(throws: StorageFailure.self) { try writer.replaceCheckpoint(new) }
            for disk in [storage.rebooted(), storage.copied()] {
                let found = try LedgerFolder(storage: disk).checkpoint()
                #expect(found == old || found == new, "call \(at)")
                var again = LedgerWriter(LedgerFolder(storage: disk))
                try again.replaceCheckpoint(new)
                #expect(try LedgerFolder(storage: disk.rebooted()).checkpoint() == new)
            }
        }
    }
}
