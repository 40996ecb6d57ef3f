import AuditLedger
import AuditStore
import GatewayCore

/// Where the records of one client connection go: a session of its own, or one that it shares with others (HTTP).
///
/// In a shared session exchanges are numbered anew, since each connection counts its own from 1. Confined to the event
/// loop.
final class LedgerSeat {
    let recorder: SessionRecorder
    private let shared: SharedSession?
    private var numbers: [UInt64: UInt64] = [:]

    init(_ recorder: SessionRecorder) {
        self.recorder = recorder
        shared = nil
    }

    init(_ session: SharedSession) {
        recorder = session.recorder
        shared = session
    }

    /// The number that an exchange of this connection has in the session.
    func number(_ exchange: UInt64) -> UInt64 {
        guard let shared, exchange > 0 else { return exchange }
        if let number = numbers[exchange] { return number }
        let number = shared.takeNumber()
        numbers[exchange] = number
        return number
    }

    func append(_ draft: EntryDraft) throws(GatewayError) -> LogPosition {
        guard shared != nil, let exchange = draft.exchange else { return try recorder.append(draft) }
        var draft = draft
        draft.exchange = number(exchange)
        // The last entry of an exchange has its outcome.
        if draft.outcome != nil { numbers[exchange] = nil }
        return try recorder.append(draft)
    }

    func appendChunk(
        exchange: UInt64, direction: ChunkDirection, _ bytes: UnsafeRawBufferPointer, retained: Bool
    ) throws(GatewayError) -> LogPosition? {
        try recorder.appendChunk(exchange: number(exchange), direction: direction, bytes, retained: retained)
    }

    /// Everything appended so far lies before the position returned, or at it.
    func flush() throws(GatewayError) -> LogPosition { try recorder.flushed() }
}
