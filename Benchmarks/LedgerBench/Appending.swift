import AuditLedger
import AuditStore
import Dispatch
import GatewayCore
import Glibc
import Synchronization

/// When a record of the bench counts as safe, as the gateway's sessions see it.
enum Waiting: String, CaseIterable {
    case strict
    case command
    case relaxed
}

/// Sessions that send one command after the other, on two threads as on two event loops: each waits for its command's
/// entry, then for the end of its answer.
final class Appending: Sendable {
    struct Result {
        var entries: UInt64
        var seconds: Double
        var syncs: UInt64
        var bytes: UInt64
        var commands: UInt64 { entries / 2 }
    }

    private let store: AuditStore
    private let waiting: Waiting
    private let isOver = Atomic<Bool>(false)

    init(store: AuditStore, waiting: Waiting) {
        self.store = store
        self.waiting = waiting
    }

    func run(sessions: Int, seconds: Double) throws -> Result {
        let before = store.counters
        let begin = ContinuousClock.now
        let lanes = min(sessions, 2)
        let failures = Mutex<[any Error]>([])
        let group = DispatchGroup()
        for lane in 0..<lanes {
            let own = sessions / lanes + (lane < sessions % lanes ? 1 : 0)
            DispatchQueue(label: "lane \(lane)").async(group: group) {
                do { try self.lane(sessions: own) } catch { failures.withLock { $0.append(error) } }
            }
        }
        _ = group.wait(timeout: .now() + seconds)
        isOver.store(true, ordering: .releasing)
        group.wait()
        if let failure = failures.withLock({ $0.first }) { throw failure }
        let after = store.counters
        return Result(
            entries: after.entries - before.entries, seconds: (ContinuousClock.now - begin) / .seconds(1),
            syncs: after.syncs - before.syncs, bytes: after.bytes - before.bytes)
    }

    private enum Step {
        case command
        case chunk
        case outcome
    }

    private struct Session {
        var recorder: SessionRecorder
        var exchange: UInt64 = 0
        /// What it waits for before it goes on with `next`.
        var position = LogPosition.start
        var next = Step.command
    }

    private func lane(sessions count: Int) throws {
        let moved = DispatchSemaphore(value: 0)
        let token = store.observe { _ in moved.signal() }
        defer { store.endObserving(token) }
        var sessions = try (0..<count).map { _ in Session(recorder: try store.makeRecorder(Content.context())) }
        for session in sessions { try session.recorder.append(EntryDraft(.sessionOpen)) }
        while !isOver.load(ordering: .acquiring) {
            let progress = store.progress
            if let failure = progress.failure { throw failure }
            let mark = waiting == .relaxed ? progress.written : progress.synced
            var hasAppended = false
            for index in sessions.indices where sessions[index].position <= mark {
                try step(&sessions[index])
                hasAppended = true
            }
            if !hasAppended {
                moved.wait()
            } else if waiting == .relaxed {
                try store.writeNow()
            } else {
                store.requestSync()
            }
        }
        for session in sessions { try session.recorder.append(EntryDraft(.sessionClose)) }
        store.requestSync()
    }

    private func step(_ session: inout Session) throws {
        switch session.next {
        case .command:
            session.exchange += 1
            session.position = try Content.command(session.recorder, session.exchange)
            session.next = .chunk
        case .chunk:
            let place = try Content.answer(session.recorder, session.exchange)
            session.next = .outcome
            // Only `strict` waits for the chunk by itself.
            guard waiting == .strict else { return try step(&session) }
            session.position = try place ?? session.recorder.flush() ?? session.position
        case .outcome:
            session.position = try Content.outcome(session.recorder, session.exchange)
            session.next = .command
        }
    }
}

/// What the sessions of the bench record: a prepared SELECT by its key, with one row.
enum Content {
    static func context(_ number: Int = 0) -> SessionContext {
        SessionContext(
            session: RecordID(at: now()),
            principal: Principal(
                issuer: "https://id.example", subject: "agent-\(number % 50)", name: nil, groups: [],
                isPersonIssuer: false),
            agent: AgentContext(agent: "reporter", run: "run-\(number % 200)"), connection: "orders", kind: "postgres",
            clientAddress: "127.0.0.1:1")
    }

    @Sendable static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    static func command(
        _ recorder: SessionRecorder, _ exchange: UInt64,
        _ text: String = "SELECT abalance FROM pgbench_accounts WHERE aid = $1"
    ) throws(GatewayError) -> LogPosition {
        var draft = EntryDraft(.commandAllowed, exchange: exchange)
        draft.classes = ["select"]
        draft.verb = "SELECT"
        draft.objects = ["pgbench_accounts"]
        draft.verdict = .allow
        draft.content = [ContentItem(.text, text), ContentItem(.parameters, "[\"4711\"]")]
        return try recorder.append(draft)
    }

    static func answer(_ recorder: SessionRecorder, _ exchange: UInt64) throws(GatewayError) -> LogPosition? {
        try chunk(recorder, exchange, Self.row)
    }

    static func chunk(_ recorder: SessionRecorder, _ exchange: UInt64, _ bytes: [UInt8]) throws(GatewayError)
        -> LogPosition?
    {
        try bytes.withUnsafeBytes { raw in
            Swift.Result { () throws(GatewayError) in
                try recorder.appendChunk(exchange: exchange, direction: .answer, raw, retained: true)
            }
        }.get()
    }

    static func outcome(_ recorder: SessionRecorder, _ exchange: UInt64) throws(GatewayError) -> LogPosition {
        var draft = EntryDraft(.commandOutcome, exchange: exchange)
        draft.outcome = Outcome(kind: .success, rows: 1, tag: "SELECT 1")
        draft.bytesIn = 60
        draft.bytesOut = row.count
        draft.durationMicros = 120
        return try recorder.append(draft)
    }

    private static let row = [UInt8](repeating: 0x31, count: 80)
}
