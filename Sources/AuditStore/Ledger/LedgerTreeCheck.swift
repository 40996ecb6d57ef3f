import AuditLedger
import Dispatch
import GatewayCore
import Synchronization

/// Makes the tree again from the entry bundles and holds it against every tile. Memory is that of a few bundles,
/// whatever the size.
///
/// Leaves are hashed and read on all cores, a wave of bundles at a time; the tree itself grows on the calling thread.
struct LedgerTreeCheck {
    /// Bundles in hand at once.
    private static let wave: UInt64 = 64

    /// One bundle, looked at by itself.
    private struct Looked: Sendable {
        var hashes: [TreeHash] = []
        var leaves: [LeafFacts] = []
        var problem: LedgerProblem?
    }

    let files: LedgerFiles
    let head: TreeHead
    let workers: Int
    /// Whether the log had entries before this tree was begun; nil when that is not known.
    private var isAnew: Bool?

    /// The tree over all entries; what was appended goes on from here.
    private(set) var tree = TileBuilder()
    /// Sessions that have not ended, with what their entries added up to.
    private(set) var open: [RecordID: SessionTally] = [:]
    private(set) var sessions: UInt64 = 0
    /// Sessions that an entry says to be erased.
    private(set) var erased: Set<RecordID> = []
    private(set) var tiles: UInt64 = 0
    private(set) var bundles: UInt64 = 0
    /// Partial tiles by level: only the last one of each is compared.
    private var edge: [Int: TileWrite] = [:]
    /// Sessions that had entries before the tree was begun.
    private var older: Set<RecordID> = []
    /// What is wrong unless the tree turns out to be a log begun anew.
    private var early: LedgerProblem?

    init(files: LedgerFiles, head: TreeHead, workers: Int, isAnew: Bool?) {
        self.isAnew = isAnew
        self.files = files
        self.head = head
        self.workers = workers
    }

    /// Throws `LedgerProblem`, and what `report` throws. `ended` gets the sessions that ended in each wave.
    mutating func run(
        _ report: (LedgerCheckProgress) throws -> Void, ended: ([(key: RecordID, value: SessionTally)]) throws -> Void
    ) throws {
        let shape = TreeShape(size: head.size)
        let count = head.size >> 8 + (head.size & 255 > 0 ? 1 : 0)
        var next: UInt64 = 0
        while next < count {
            try report(LedgerCheckProgress(stage: .entries, done: next << 8, total: head.size))
            let coordinates = (next..<min(next + Self.wave, count)).compactMap { shape.bundle(holding: $0 << 8) }
            var closed: [(key: RecordID, value: SessionTally)] = []
            for (coordinate, looked) in zip(coordinates, look(coordinates)) {
                // What came before a bad entry is taken in first, so that the first bad thing is the one named.
                try add(looked, of: coordinate, &closed)
                if let problem = looked.problem { throw problem }
            }
            try compareTiles()
            try ended(closed)
            next += UInt64(coordinates.count)
        }
        for write in edge.values { try compare(write) }
        bundles = count
        guard tree.root == head.root else {
            throw LedgerProblem(
                .checkpoint, "the entries lead to another root than the checkpoint's",
                file: files.folder + LedgerFiles.checkpointName)
        }
        if let early { throw early }
        try report(LedgerCheckProgress(stage: .entries, done: head.size, total: head.size))
    }

    private func look(_ coordinates: [TileCoordinate]) -> [Looked] {
        let files = self.files
        return parallel(coordinates.count, workers: workers) { place in Self.look(coordinates[place], files) }
    }

    private static func look(_ coordinate: TileCoordinate, _ files: LedgerFiles) -> Looked {
        var looked = Looked()
        do throws(LedgerProblem) {
            let bundle = try files.bundle(coordinate)
            looked.hashes.reserveCapacity(bundle.width)
            looked.leaves.reserveCapacity(bundle.width)
            for position in 0..<bundle.width {
                guard let leaf = try? LeafFacts(Array(bundle[position])) else {
                    throw LedgerProblem(
                        .entry, "is no leaf in canonical form", file: files.path(coordinate),
                        index: coordinate.index << 8 + UInt64(position))
                }
                looked.leaves.append(leaf)
                looked.hashes.append(bundle.leafHash(at: position))
            }
        } catch {
            looked.problem = error
        }
        return looked
    }

    private mutating func add(
        _ looked: Looked, of coordinate: TileCoordinate, _ closed: inout [(key: RecordID, value: SessionTally)]
    ) throws(LedgerProblem) {
        for (leaf, hash) in zip(looked.leaves, looked.hashes) {
            let index = tree.size
            tree.append(hash)
            let known = open[leaf.session]?.entries
            var next = known ?? 0
            if leaf.sequence != next {
                let problem = LedgerProblem(
                    .sequence, "the entry's sequence is \(leaf.sequence), its session's next is \(next)",
                    file: files.path(coordinate), index: index, session: leaf.session)
                guard known == nil, isAnew != false, older.insert(leaf.session).inserted else { throw problem }
                if isAnew == nil, early == nil { early = problem }
                next = leaf.sequence
            }
            if known == nil { sessions += 1 }
            open[leaf.session, default: SessionTally(from: next)].add(leaf, hash: hash)
            switch leaf.effect {
            case .closed:
                if let tally = open.removeValue(forKey: leaf.session) { closed.append((leaf.session, tally)) }
            case .erased(let session): erased.insert(session)
            case .newLog where isAnew == nil:
                isAnew = true
                early = nil
            default: break
            }
        }
    }

    private mutating func compareTiles() throws(LedgerProblem) {
        for write in tree.takeWrites() {
            guard case .hashes(let level) = write.coordinate.kind else { continue }
            // A partial tile widens with every wave; only what it is in the end is a file.
            edge[level] = write.coordinate.isFull ? nil : write
            if write.coordinate.isFull { try compare(write) }
        }
    }

    private mutating func compare(_ write: TileWrite) throws(LedgerProblem) {
        tiles += 1
        let bytes = write.bytes
        let found = try files.bytes(write.coordinate)
        guard found == bytes else { throw files.mismatch(write, found) }
    }
}

extension LedgerFiles {
    /// Names the first hash that is not the one the entries lead to.
    func mismatch(_ write: TileWrite, _ found: [UInt8]) -> LedgerProblem {
        let place = zip(write.bytes, found).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        guard let place, case .hashes(let level) = write.coordinate.kind else {
            return LedgerProblem(.tile, "has another length", file: path(write.coordinate))
        }
        let index = (write.coordinate.index << 8 + UInt64(place / TreeHash.length)) << UInt64(8 * min(level, 7))
        // Which of the two was touched, nobody can say from here.
        let first = TreeShape(size: .max).bundle(holding: index & ~255)
        let entries = level == 0 ? first.map { path($0) } ?? "its entries" : "the tiles below"
        return LedgerProblem(
            .tile, "and \(entries) do not agree", file: path(write.coordinate), index: index)
    }
}

/// The results of `body` for 0, 1, ... `count` - 1, made on up to `workers` threads, the calling one among them.
func parallel<Result: Sendable>(
    _ count: Int, workers: Int, _ body: @escaping @Sendable (Int) -> Result
) -> [Result] {
    guard workers > 1, count > 1 else { return (0..<count).map(body) }
    let slots = Slots<Result>(count)
    DispatchQueue.concurrentPerform(iterations: count) { place in slots.set(place, body(place)) }
    return slots.all
}

/// Places that threads fill one by one.
private final class Slots<Value: Sendable>: Sendable {
    private let values: Mutex<[Value?]>

    init(_ count: Int) {
        values = Mutex(Array(repeating: nil, count: count))
    }

    func set(_ place: Int, _ value: Value) {
        values.withLock { $0[place] = value }
    }

    var all: [Value] { values.withLock { $0.compactMap(\.self) } }
}
