import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Glibc
import Testing

let vaultKey = SymmetricKey(data: [UInt8](repeating: 7, count: 32))

/// A folder that goes with the object.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/audit-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

@Sendable func wallClock() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
}

func openStore(
    _ folder: Folder, _ storage: (any LogStorage)? = nil, segmentSize: Int = 1 << 20, keepsIndex: Bool = true,
    ledger: LedgerOptions? = nil
) throws(GatewayError) -> AuditStore {
    try AuditStore.open(
        directory: folder.path,
        options: StoreOptions(
            vaultKey: vaultKey, ledger: ledger, segmentSize: segmentSize, watermark: 1 << 20, keepsIndex: keepsIndex),
        storage: storage,
        now: wallClock)
}

func newContext(_ subject: String = "anna", run: String? = nil, connection: String = "orders") -> SessionContext {
    SessionContext(
        session: RecordID(at: wallClock()),
        principal: Principal(
            issuer: "https://idp", subject: subject, name: subject.capitalized, groups: [], isPersonIssuer: false),
        agent: AgentContext(agent: "reporter", run: run), connection: connection, kind: "postgres",
        clientAddress: "127.0.0.1:1")
}

extension SessionRecorder {
    @discardableResult
    func command(_ number: UInt64, _ text: String) throws(GatewayError) -> LogPosition {
        var draft = EntryDraft(.commandAllowed, exchange: number)
        draft.verdict = .allow
        draft.content = [ContentItem(.text, text)]
        return try append(draft)
    }

    /// Nil: the recorder keeps it back.
    @discardableResult
    func answer(_ number: UInt64, _ bytes: [UInt8], retained: Bool = true) throws -> LogPosition? {
        try bytes.withUnsafeBytes { try appendChunk(exchange: number, direction: .answer, $0, retained: retained) }
    }

    @discardableResult
    func outcome(_ number: UInt64, _ kind: OutcomeKind = .success, rows: Int = 1) throws(GatewayError) -> LogPosition {
        var draft = EntryDraft(.commandOutcome, exchange: number)
        draft.outcome = Outcome(kind: kind, rows: rows, errorText: kind == .error ? "it failed" : nil)
        return try append(draft)
    }

    func close() throws(GatewayError) -> LogPosition {
        var draft = EntryDraft(.sessionClose)
        draft.outcome = Outcome(kind: .success)
        return try append(draft)
    }
}

/// Everything that an archive exports, as JSON objects.
func exported(_ archive: AuditArchive, session: RecordID? = nil) throws -> [[String: Any]] {
    var bytes: [UInt8] = []
    try archive.export(session: session) { bytes += $0 }
    return try bytes.split(separator: 0x0A).map { line in
        try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
    }
}

/// A small seeded generator, so that a failure can be run again.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
