package import AuditLedger
import Crypto
package import GatewayCore

/// Appends one session's entries and chunks to the log. Confined to its session's event loop; not Sendable.
///
/// A short chunk is kept back until the next append or `flush`: the end of a short answer is sealed together with its
/// outcome, and what one wake-up brought becomes one record.
package final class SessionRecorder {
    /// The most content that one entry may carry, in bytes.
    package static let maximumContent = 32 << 20
    private static let maximumChunk = 1 << 20
    /// A chunk of up to this many bytes is kept back, until twice as much is.
    private static let shortChunk = 8 << 10

    private struct Running {
        var exchange: UInt64
        var direction: ChunkDirection
        var commitment: RunningCommitment
    }

    /// Chunks that are kept back: of one exchange and direction.
    private struct Tail {
        var exchange: UInt64 = 0
        var direction = ChunkDirection.answer
        var bytes: [UInt8] = []
    }

    package let session: RecordID
    private let encoder: LeafEncoder
    private let writer: LogWriter
    private let cipher: SessionCipher
    private let slot: UInt64
    private let now: @Sendable () -> Timestamp
    private var random = RandomPool()
    private var sequence: UInt64 = 0
    private var running: [Running] = []
    private var tail = Tail()
    private var last = LogPosition.start
    private var scratch = CanonicalWriter()
    private var plain: [UInt8] = []

    init(
        _ context: SessionContext, writer: LogWriter, vaultKey: SymmetricKey, now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        session = context.session
        encoder = LeafEncoder(context)
        self.writer = writer
        self.now = now
        let key = SymmetricKey(size: .bits256)
        cipher = try SessionCipher(key)
        let wrapped = try KeyStore.wrap(key, session: context.session, vaultKey: vaultKey)
        slot = try writer.appendKey { _ in wrapped }
    }

    /// Appends an entry; the entry is durable when the log has synced up to the position returned, and so is all that
    /// was kept back.
    ///
    /// The draft of an exchange's outcome also carries the commitments to its chunks. After an error the session must
    /// end.
    @discardableResult
    package func append(_ draft: consuming EntryDraft) throws(GatewayError) -> LogPosition {
        if let text = draft.outcome?.errorText { draft.content.append(ContentItem(.errorText, text)) }
        guard draft.content.count <= LeafEncoder.maximumContentItems - 2,
            draft.content.reduce(0, { $0 + $1.bytes.count }) <= Self.maximumContent
        else { throw GatewayError(.recordTooLarge, "The entry's content is larger than \(Self.maximumContent) bytes.") }

        defer { tidy() }
        if !endsTail(draft) { try sealTail() }
        let commitments = try sealContent(of: draft)
        let time = now()
        let start = RecordFormat.begin(&scratch.bytes, kind: .leaf)
        encoder.encode(
            draft, sequence: sequence, id: RecordID(at: time, using: &random), time: time, commitments: commitments,
            into: &scratch)
        RecordFormat.end(&scratch.bytes, start: start)
        last = try writer.append(scratch.bytes, leaves: 1)
        sequence += 1
        return last
    }

    /// Whether the draft ends the very exchange whose bytes are kept back.
    private func endsTail(_ draft: borrowing EntryDraft) -> Bool {
        draft.type == .commandOutcome && draft.exchange == tail.exchange
    }

    /// Seals an entry's content into one record, and what was kept back with it.
    private func sealContent(of draft: borrowing EntryDraft) throws(GatewayError) -> [Commitment] {
        var commitments: [Commitment] = []
        plain.removeAll(keepingCapacity: true)
        for item in draft.content {
            let salt = random.take(Commitment.saltLength)
            commitments.append(Commitment(kind: item.kind, salt: salt, content: item.bytes))
            SealedRecord.encode(item.kind, salt: salt, item.bytes, into: &plain)
        }
        var carried: UInt8 = 0
        if draft.type == .commandOutcome || draft.type == .sessionClose {
            for index in running.indices.reversed()
            where draft.type == .sessionClose || running[index].exchange == draft.exchange {
                let done = running.remove(at: index)
                let kind: ContentItem.Kind = done.direction == .answer ? .answer : .input
                let holdsTail = !tail.bytes.isEmpty && tail.direction == done.direction
                SealedRecord.encode(kind, salt: done.commitment.salt, holdsTail ? tail.bytes : [], into: &plain)
                if holdsTail {
                    carried = SealedRecord.carries | tail.direction.rawValue
                    tail.bytes.removeAll(keepingCapacity: true)
                }
                commitments.append(done.commitment.finish(kind: kind))
            }
        }
        guard !plain.isEmpty else { return [] }
        let exchange = draft.exchange ?? 0
        try plain.withUnsafeBytes { bytes in
            Result { () throws(GatewayError) in
                try seal(bytes, kind: .content, exchange: exchange, direction: carried)
            }
        }.get()
        return commitments
    }

    private func seal(
        _ bytes: UnsafeRawBufferPointer, kind: RecordKind, exchange: UInt64, direction: UInt8
    ) throws(GatewayError) {
        let start = RecordFormat.begin(&scratch.bytes, kind: kind)
        let clear = SealedRecord.Clear(
            session: session, slot: slot, counter: cipher.counter, exchange: exchange, direction: direction)
        let clearStart = scratch.bytes.count
        clear.write(into: &scratch.bytes)
        try cipher.seal(bytes, clearStart: clearStart, into: &scratch.bytes)
        RecordFormat.end(&scratch.bytes, start: start)
    }

    private func sealTail() throws(GatewayError) {
        guard !tail.bytes.isEmpty else { return }
        let (exchange, direction) = (tail.exchange, tail.direction)
        try tail.bytes.withUnsafeBytes { bytes in
            Result { () throws(GatewayError) in
                try seal(bytes, kind: .chunk, exchange: exchange, direction: direction.rawValue)
            }
        }.get()
        tail.bytes.removeAll(keepingCapacity: true)
    }

    /// Bytes of buffers that the recorder keeps between appends.
    package var retainedCapacity: Int { scratch.bytes.capacity + plain.capacity + tail.bytes.capacity }

    /// An idle session keeps no large buffer.
    private func tidy() {
        scratch.bytes.removeAll(keepingCapacity: scratch.bytes.capacity <= 4096)
        if plain.capacity > 4096 { plain = [] }
        if tail.bytes.isEmpty, tail.bytes.capacity > 4096 { tail.bytes = [] }
    }

    /// Adds masked bytes to an exchange's answer or input. What is not `retained` is counted and committed to, but not
    /// kept.
    ///
    /// Nil: kept back; safe with the next append, or with what `flush` returns.
    package func appendChunk(
        exchange: UInt64, direction: ChunkDirection, _ bytes: UnsafeRawBufferPointer, retained: Bool
    ) throws(GatewayError) -> LogPosition? {
        if !bytes.isEmpty { commit(bytes, exchange: exchange, direction: direction, kept: retained) }
        guard retained, !bytes.isEmpty else { return tail.bytes.isEmpty ? last : nil }
        if !tail.bytes.isEmpty,
            tail.exchange != exchange || tail.direction != direction || tail.bytes.count >= Self.shortChunk
        {
            try sealTail()
        }
        if bytes.count <= Self.shortChunk {
            tail.exchange = exchange
            tail.direction = direction
            tail.bytes.append(contentsOf: bytes)
            // A tail sealed just now goes with the next append.
            return nil
        }
        defer { tidy() }
        try sealTail()
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.maximumChunk))
            try seal(part, kind: .chunk, exchange: exchange, direction: direction.rawValue)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
        last = try writer.append(scratch.bytes, leaves: 0)
        return last
    }

    private func commit(_ bytes: UnsafeRawBufferPointer, exchange: UInt64, direction: ChunkDirection, kept: Bool) {
        if let index = running.firstIndex(where: { $0.exchange == exchange && $0.direction == direction }) {
            running[index].commitment.update(bytes, kept: kept)
        } else {
            var commitment = RunningCommitment(salt: random.take(Commitment.saltLength))
            commitment.update(bytes, kept: kept)
            running.append(Running(exchange: exchange, direction: direction, commitment: commitment))
        }
    }

    /// Appends what is kept back. All that was appended lies before the position returned, or at it.
    package func flushed() throws(GatewayError) -> LogPosition { try flush() ?? last }

    /// Appends what is kept back; nil when nothing is.
    @discardableResult
    package func flush() throws(GatewayError) -> LogPosition? {
        try sealTail()
        guard !scratch.bytes.isEmpty else { return nil }
        defer { tidy() }
        last = try writer.append(scratch.bytes, leaves: 0)
        return last
    }
}
