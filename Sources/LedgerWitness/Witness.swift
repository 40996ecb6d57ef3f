package import AuditLedger
package import AuditStore
package import GatewayCore
import Synchronization

/// A witness (C2SP tlog-witness): cosigns checkpoints of the logs it knows, each consistent with the one before.
package final class Witness: Sendable {
    /// An answer over HTTP.
    package struct Answer: Hashable, Sendable {
        package var status: Int
        package var contentType: String
        package var body: [UInt8]
    }

    /// What happened to a request, for the operator's log.
    package struct Event: Sendable {
        package var origin: String
        package var size: UInt64
        package var decision: WitnessDecision?
        /// A signed checkpoint that cannot be reached from the one cosigned before: the log was rewritten.
        package var mayBeFork: Bool
        package var failure: String?
    }

    package static let noteType = "text/plain; charset=utf-8"
    /// Bytes of a request worth reading.
    package static let bodyLimit = AddCheckpointRequest.maximumLength

    /// One log. The lock is held from reading the latest head to having stored the next one, so that no other request of
    /// the log comes between.
    private final class Desk: Sendable {
        struct State {
            var file: WitnessFile
            var record: WitnessRecord
            /// After a failed write the file's content is unknown: nothing is cosigned any more.
            var failure: StorageFailure?
        }

        let origin: String
        let keys: [NoteVerifierKey]
        let state: Mutex<State>

        init(origin: String, keys: [NoteVerifierKey], storage: any LogStorage) throws(GatewayError) {
            let (file, record) = try WitnessFile.open(storage, origin: origin)
            self.origin = origin
            self.keys = keys
            state = Mutex(State(file: file, record: record))
        }
    }

    private let cosigner: Cosigner
    /// By the bytes of the origin: two spellings that only look the same are two logs.
    private let desks: [[UInt8]: Desk]
    private let byName: [String: Desk]
    private let now: @Sendable () -> Timestamp
    private let note: @Sendable (Event) -> Void

    /// `keys` are the logs to witness; a log's origin is its key's name, and several keys of one name are one log's.
    /// Errors: `witness.setup`, `witness.state`.
    package init(
        storage: any LogStorage, cosigner: Cosigner, logs keys: [NoteVerifierKey],
        now: @escaping @Sendable () -> Timestamp, note: @escaping @Sendable (Event) -> Void = { _ in }
    ) throws(GatewayError) {
        do {
            try storage.makeDirectory(WitnessFile.folder)
            // Without this the folder, and the state in it, could be gone after a crash.
            try storage.syncDirectory("")
        } catch {
            throw GatewayError(.witnessState, "The witness's data folder cannot be written.", cause: error)
        }
        var desks: [[UInt8]: Desk] = [:]
        for (origin, keys) in Dictionary(grouping: keys, by: { Array($0.name.utf8) }) {
            guard keys.allSatisfy({ $0.algorithm == .ed25519 }) else {
                throw GatewayError(
                    .witnessSetup, "The key of \(keys[0].name) is a witness's; a log's own key is wanted.")
            }
            desks[origin] = try Desk(origin: keys[0].name, keys: keys, storage: storage)
        }
        self.cosigner = cosigner
        self.desks = desks
        byName = Dictionary(uniqueKeysWithValues: desks.map { (WitnessFile.name(of: $0), $1) })
        self.now = now
        self.note = note
    }

    package var verifierKey: NoteVerifierKey { cosigner.verifierKey }

    /// Why nothing is cosigned for some log; nil while all is well.
    package var problem: String? {
        desks.values.lazy.compactMap { desk in
            desk.state.withLock { $0.failure }.map { "\(desk.origin): \($0)" }
        }.first
    }

    /// Answers `POST /add-checkpoint`. Blocks for the disk.
    package func addCheckpoint(_ body: [UInt8]) -> Answer {
        guard let request = try? AddCheckpointRequest(body: body) else { return Self.plain(400) }
        guard let desk = desks[Array(request.checkpoint.origin.utf8)] else { return Self.plain(404) }
        let (answer, event) = desk.state.withLock { state in decide(request, desk, &state) }
        note(event)
        return answer
    }

    /// The checkpoint cosigned last, with that cosignature, of the log whose origin has this SHA-256 in hexadecimal; nil
    /// when there is none. For whoever watches the log.
    package func latestCheckpoint(ofLogNamed name: String) -> [UInt8]? {
        guard let note = byName[name]?.state.withLock({ $0.record.note }), !note.isEmpty else { return nil }
        return note
    }

    private func decide(_ request: AddCheckpointRequest, _ desk: Desk, _ state: inout Desk.State) -> (Answer, Event) {
        let head = request.checkpoint.head
        var event = Event(origin: desk.origin, size: head.size, mayBeFork: false)
        func failed(_ failure: StorageFailure) -> (Answer, Event) {
            event.failure = failure.description
            return (Self.plain(500), event)
        }
        if let failure = state.failure { return failed(failure) }
        let latest = state.record.head
        let log = WitnessedLog(origin: desk.origin, keys: desk.keys, latest: latest)
        let decision = WitnessDecision.decide(request, log: log)
        event.decision = decision
        switch decision {
        case .cosign(let head):
            guard let (line, note) = cosign(request, desk) else { return (Self.plain(500), event) }
            let isFirst = state.record.note.isEmpty
            if head != latest || isFirst {
                let next = WitnessRecord(sequence: state.record.sequence + 1, head: head, note: note)
                do throws(StorageFailure) {
                    try state.file.store(next)
                } catch {
                    state.failure = error
                    return failed(error)
                }
                state.record = next
            }
            return (Answer(status: 200, contentType: Self.noteType, body: line), event)
        case .conflict:
            event.mayBeFork = request.oldSize == latest.size
            return (
                Answer(
                    status: decision.status, contentType: WitnessDecision.conflictContentType,
                    body: decision.conflictBody ?? []), event
            )
        case .unprocessable:
            event.mayBeFork = true
            return (Self.plain(decision.status), event)
        case .badRequest, .forbidden, .notFound:
            return (Self.plain(decision.status), event)
        }
    }

    /// The cosignature's line, and the note to keep: the text with the log's own signatures and that line.
    private func cosign(_ request: AddCheckpointRequest, _ desk: Desk) -> (line: [UInt8], note: [UInt8])? {
        let time = UInt64(clamping: now().microseconds / 1_000_000)
        let own = request.note.signatures.filter { signature in desk.keys.contains { signature.isBy($0) } }
        guard let signature = try? cosigner.sign(request.note.text, time: time),
            let bare = try? SignedNote(text: request.note.text, signatures: own),
            let note = try? bare.adding(lines: signature.line, by: [cosigner.verifierKey])
        else { return nil }
        return (signature.line, note.bytes)
    }

    private static func plain(_ status: Int) -> Answer {
        let words = [
            400: "Not an add-checkpoint request.\n", 403: "Not signed by the log's key.\n",
            404: "Not a log of this witness.\n", 422: "The proof does not lead to this checkpoint.\n",
            500: "The witness cannot store its state; its own log says why.\n",
        ]
        return Answer(status: status, contentType: noteType, body: Array((words[status] ?? "\n").utf8))
    }
}
