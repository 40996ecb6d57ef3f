import AuditLedger
import GatewayCore

/// One session's entries as the ledger has them, in their order, with their indexes. Reads the bundles from where the
/// time in the session's id points to up to the session's close, or to the end of the tree.
struct SessionEntries {
    struct Entry {
        var index: UInt64
        var bytes: [UInt8]
        var leaf: Leaf
    }

    private let session: RecordID
    private let folder: LedgerFolder
    private let size: UInt64
    private let needle: [UInt8]
    private var bundle: EntryBundle?
    private var position: UInt64?
    private var sequence: UInt64 = 0
    private var isClosed = false
    private var hasRewound = false

    init(_ session: RecordID, _ folder: LedgerFolder, size: UInt64) {
        self.session = session
        self.folder = folder
        self.size = size
        needle = Array("\"session\":\"\(session)\"".utf8)
    }

    /// Nil after the last one. Throws `LedgerProblem` for a gap in the sequence; errors of `LedgerFolder`.
    mutating func next() throws -> Entry? {
        guard !isClosed else { return nil }
        var place = try position ?? start()
        defer { position = place }
        while true {
            guard place < size, let coordinate = TreeShape(size: size).bundle(holding: place) else {
                guard rewinds(&place) else { return nil }
                continue
            }
            if bundle == nil || place & 255 == 0 { bundle = try folder.bundle(coordinate) }
            guard let bundle, place & 255 > 0 || EntryFinder.holds(needle, in: bundle.bytes[...]) else {
                place = (place >> 8 + 1) << 8
                continue
            }
            let index = place
            let entry = bundle[Int(index & 255)]
            place += 1
            guard EntryFinder.holds(needle, in: entry), let leaf = try? Leaf(Array(entry)), leaf.session == session
            else { continue }
            guard leaf.sequence == sequence else {
                if rewinds(&place) { continue }
                throw LedgerProblem(
                    .sequence, "the entry's sequence is not \(sequence)", index: index, session: session)
            }
            sequence += 1
            isClosed = leaf.type == .sessionClose
            return Entry(index: index, bytes: Array(entry), leaf: leaf)
        }
    }

    /// A little before where the id's time points to: the session's first entry comes after its id was made.
    private mutating func start() throws -> UInt64 {
        guard size > 0 else { return 0 }
        var finder = EntryFinder(folder, size: size)
        let place = max(try finder.place(of: session), 1) - 1
        hasRewound = place == 0
        return place << 8
    }

    /// Once, when the first entry was not found after its time: a clock was set, so the tree is read from its start.
    private mutating func rewinds(_ place: inout UInt64) -> Bool {
        guard sequence == 0, !hasRewound else { return false }
        hasRewound = true
        bundle = nil
        place = 0
        return true
    }
}
