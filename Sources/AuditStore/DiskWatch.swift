import AuditLedger
package import GatewayCore
import Synchronization

/// How much room the audit log's disk has, in three steps.
package enum DiskState: String, Sendable {
    case ample
    /// Below the watermark: no new session.
    case low
    /// Next to nothing is left, or the reserve is being used: open sessions have to end.
    case closing
}

/// Decides the disk's state and keeps the reserve. A state that got worse is left only with some room to spare, so that it
/// does not go to and fro.
final class DiskWatch: Sendable {
    let reserve: DiskReserve
    private let storage: any LogStorage
    private let watermark: UInt64
    private let hasReserve: Bool
    private let known = Mutex(DiskState.ample)

    init(_ storage: any LogStorage, watermark: UInt64, reserve size: UInt64) {
        self.storage = storage
        self.watermark = watermark
        hasReserve = size > 0
        reserve = DiskReserve(storage, size: size)
        guard hasReserve, let free = storage.freeBytes() else { return }
        // A start on a full disk needs what was kept for it, and keeps nothing anew.
        let isFull = reserve.isHeld ? free < size : free < watermark + size
        _ = isFull ? reserve.release() : reserve.take()
    }

    var state: DiskState { known.withLock { $0 } }

    /// The reserve is in use: only what closing needs may be written.
    var isSaving: Bool { hasReserve && !reserve.isHeld }

    /// Bytes under which sessions are ended.
    private var closingMark: UInt64 { watermark / 4 }

    /// Looks at the disk. Returns the state when it is another than before, and the free bytes.
    func look() -> (change: DiskState?, free: UInt64) {
        guard let free = storage.freeBytes() else { return (nil, 0) }
        let before = state
        var now: DiskState = free < closingMark ? .closing : free < watermark ? .low : .ample
        if isSaving {
            // Only from what is free beyond the watermark.
            if free < watermark + watermark / 2 || !reserve.take() {
                now = reserve.isUsed ? .closing : now == .ample ? .low : now
            }
        } else if before != .ample, free < watermark + watermark / 8 {
            now = now == .ample ? .low : now
        }
        // What ends sessions ends them once; new ones are kept out by `low` as well.
        let after = now
        known.withLock { $0 = after }
        return (after == before ? nil : after, free)
    }
}

extension AuditStore {
    /// Looks at the disk, and writes an entry when its state is another than before: `admin.disk_low` with the state and the
    /// free bytes, `admin.disk_recovered`. To be called every second or so. Returns the state.
    @discardableResult
    package func watchDisk() throws(GatewayError) -> DiskState {
        let (change, free) = disk.look()
        if let change {
            var draft = EntryDraft(change == .ample ? .diskRecovered : .diskLow)
            draft.details["state"] = change.rawValue
            draft.measures = [Measure("free_bytes", Int(clamping: free))]
            try appendSystem(draft)
        }
        return disk.state
    }
}
