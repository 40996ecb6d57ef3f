package import AuditLedger
import Crypto
package import GatewayCore

/// Appends one session's entries and chunks to the log. Confined to its session's event loop; not Sendable.
package final class SessionRecorder {
    /// The most content that one entry may carry, in bytes.
    package static let maximumContent = 32 << 20
    private static let maximumChunk = 1 << 20

    private struct Running {
        var exchange: UInt64
        var direction: ChunkDirection
        var commitment: RunningCommitment
    }

    package let session: RecordID
    private let encoder: LeafEncoder
    private let writer: LogWriter
    private let key: SymmetricKey
    private let slot: UInt64
    private let now: @Sendable () -> Timestamp
    private var sequence: UInt64 = 0
    private var counter: UInt64 = 0
    private var running: [Running] = []
    private var last = LogPosition.start
    private var scratch = CanonicalWriter()

    init(
        _ context: SessionContext, writer: LogWriter, vaultKey: SymmetricKey, now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        session = context.session
        encoder = LeafEncoder(context)
        self.writer = writer
        self.now = now
        let key = SymmetricKey(size: .bits256)
        self.key = key
        let wrapped = try KeyStore.wrap(key, session: context.session, vaultKey: vaultKey)
        slot = try writer.appendKey { _ in wrapped }
    }

    /// Appends an entry; the entry is durable when the log has synced up to the position returned.
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
        let commitments = try sealContent(of: draft)
        let time = now()
        let start = RecordFormat.begin(&scratch.bytes, kind: .leaf)
        encoder.encode(
            draft, sequence: sequence, id: RecordID(at: time), time: time, commitments: commitments, into: &scratch)
        RecordFormat.end(&scratch.bytes, start: start)
        last = try writer.append(scratch.bytes, leaves: 1)
        sequence += 1
        return last
    }

    private func sealContent(of draft: borrowing EntryDraft) throws(GatewayError) -> [Commitment] {
        var commitments: [Commitment] = []
        var items: [SaltedContent] = []
        for item in draft.content {
            let salt = systemRandomBytes(Commitment.saltLength)
            commitments.append(Commitment(kind: item.kind, salt: salt, content: item.bytes))
            items.append(SaltedContent(kind: item.kind, salt: salt, bytes: item.bytes))
        }
        if draft.type == .commandOutcome || draft.type == .sessionClose {
            for index in running.indices.reversed()
            where draft.type == .sessionClose || running[index].exchange == draft.exchange {
                let done = running.remove(at: index)
                let kind: ContentItem.Kind = done.direction == .answer ? .answer : .input
                items.append(SaltedContent(kind: kind, salt: done.commitment.salt, bytes: []))
                commitments.append(done.commitment.finish(kind: kind))
            }
        }
        guard !items.isEmpty else { return [] }
        let plain = SealedRecord.encode(items)
        let exchange = draft.exchange ?? 0
        try plain.withUnsafeBytes { bytes in
            Result { () throws(GatewayError) in try seal(bytes, kind: .content, exchange: exchange, direction: 0) }
        }.get()
        return commitments
    }

    private func seal(
        _ bytes: UnsafeRawBufferPointer, kind: RecordKind, exchange: UInt64, direction: UInt8
    ) throws(GatewayError) {
        let start = RecordFormat.begin(&scratch.bytes, kind: kind)
        let clear = SealedRecord.Clear(
            session: session, slot: slot, counter: counter, exchange: exchange, direction: direction)
        try SealedRecord.seal(bytes, clear: clear, key: key, into: &scratch.bytes)
        counter += 1
        RecordFormat.end(&scratch.bytes, start: start)
    }

    /// Bytes of buffer that the recorder keeps between appends.
    package var retainedCapacity: Int { scratch.bytes.capacity }

    /// An idle session keeps no large buffer.
    private func tidy() {
        scratch.bytes.removeAll(keepingCapacity: scratch.bytes.capacity <= 4096)
    }

    /// Adds masked bytes to an exchange's answer or input. What is not `retained` is counted and committed to, but not
    /// kept.
    @discardableResult
    package func appendChunk(
        exchange: UInt64, direction: ChunkDirection, _ bytes: UnsafeRawBufferPointer, retained: Bool
    ) throws(GatewayError) -> LogPosition {
        guard !bytes.isEmpty else { return last }
        if let index = running.firstIndex(where: { $0.exchange == exchange && $0.direction == direction }) {
            running[index].commitment.update(bytes, kept: retained)
        } else {
            var commitment = RunningCommitment(salt: systemRandomBytes(Commitment.saltLength))
            commitment.update(bytes, kept: retained)
            running.append(Running(exchange: exchange, direction: direction, commitment: commitment))
        }
        guard retained else { return last }
        defer { tidy() }
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.maximumChunk))
            try seal(part, kind: .chunk, exchange: exchange, direction: direction.rawValue)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
        last = try writer.append(scratch.bytes, leaves: 0)
        return last
    }
}
