import AuditLedger
import GatewayCore
import Synchronization

/// The published checkpoint and those signed since, which may take its place. Any thread may call it; one publication at a
/// time.
final class CheckpointBoard: Sendable {
    private struct Signed {
        var head: TreeHead
        var position: UInt64
    }

    private struct State {
        var writer: LedgerWriter
        var published: PublishedCheckpoint?
        /// What may be published, oldest first; the published one leads.
        var signed: [Signed] = []
    }

    /// Of the checkpoints held back so many are remembered; older ones than these are not worth publishing any more.
    private static let mostSigned = 1024

    private let state: Mutex<State>
    private let folder: LedgerFolder
    private let key: NoteVerifierKey
    private let now: @Sendable () -> Timestamp
    /// For readers, who should not wait for a disk.
    private let shown: Mutex<PublishedCheckpoint?>

    init(
        _ folder: LedgerFolder, published: (note: SignedNote, head: TreeHead)?, state: SignerState,
        key: NoteVerifierKey, now: @escaping @Sendable () -> Timestamp
    ) {
        self.folder = folder
        self.key = key
        self.now = now
        let known = published.map { published in
            // Of an older checkpoint nobody remembers the place; no entry is promised by it that the log lacks.
            let position = published.head == state.head ? LogPosition(state.position) : .start
            return PublishedCheckpoint(note: published.note, head: published.head, position: position, time: now())
        }
        shown = Mutex(known)
        let signed = known.map { [Signed(head: $0.head, position: $0.position.offset)] } ?? []
        self.state = Mutex(State(writer: LedgerWriter(folder), published: known, signed: signed))
    }

    var published: PublishedCheckpoint? { shown.withLock { $0 } }

    /// Takes note of a signed state that may be published. False when it is published already or is the empty tree.
    func expect(_ new: SignerState) -> Bool {
        state.withLock { state in
            guard new.head.size > (state.published?.head.size ?? 0) else { return false }
            state.signed.append(Signed(head: new.head, position: new.position))
            if state.signed.count > Self.mostSigned { state.signed.removeFirst(Self.mostSigned / 2) }
            return true
        }
    }

    /// Nil when the note is older than what is published. Errors: `ledger_refused`, `ledger_failed`.
    func publish(_ note: SignedNote) throws(GatewayError) -> PublishedCheckpoint? {
        let head = try SignedHead.read(note.bytes, by: key, at: "to be published").head
        return try state.withLock { (state) throws(GatewayError) in
            if let published = state.published, head.size < published.head.size { return nil }
            guard let signed = state.signed.last(where: { $0.head == head }) else {
                throw .ledgerRefusal(
                    "A checkpoint of \(head.size) entries is to be published that was not signed here.")
            }
            try write(note, head, &state)
            let published = PublishedCheckpoint(
                note: note, head: head, position: LogPosition(signed.position), time: now())
            state.published = published
            state.signed.removeAll { $0.head.size < head.size }
            shown.withLock { $0 = published }
            return published
        }
    }

    /// The log was read up to `position` and no leaf lies past `head`. Returns what is published when it is that.
    func reach(_ position: UInt64, by head: TreeHead) -> PublishedCheckpoint? {
        state.withLock { state in
            guard let known = state.published, known.head == head, known.position.offset < position else { return nil }
            let published = PublishedCheckpoint(
                note: known.note, head: head, position: LogPosition(position), time: known.time)
            state.published = published
            shown.withLock { $0 = published }
            return published
        }
    }

    /// The tiles that the note's tree needs are there before it is; the narrower ones of the trees before it go after.
    private func write(_ note: SignedNote, _ head: TreeHead, _ state: inout State) throws(GatewayError) {
        let before = [state.published?.head.size ?? 0] + state.signed.map(\.head.size).filter { $0 < head.size }
        let after = [head.size] + state.signed.map(\.head.size).filter { $0 > head.size }
        do throws(StorageFailure) {
            try state.writer.replaceCheckpoint(note.bytes)
            guard before.contains(where: { $0 < head.size }) else { return }
            let kept = Set(after.flatMap(Self.rightEdge))
            for place in Set(before.flatMap(Self.rightEdge).map(\.full)) {
                let widths = kept.filter { $0.full == place }.map(\.width)
                let width = Self.rightEdge(of: head.size).first { $0.full == place }?.width
                try state.writer.removePartials(of: place, below: width ?? TileCoordinate.fullWidth, but: widths)
            }
        } catch {
            throw .ledgerFailure(error)
        }
    }

    /// The partial tiles of a tree and its partial bundle.
    static func rightEdge(of size: UInt64) -> [TileCoordinate] {
        let shape = TreeShape(size: size)
        let bundle = size > 0 ? shape.bundle(holding: size - 1) : nil
        return shape.rightEdge + [bundle].compactMap { $0 }.filter { !$0.isFull }
    }
}
