import AuditLedger
import GatewayCore

/// Holds the write-ahead log, as far as its segments are still there, against the tree: entry by entry up to the
/// checkpoint, and from there on the files that were written ahead of it.
struct LedgerLogCheck {
    let files: LedgerFiles
    let head: TreeHead
    /// The log's index of the tree's first entry.
    let firstLeaf: UInt64
    /// What the signer signed last, when it is known.
    let lastSigned: TreeHead?
    private(set) var compared: UInt64 = 0
    private(set) var uncovered: UInt64 = 0

    /// Sessions that entries past the checkpoint say to be erased.
    private(set) var erased: Set<RecordID> = []

    private var tree: TileBuilder
    private var bundles: BundleBuilder
    private var rest: LedgerRest
    /// Whether the tree has been seen at the size that was signed last.
    private var sawSigned: Bool
    private var current: (coordinate: TileCoordinate, bundle: EntryBundle)?

    /// `tree` is the checkpoint's.
    init(
        files: LedgerFiles, head: TreeHead, tree: TileBuilder, rest: LedgerRest, firstLeaf: UInt64,
        lastSigned: TreeHead?
    ) throws {
        self.firstLeaf = firstLeaf
        self.files = files
        self.head = head
        self.tree = tree
        self.rest = rest
        self.lastSigned = lastSigned
        sawSigned = true
        let shape = TreeShape(size: head.size)
        let partial =
            head.size & 255 > 0 ? try shape.bundle(holding: head.size - 1).map { try files.bundle($0) } : nil
        bundles = try BundleBuilder(size: head.size, partial: partial)
        if let lastSigned {
            sawSigned = lastSigned.size == head.size
            guard lastSigned.size >= head.size else {
                throw LedgerProblem(
                    .signer,
                    "the signer signed \(lastSigned.size) entries last, but the checkpoint has \(head.size)")
            }
            guard !sawSigned || lastSigned.root == head.root else {
                throw LedgerProblem(.signer, "the signer signed another tree of \(head.size) entries last")
            }
        }
    }

    /// Reads the log. Throws `LedgerProblem`, and what `report` throws.
    mutating func run(isLive: Bool, _ report: (LedgerCheckProgress) throws -> Void) throws {
        let folder = SegmentFolder(storage: files.storage)
        let numbers = try files.storage.list("wal").compactMap { SegmentHeader.number(of: $0) }.sorted()
        var next: (number: UInt64, leaf: UInt64, position: UInt64)?
        var last: UInt64 = 0
        for (place, number) in numbers.enumerated() {
            try report(LedgerCheckProgress(stage: .log, done: UInt64(place), total: UInt64(numbers.count)))
            // One that was never begun; or, while a gateway runs, one that was removed just now, and with it all before.
            guard var reader = try folder.open(number) else {
                next = nil
                continue
            }
            if isLive, let open = next, open.number == number, open.leaf != reader.firstLeaf {
                // The one before was still being written when its end was read; now that there is this one, it is whole.
                next = nil
                if var before = try folder.open(number - 1) {
                    before.seek(open.position)
                    next = (number, try take(&before, from: open.leaf), before.position)
                }
            }
            // Segments that a later checkpoint covers have gone since this one's was read.
            if isLive, next == nil, reader.firstLeaf > firstLeaf, reader.firstLeaf - firstLeaf > tree.size { return }
            if let next, next.number != number || next.leaf != reader.firstLeaf {
                throw LedgerProblem(
                    .log, "does not go on where the one before ends", file: reader.path,
                    index: max(next.leaf, firstLeaf) - firstLeaf)
            }
            last = try take(&reader, from: reader.firstLeaf)
            next = (number + 1, last, reader.position)
        }
        let end = max(last, firstLeaf) - firstLeaf
        guard end >= head.size else {
            throw LedgerProblem(
                .log, "the log ends before the checkpoint's \(head.size) entries", file: "wal", index: end)
        }
        guard sawSigned else {
            throw LedgerProblem(
                .signer, "the signer signed \(lastSigned?.size ?? 0) entries last, but the log has only \(end)")
        }
        // Of a running gateway there may be files by now whose entries were not in the log when it was read.
        if !isLive, let left = rest.ahead.first {
            throw LedgerProblem(.file, "is covered neither by the checkpoint nor by the log", file: files.path(left))
        }
    }

    /// Takes a segment's entries from where the reader is; `leaf` is the first one's index. Returns the next one's.
    private mutating func take(_ reader: inout SegmentReader, from leaf: UInt64) throws -> UInt64 {
        var leaf = leaf
        while let record = try reader.next() {
            guard record.kind == .leaf else { continue }
            defer { leaf += 1 }
            // Entries of a log that was ended before this one began.
            guard leaf >= firstLeaf else { continue }
            try take(record.payload, at: leaf - firstLeaf, of: reader.path)
        }
        return leaf
    }

    private mutating func take(_ leaf: [UInt8], at index: UInt64, of path: String) throws {
        guard index >= head.size else {
            compared += 1
            return try compare(leaf, at: index, of: path)
        }
        // Segments are read in their order, so that nothing is skipped on the way here.
        guard index == tree.size else {
            throw LedgerProblem(.log, "has no entries from \(tree.size) on", file: path, index: index)
        }
        uncovered += 1
        tree.append(MerkleTree.leafHash(leaf))
        if case .erased(let session) = try? LeafFacts(leaf)?.effect { erased.insert(session) }
        if !rest.ahead.isEmpty {
            try bundles.append(leaf)
            try rest.take(tree.takeWrites(), bundles.takeWrites())
        }
        guard let lastSigned, tree.size == lastSigned.size else { return }
        guard tree.root == lastSigned.root else {
            throw LedgerProblem(.signer, "the signer signed another tree of \(lastSigned.size) entries last")
        }
        sawSigned = true
    }

    private mutating func compare(_ leaf: [UInt8], at index: UInt64, of path: String) throws {
        guard let coordinate = TreeShape(size: head.size).bundle(holding: index) else { return }
        if current?.coordinate != coordinate { current = (coordinate, try files.bundle(coordinate)) }
        guard let bundle = current?.bundle, bundle[Int(index & 255)].elementsEqual(leaf) else {
            throw LedgerProblem(.log, "has another entry than \(files.path(coordinate))", file: path, index: index)
        }
    }
}
