package import AuditLedger
package import GatewayCore

/// What sinks read: the entry bundles of the ledger up to the last signed state, and before them those of logs that were
/// ended (`audit new-log`).
///
/// Bundles are never removed, unlike segments of the write-ahead log: a sink that was down for a year finds every entry. The
/// last signed state, not the published checkpoint, is the end: witnesses do not hold sinks up. Reading takes no lock that
/// recording waits for.
package struct SinkSource: Sendable {
    private struct Log {
        var origin: String
        var folder: LedgerFolder
        var size: @Sendable () -> UInt64
        /// It gets no more entries.
        var isEnded: Bool
    }

    /// Oldest first; the last one is the current one.
    private let logs: [Log]

    /// Of a running gateway; `storage` is the data folder's.
    package init(_ ledger: LedgerKeeper, storage: any LogStorage) {
        let current = Log(
            origin: ledger.origin, folder: ledger.folder, size: { ledger.head.size }, isEnded: false)
        logs = Self.ended(storage) + [current]
    }

    /// Of a data folder that no gateway runs on; nil when nothing was ever signed there.
    package init?(offline storage: any LogStorage) {
        guard let last = SignerState.peek(storage, folder: SignerKey.folder) else { return nil }
        let current = Log(
            origin: last.origin, folder: LedgerFolder(storage: storage), size: { last.head.size }, isEnded: false)
        logs = Self.ended(storage) + [current]
    }

    private static func ended(_ storage: any LogStorage) -> [Log] {
        let start = LedgerFolder.standardName + ".old-"
        let names = (try? storage.list("")) ?? []
        let numbers = names.compactMap { $0.hasPrefix(start) ? UInt($0.dropFirst(start.count)) : nil }.sorted()
        return numbers.compactMap { number in
            // Only the end of what may be read; each entry is taken from its bundle.
            guard let last = SignerState.peek(storage, folder: "\(SignerKey.folder).old-\(number)") else { return nil }
            return Log(
                origin: last.origin, folder: LedgerFolder(storage: storage, name: start + String(number)),
                size: { last.head.size }, isEnded: true)
        }
    }

    // MARK: Places

    /// Before the first entry that there is.
    package var start: SinkCursor { SinkCursor(origin: logs.first?.origin ?? "", next: 0) }

    /// Behind the last entry that there is now.
    package var end: SinkCursor { SinkCursor(origin: logs.last?.origin ?? "", next: logs.last?.size() ?? 0) }

    /// Entries behind a cursor.
    package func pending(after cursor: SinkCursor) -> UInt64 {
        guard let place = place(of: cursor) else { return 0 }
        let here = logs[place.log].size()
        let rest = logs[(place.log + 1)...].reduce(UInt64(0)) { $0 &+ $1.size() }
        return (here > place.next ? here - place.next : 0) &+ rest
    }

    /// The cursor of a log that is not there means the first entry: better twice than never.
    private func place(of cursor: SinkCursor) -> (log: Int, next: UInt64)? {
        guard !logs.isEmpty else { return nil }
        guard let log = logs.lastIndex(where: { $0.origin == cursor.origin }) else { return (0, 0) }
        return (log, cursor.next)
    }

    /// A cursor that points behind the end, into entries that an older copy of the data folder has lost, is brought back to
    /// the end: what is recorded there from now on is new. Nil when nothing is wrong with it.
    package func corrected(_ cursor: SinkCursor) -> SinkCursor? {
        guard let place = place(of: cursor) else { return nil }
        let log = logs[place.log]
        let next = min(place.next, log.size())
        guard log.origin != cursor.origin || next != cursor.next else { return nil }
        return SinkCursor(origin: log.origin, next: next, file: cursor.file)
    }

    // MARK: Entries

    /// The entries behind a cursor, within the limits; an empty batch when there are none. At most one bundle is in memory
    /// besides the batch.
    ///
    /// Errors: those of `LedgerFolder`.
    package func read(
        after cursor: SinkCursor, _ limits: SinkBatchLimits, as format: ExportFormat
    ) throws(GatewayError) -> SinkBatch {
        guard let place = place(of: cursor) else { return SinkBatch(origin: cursor.origin, first: cursor.next) }
        for number in place.log..<logs.count {
            let log = logs[number]
            let batch = try Self.read(log, from: number == place.log ? place.next : 0, limits, format)
            if !batch.isEmpty || number == logs.count - 1 { return batch }
        }
        return SinkBatch(origin: cursor.origin, first: cursor.next)
    }

    private static func read(
        _ log: Log, from first: UInt64, _ limits: SinkBatchLimits, _ format: ExportFormat
    ) throws(GatewayError) -> SinkBatch {
        var batch = SinkBatch(origin: log.origin, first: first)
        let size = log.size()
        while batch.end < size {
            let bundle: EntryBundle
            do throws(GatewayError) {
                bundle = try Self.bundle(log, at: batch.end, size)
            } catch {
                // An older copy of the data folder was brought back before that log was ended: its last entries are gone.
                if log.isEnded, error.code == .ledgerCorrupt { return batch }
                if batch.isEmpty { throw error }
                return batch
            }
            for position in Int(batch.end & 255)..<bundle.width {
                let leaf = bundle[position]
                let line = format.line(leaf, index: batch.end, origin: log.origin)
                guard batch.add(line, of: leaf, limits: limits) else { return batch }
            }
        }
        return batch
    }

    /// The keeper may replace a partial bundle by a wider one between two looks; then the wider one is there.
    private static func bundle(_ log: Log, at index: UInt64, _ size: UInt64) throws(GatewayError) -> EntryBundle {
        var size = size
        for attempt in 0... {
            guard let coordinate = TreeShape(size: size).bundle(holding: index) else { break }
            do throws(GatewayError) {
                return try log.folder.bundle(coordinate)
            } catch {
                guard error.code == .ledgerCorrupt, attempt < 4 else { throw error }
                size = log.size()
            }
        }
        throw GatewayError(.sinkFailed, "The ledger has no entry \(index).")
    }
}
