import AuditLedger
import GatewayCore

/// What lies in the ledger's folder besides the files of the checkpoint's tree: the partial tiles of smaller trees, and
/// what a crash, or a running gateway, wrote ahead of the checkpoint.
struct LedgerRest {
    let files: LedgerFiles
    let size: UInt64
    /// Files of the tree itself: checked already.
    private(set) var known: UInt64 = 0
    /// Files past the tree.
    private(set) var ahead: Set<TileCoordinate> = []
    /// At most so many are looked at; a second's worth of entries has far fewer.
    private static let mostAhead = 100_000
    private var last: (coordinate: TileCoordinate, bytes: [UInt8])?

    init(files: LedgerFiles, size: UInt64) {
        self.files = files
        self.size = size
    }

    /// Looks at one file; throws `LedgerProblem` when an older partial tile is not the start of the present one.
    mutating func add(_ coordinate: TileCoordinate) throws {
        if coordinate.exists(inTreeOf: size) {
            known += 1
            return
        }
        guard let now = holder(of: coordinate) else {
            guard ahead.count < Self.mostAhead else {
                throw LedgerProblem(
                    .file, "is past the checkpoint, as are too many others", file: files.path(coordinate))
            }
            ahead.insert(coordinate)
            return
        }
        if last?.coordinate != now { last = (now, try files.bytes(now)) }
        guard let current = last?.bytes, let found = try files.read(coordinate) else {
            // A gateway that runs may have removed it since.
            return
        }
        guard found == (try start(of: current, now, coordinate.width)) else {
            throw LedgerProblem(
                .tile, "is not the start of \(now.path)", file: files.path(coordinate), index: first(coordinate))
        }
    }

    /// The tile of this tree, wider than this one, at the same place.
    private func holder(of coordinate: TileCoordinate) -> TileCoordinate? {
        guard !coordinate.isFull else { return nil }
        let shape = TreeShape(size: size)
        let place = coordinate.index << 8
        let holder =
            switch coordinate.kind {
            case .hashes(let level): shape.tile(level: level, holding: place)
            case .entries: shape.bundle(holding: place)
            }
        guard let holder, holder.width > coordinate.width else { return nil }
        return holder
    }

    private func start(of bytes: [UInt8], _ coordinate: TileCoordinate, _ width: Int) throws -> [UInt8] {
        guard coordinate.kind == .entries else { return Array(bytes.prefix(width * TreeHash.length)) }
        return LedgerFiles.prefix(try EntryBundle(bytes: bytes, width: coordinate.width), width)
    }

    private func first(_ coordinate: TileCoordinate) -> UInt64 {
        guard case .hashes(let level) = coordinate.kind else { return coordinate.index << 8 }
        return level < 7 ? (coordinate.index << 8) << UInt64(8 * level) : 0
    }

    /// Compares the files past the tree with what the log's next entries make of it.
    mutating func take(_ tiles: [TileWrite], _ bundles: [BundleWrite]) throws {
        for write in tiles where ahead.remove(write.coordinate) != nil {
            guard let found = try files.read(write.coordinate) else { continue }
            guard found == write.bytes else { throw files.mismatch(write, found) }
        }
        for write in bundles where ahead.remove(write.coordinate) != nil {
            guard let found = try files.read(write.coordinate) else { continue }
            guard found == write.bytes else {
                throw LedgerProblem(
                    .entry, "is not what the log holds", file: files.path(write.coordinate),
                    index: write.coordinate.index << 8)
            }
        }
    }
}
