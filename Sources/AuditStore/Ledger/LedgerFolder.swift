package import AuditLedger
package import GatewayCore

/// A ledger's tiles, entry bundles and checkpoint on disk, laid out as C2SP tlog-tiles publishes them:
/// `ledger/checkpoint`, `ledger/tile/<L>/<N>[.p/<W>]`, `ledger/tile/entries/<N>[.p/<W>]`.
///
/// Of the partial tiles only those of the newest checkpoints are kept; a narrower one is the start of a wider one and is
/// cut out of it. Nothing is cached, nothing read is believed: who reads a tile compares it with a signed root.
package struct LedgerFolder: Sendable {
    package static let standardName = "ledger"
    /// Bytes of the longest checkpoint that is read, cosignatures included.
    static let checkpointLimit = 256 << 10
    static let longestBundle = TileCoordinate.fullWidth * (2 + EntryBundle.maximumEntryLength)

    package let storage: any LogStorage
    /// Relative to the data folder: `ledger`, or `ledger.old-1` of a log that was ended.
    package let name: String

    package init(storage: any LogStorage, name: String = standardName) {
        self.storage = storage
        self.name = name
    }

    package func path(of coordinate: TileCoordinate) -> String { name + "/" + coordinate.path }

    package var checkpointPath: String { name + "/checkpoint" }

    /// The published checkpoint, a signed note; nil when none was published. Errors: `ledger_failed`.
    package func checkpoint() throws(GatewayError) -> [UInt8]? {
        try contents(of: checkpointPath, limit: Self.checkpointLimit)
    }

    /// A tile of hashes. Errors: `ledger_corrupt` with its path when it is missing or has the wrong length,
    /// `ledger_failed` when it cannot be read.
    package func tile(_ coordinate: TileCoordinate) throws(GatewayError) -> HashTile {
        for place in places(of: coordinate) {
            guard let bytes = try contents(of: path(of: place), limit: TileCoordinate.fullWidth * TreeHash.length)
            else {
                continue
            }
            do throws(LedgerFormatError) {
                let tile = try HashTile(bytes: bytes, width: place.width)
                if let part = tile.prefix(coordinate.width) { return part }
            } catch {
                throw .ledgerDamage(path(of: place), error.reason)
            }
        }
        throw .ledgerMissing(path(of: coordinate))
    }

    /// An entry bundle. Errors: as of `tile`.
    package func bundle(_ coordinate: TileCoordinate) throws(GatewayError) -> EntryBundle {
        for place in places(of: coordinate) {
            guard let bytes = try contents(of: path(of: place), limit: Self.longestBundle) else { continue }
            do throws(LedgerFormatError) {
                let bundle = try EntryBundle(bytes: bytes, width: place.width)
                if let part = bundle.prefix(coordinate.width) { return part }
            } catch {
                throw .ledgerDamage(path(of: place), error.reason)
            }
        }
        throw .ledgerMissing(path(of: coordinate))
    }

    /// A tile's or bundle's bytes. Errors: as of `tile`.
    package func bytes(of coordinate: TileCoordinate) throws(GatewayError) -> [UInt8] {
        switch coordinate.kind {
        case .hashes: try tile(coordinate).bytes
        case .entries: try bundle(coordinate).bytes
        }
    }

    /// Where a tile may be found: as itself, in the full one, in a wider partial one.
    private func places(of coordinate: TileCoordinate) -> [TileCoordinate] {
        guard !coordinate.isFull else { return [coordinate] }
        let wider = partialWidths(of: coordinate).filter { $0 > coordinate.width }.sorted().compactMap {
            TileCoordinate(coordinate.kind, index: coordinate.index, width: $0)
        }
        // The full one once more: it may have taken the place of a partial one between two looks.
        return [coordinate, coordinate.full] + wider + [coordinate.full]
    }

    /// Widths of the partial tiles there are at a tile's place.
    func partialWidths(of coordinate: TileCoordinate) -> [Int] {
        // Without such a folder there are none.
        ((try? storage.list(path(of: coordinate.full) + ".p")) ?? []).compactMap { Int($0) }
    }

    private func contents(of path: String, limit: Int) throws(GatewayError) -> [UInt8]? {
        do throws(StorageFailure) {
            return try storage.contents(of: path, limit: limit)
        } catch {
            if error.number == 27 { throw .ledgerDamage(path, "longer than \(limit) bytes") }
            throw .ledgerFailure(error)
        }
    }
}
