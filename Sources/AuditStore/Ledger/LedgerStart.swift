import AuditLedger
import GatewayCore

/// What is checked before anything more is signed: that key, last signed state, published checkpoint, tree and log belong
/// together. Reads the right edge of the tree and one segment of the log; the full check comes afterwards (`LedgerCheck`).
struct LedgerStart {
    var signer: LedgerSigner
    var tiles: TileBuilder
    var bundles: BundleBuilder
    /// The published checkpoint; nil when there is none yet.
    var published: (note: SignedNote, head: TreeHead)?

    /// Errors: `ledger_refused`, `ledger_corrupt`, `wrong_vault_key`, `ledger_failed`; each says what and what to do.
    static func run(
        _ storage: any LogStorage, _ options: LedgerOptions, log: LogRecovery
    ) throws(GatewayError) -> LedgerStart {
        let names = try list(storage)
        guard names.contains(SignerKey.folder) else {
            return try begin(storage, options, log, besides: names)
        }
        let folder = LedgerFolder(storage: storage)
        guard let key = try SignerKey.load(storage, options) else { throw missing(SignerKey.path) }
        guard let state = try SignerState.load(storage, key: key.verifierKey) else { throw missing(SignerState.path) }
        let (tiles, partial) = try edge(of: state.head, in: folder)
        try LogTail.check(state, partial: partial, storage, log)
        var published: (note: SignedNote, head: TreeHead)?
        if let checkpoint = try folder.checkpoint() {
            let read = try SignedHead.read(checkpoint, by: key.verifierKey, at: folder.checkpointPath)
            guard read.head.size <= state.head.size else {
                throw .ledgerRefusal(
                    "The published checkpoint covers \(read.head.size) entries, but \(SignerState.path) only \(state.head.size): it is an older copy."
                )
            }
            try LedgerSigner.check(read.head, isStartOf: state.head, folder)
            published = read
        }
        do throws(LedgerFormatError) {
            return LedgerStart(
                signer: LedgerSigner(key, state: state, storage: storage), tiles: tiles,
                bundles: try BundleBuilder(size: state.head.size, partial: partial), published: published)
        } catch {
            throw .ledgerDamage(folder.name, error.reason)
        }
    }

    /// The first start of a log: a key, and a state of the empty tree. Both appear in one step, so that one without the
    /// other is always a loss.
    private static func begin(
        _ storage: any LogStorage, _ options: LedgerOptions, _ log: LogRecovery, besides names: [String]
    ) throws(GatewayError) -> LedgerStart {
        guard !names.contains(LedgerFolder.standardName) else { throw missing(SignerKey.folder) }
        let place = try LogTail.first(storage, log)
        if !options.startsNewLog {
            guard !names.contains(where: { $0.hasPrefix(SignerKey.folder + ".old-") }) else {
                throw .ledgerRefusal("The log was ended, and no new one has begun.")
            }
            guard place.leaf == 0 else {
                throw .ledgerRefusal("The log's first \(place.leaf) entries are in a ledger that is missing.")
            }
        }
        var signer = try SignerKey.load(storage, options)
        var file: [UInt8]?
        if signer == nil {
            let made = try SignerKey.make(options)
            (signer, file) = (made.signer, made.file)
        }
        guard let signer else { throw missing(SignerKey.path) }
        let state = try LedgerSigner.empty(
            signer, firstLeaf: place.leaf, position: place.position, segment: place.segment)
        do throws(StorageFailure) {
            let new = SignerKey.folder + ".new"
            try storage.makeDirectory(new)
            if let file { try storage.replace(new + "/key", with: file) }
            try storage.replace(new + "/state", with: state.bytes)
            try storage.rename(new, to: SignerKey.folder)
            try storage.syncDirectory("")
        } catch {
            throw .ledgerFailure(error)
        }
        return LedgerStart(
            signer: LedgerSigner(signer, state: state, storage: storage), tiles: TileBuilder(),
            bundles: BundleBuilder(), published: nil)
    }

    /// The right edge of the signed tree, as it is on disk, and its last bundle when that is partial.
    private static func edge(
        of head: TreeHead, in folder: LedgerFolder
    ) throws(GatewayError) -> (tiles: TileBuilder, partial: EntryBundle?) {
        let shape = TreeShape(size: head.size)
        let paths = shape.rightEdge.map { folder.path(of: $0) }
        let tiles: TileBuilder
        do {
            tiles = try TileBuilder(size: head.size) { try folder.tile($0) }
        } catch let error as GatewayError {
            throw error
        } catch {
            throw .ledgerDamage(paths.first ?? folder.name, "\(error)")
        }
        guard tiles.head == head else {
            throw .ledgerRefusal(
                "The tree's right edge (\(paths.joined(separator: ", "))) does not hash to the root that was signed.")
        }
        guard head.size & 255 > 0, let last = shape.bundle(holding: head.size - 1) else { return (tiles, nil) }
        let bundle = try folder.bundle(last)
        guard let over = shape.tile(level: 0, holding: head.size - 1), try bundle.tile == folder.tile(over) else {
            throw .ledgerRefusal("The entries in \(folder.path(of: last)) are not those that were signed.")
        }
        return (tiles, bundle)
    }

    private static func list(_ storage: any LogStorage) throws(GatewayError) -> [String] {
        do throws(StorageFailure) {
            return try storage.list("")
        } catch {
            throw .ledgerFailure(error)
        }
    }

    private static func missing(_ path: String) -> GatewayError {
        .ledgerRefusal("The log was signed before, but \(path) is missing.")
    }
}
