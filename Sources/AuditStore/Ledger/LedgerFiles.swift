import AuditLedger
import GatewayCore

/// Reads the files of a ledger for a check: each of a bounded length, nothing kept.
struct LedgerFiles: Sendable {
    static let checkpointName = "checkpoint"

    let storage: any LogStorage
    /// The ledger's folder within the storage, with its slash: `ledger/`.
    let folder: String

    /// Nil when there is no such file.
    func read(_ name: String, atMost limit: Int) throws(LedgerProblem) -> [UInt8]? {
        let path = folder + name
        do throws(StorageFailure) {
            let file = try storage.open(path, create: false)
            let size = try file.size()
            if size <= UInt64(limit) { return try file.read(Int(size), at: 0) }
        } catch {
            if error.number == 2 { return nil }
            throw LedgerProblem(.file, "cannot be read (error \(error.number))", file: path)
        }
        throw LedgerProblem(.file, "is longer than \(limit) bytes", file: path)
    }

    func read(_ coordinate: TileCoordinate) throws(LedgerProblem) -> [UInt8]? {
        try read(coordinate.path, atMost: Self.limit(coordinate))
    }

    /// The file's bytes; when a wider tile took its place, the start of that one. A running gateway removes a partial
    /// tile once there is a wider one.
    func bytes(_ coordinate: TileCoordinate) throws(LedgerProblem) -> [UInt8] {
        if let found = try read(coordinate) { return found }
        for wider in wider(than: coordinate) {
            guard let found = try read(wider) else { continue }
            switch coordinate.kind {
            case .hashes:
                let width = coordinate.width * TreeHash.length
                if found.count >= width { return Array(found.prefix(width)) }
            case .entries:
                if let bundle = try? EntryBundle(bytes: found, width: wider.width) {
                    return Self.prefix(bundle, coordinate.width)
                }
            }
        }
        throw LedgerProblem(.file, "is missing", file: path(coordinate))
    }

    private func wider(than coordinate: TileCoordinate) -> [TileCoordinate] {
        guard !coordinate.isFull else { return [] }
        let names = (try? storage.list(path(coordinate.full) + ".p")) ?? []
        let partial = names.compactMap { TileCoordinate(path: coordinate.full.path + ".p/" + $0) }
            .filter { $0.width > coordinate.width }
        // The full one last too: it may have come while the partial ones were looked for.
        return [coordinate.full] + partial + [coordinate.full]
    }

    func bundle(_ coordinate: TileCoordinate) throws(LedgerProblem) -> EntryBundle {
        let bytes = try bytes(coordinate)
        do throws(LedgerFormatError) {
            return try EntryBundle(bytes: bytes, width: coordinate.width)
        } catch {
            throw LedgerProblem(.entry, error.reason, file: path(coordinate))
        }
    }

    func tile(_ coordinate: TileCoordinate) throws(LedgerProblem) -> HashTile {
        let bytes = try bytes(coordinate)
        do throws(LedgerFormatError) {
            return try HashTile(bytes: bytes, width: coordinate.width)
        } catch {
            throw LedgerProblem(.tile, error.reason, file: path(coordinate))
        }
    }

    func path(_ coordinate: TileCoordinate) -> String { folder + coordinate.path }

    /// The bytes of a bundle's first entries.
    static func prefix(_ bundle: EntryBundle, _ width: Int) -> [UInt8] {
        width < bundle.width ? Array(bundle.bytes[..<(bundle[width].startIndex - 2)]) : bundle.bytes
    }

    private static func limit(_ coordinate: TileCoordinate) -> Int {
        switch coordinate.kind {
        case .hashes: coordinate.width * TreeHash.length
        case .entries: coordinate.width * (2 + EntryBundle.maximumEntryLength)
        }
    }

    /// Calls `body` with the name of each file, in no order. What is no part of a ledger is a problem.
    ///
    /// `others` are files that may lie beside checkpoint and tiles.
    func walk(others: Set<String>, _ body: (TileCoordinate) throws -> Void) throws {
        for name in try list("") where name != Self.checkpointName && !others.contains(name) {
            guard name == "tile" else { throw LedgerProblem(.file, "is no part of a ledger", file: folder + name) }
        }
        for level in try list("tile") { try walk("tile/" + level, body) }
    }

    private func walk(_ path: String, _ body: (TileCoordinate) throws -> Void) throws {
        // Three levels of a thousand million each; a deeper folder is no tile's.
        guard path.utf8.count <= 48 else { throw LedgerProblem(.file, "is no part of a ledger", file: folder + path) }
        for name in try list(path) {
            let inner = path + "/" + name
            if name.hasPrefix("x") || name.hasSuffix(".p") {
                try walk(inner, body)
            } else {
                guard let coordinate = TileCoordinate(path: inner) else {
                    throw LedgerProblem(.file, "is no part of a ledger", file: folder + inner)
                }
                try body(coordinate)
            }
        }
    }

    private func list(_ path: String) throws(LedgerProblem) -> [String] {
        let full = path.isEmpty ? String(folder.dropLast()) : folder + path
        do throws(StorageFailure) {
            return try storage.list(full)
        } catch {
            if error.number == 2, path == "tile" { return [] }
            throw LedgerProblem(.file, error.number == 20 ? "is no folder" : "cannot be listed", file: full)
        }
    }
}
