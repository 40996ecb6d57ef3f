import AuditLedger
import GatewayCore

/// The log as the ledger's start sees it: where it begins, and whether it holds what was signed.
enum LogTail {
    struct Place {
        var leaf: UInt64
        var position: UInt64
        var segment: UInt64
    }

    /// Where the oldest segment that still exists begins.
    static func first(_ storage: any LogStorage, _ log: LogRecovery) throws(GatewayError) -> Place {
        do throws(StorageFailure) {
            let names = try storage.list("wal") + storage.list("recordings")
            let oldest = names.compactMap(SegmentHeader.number).min()
            if let oldest, let reader = try SegmentFolder(storage: storage).open(oldest) {
                return Place(leaf: reader.firstLeaf, position: reader.first, segment: reader.number)
            }
            return Place(leaf: log.leaves, position: log.end, segment: log.nextSegment)
        } catch {
            throw .ledgerFailure(error)
        }
    }

    /// Throws `ledger_refused` unless the log reaches as far as was signed and its entries there are those of the tree's
    /// last bundle.
    static func check(
        _ state: SignerState, partial: EntryBundle?, _ storage: any LogStorage, _ log: LogRecovery
    ) throws(GatewayError) {
        let (signed, overflow) = state.firstLeaf.addingReportingOverflow(state.head.size)
        guard !overflow, log.leaves >= signed, log.end >= state.position else {
            throw .ledgerRefusal(
                "The log has \(log.leaves) entries, but \(state.firstLeaf &+ state.head.size) were signed: its end was cut off, or it is an older copy."
            )
        }
        let read: (leaf: UInt64, last: [TreeHash])?
        do throws(StorageFailure) {
            read = try walk(state, storage, log)
        } catch {
            throw .ledgerFailure(error)
        }
        guard let (leaf, last) = read, leaf == signed else {
            throw .ledgerRefusal(
                "Position \(state.position) of the log is not where entry \(signed) begins: the log is another than the one signed."
            )
        }
        guard let partial else { return }
        for (place, hash) in last.reversed().prefix(partial.width).enumerated()
        where partial.leafHash(at: partial.width - 1 - place) != hash {
            throw .ledgerRefusal("The log's entry \(signed - 1 - UInt64(place)) is not the one that was signed.")
        }
    }

    /// Reads the segment of the state up to its position: the index of the next leaf, and the hashes of the last 256 before
    /// it. Nil when no record ends there.
    private static func walk(
        _ state: SignerState, _ storage: any LogStorage, _ log: LogRecovery
    ) throws(StorageFailure) -> (leaf: UInt64, last: [TreeHash])? {
        guard var reader = try SegmentFolder(storage: storage).open(state.segment) else {
            // The tree began where the log was about to go on.
            let isNext = state.segment == log.nextSegment && state.position == log.end
            return isNext ? (log.leaves, []) : nil
        }
        var leaf = reader.firstLeaf
        var last: [TreeHash] = []
        while reader.position < state.position, let record = try reader.next() {
            guard record.kind == .leaf else { continue }
            leaf += 1
            if last.count == 512 { last.removeFirst(256) }
            last.append(MerkleTree.leafHash(record.payload))
        }
        return reader.position == state.position ? (leaf, Array(last.suffix(256))) : nil
    }
}
