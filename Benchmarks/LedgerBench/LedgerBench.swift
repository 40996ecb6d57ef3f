import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore

/// What the record itself can do, without protocols and sockets: appending, recording, filing, searching, verifying.
///
///     ledger-bench [--short]
@main
struct LedgerBench {
    private let folder: String
    private let isShort: Bool
    private let vaultKey = SymmetricKey(size: .bits256)
    private let sealingKey = SymmetricKey(size: .bits256)

    static func main() async throws {
        let folder = NSTemporaryDirectory() + "/sallyport-ledger-bench-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bench = LedgerBench(folder: folder, isShort: CommandLine.arguments.contains("--short"))
        try bench.appending()
        try await bench.recording()
        try await bench.reading()
    }

    private init(folder: String, isShort: Bool) {
        self.folder = folder
        self.isShort = isShort
    }

    private func open(_ name: String, keepsIndex: Bool = true) throws -> AuditStore {
        try AuditStore.open(
            directory: folder + "/" + name,
            options: StoreOptions(
                vaultKey: vaultKey, ledger: LedgerOptions(name: "bench", sealingKey: sealingKey),
                watermark: 1 << 20, keepsIndex: keepsIndex),
            now: Content.now)
    }

    // MARK: - Parts

    private func appending() throws {
        print("entries appended (a command and its outcome, one row between), ledger and index kept")
        print("durability  sessions   entries/s  commands/s  fdatasync/entry  log bytes/command")
        for waiting in Waiting.allCases {
            for sessions in [1, 16, 256] {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                let name = "append-\(waiting)-\(sessions)"
                let store = try open(name)
                let result = try Appending(store: store, waiting: waiting)
                    .run(sessions: sessions, seconds: isShort ? 1 : 5)
                store.close()
                try FileManager.default.removeItem(atPath: folder + "/" + name)
                print(
                    Self.left(waiting.rawValue, 10), Self.right(sessions, 9),
                    Self.right(Int(Double(result.entries) / result.seconds), 11),
                    Self.right(Int(Double(result.commands) / result.seconds), 11),
                    Self.right(Double(result.syncs) / Double(max(result.entries, 1)), 16),
                    Self.right(Int(result.bytes / max(result.commands, 1)), 18))
            }
        }
        print()
    }

    /// One answer without end, as fast as the disk takes it under the budget of a session.
    private func recording() async throws {
        let store = try open("recording")
        let recorder = try store.makeRecorder(Content.context())
        try recorder.append(EntryDraft(.sessionOpen))
        _ = try Content.command(recorder, 1)
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        for index in chunk.indices { chunk[index] = UInt8(truncatingIfNeeded: 48 + index % 61) }
        let megabytes = isShort ? 64 : 512
        let begin = ContinuousClock.now
        for number in 0..<(megabytes << 4) {
            let position = try Content.chunk(recorder, 1, chunk)
            if number % 4 == 3, let position { try await store.durable(position) }
        }
        try await store.durable(Content.outcome(recorder, 1))
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        print(
            "recording one answer of \(megabytes) MiB, synced every 256 KiB: \(Self.text(Double(megabytes) / seconds)) MiB/s"
        )
        let (_, filing) = try await Self.timed {
            store.close()
        }
        print("  filing what was left of it: \(Self.text(filing)) s")
        try FileManager.default.removeItem(atPath: folder + "/recording")
    }

    private func reading() async throws {
        let commands = isShort ? 50_000 : 1_000_000
        let sessions = commands / 500
        var store = try open("reading")
        let (_, writing) = try await Self.timed {
            for number in 0..<sessions {
                let recorder = try store.makeRecorder(Content.context(number))
                try recorder.append(EntryDraft(.sessionOpen))
                for exchange in 1...UInt64(500) {
                    // Every other text is its own.
                    let one =
                        "SELECT * FROM orders WHERE id = \(UInt64(number) * 500 + exchange) AND note = 'n\(number)'"
                    let isOwn = exchange % 2 == 0
                    _ =
                        isOwn
                        ? try Content.command(recorder, exchange, one) : try Content.command(recorder, exchange)
                    _ = try Content.answer(recorder, exchange)
                    _ = try Content.outcome(recorder, exchange)
                }
                try await store.durable(recorder.append(EntryDraft(.sessionClose)))
            }
        }
        let (_, filing) = try await Self.timed { store.close() }
        let bytes = try Self.bytes(beneath: folder + "/reading")
        print()
        print("\(commands) commands in \(sessions) sessions, every other text its own")
        print(
            "  written in \(Self.text(writing)) s, filed \(Self.text(filing)) s after that: "
                + "\(Self.text((writing + filing) * 1e6 / Double(commands))) us a command")
        print(
            "  on disk, bytes a command: " + bytes.map { "\($0.name) \($0.bytes / commands)" }.joined(separator: ", "))

        store = try open("reading")
        if let archive = store.archive { try search(archive) }
        let key = store.ledger?.verifierKey
        store.close()
        if let key { try verify(key) }
    }

    private func search(_ archive: AuditArchive) throws {
        var byText = SearchQuery()
        byText.terms = try SearchTerms("id = 4711")
        var rare = SearchQuery()
        rare.terms = try SearchTerms("note = 'n17'")
        var none = SearchQuery()
        none.terms = try SearchTerms("nowhere to be found")
        var byPrincipal = SearchQuery()
        byPrincipal.principal = "agent-7"
        var byRun = SearchQuery()
        byRun.run = "run-13"
        byRun.terms = try SearchTerms("orders")
        for (what, query) in [
            ("a piece of text", byText), ("a text of one session", rare), ("a text that is not there", none),
            ("a principal", byPrincipal), ("a run and a word", byRun),
        ] {
            var times: [Double] = []
            var hits = 0
            for _ in 0..<(isShort ? 20 : 100) {
                let begin = ContinuousClock.now
                hits = try archive.search(query).hits.count
                times.append((ContinuousClock.now - begin) / .milliseconds(1))
            }
            times.sort()
            print(
                "  search for \(what): \(hits) hits, p50 \(Self.text(times[times.count / 2])) ms, "
                    + "p99 \(Self.text(times[times.count * 99 / 100])) ms")
        }
    }

    private func verify(_ key: NoteVerifierKey) throws {
        let check = LedgerCheck(storage: PosixStorage(root: folder + "/reading"), key: key)
        let begin = ContinuousClock.now
        let summary = try check.run()
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        print(
            "  verify: \(summary.size) entries in \(Self.text(seconds)) s, "
                + "\(Int(Double(summary.size) / seconds)) entries/s (tree, tiles, signature, sequences)")
    }

    // MARK: - Figures

    private static func timed<Value>(_ body: () async throws -> Value) async throws -> (Value, Double) {
        let begin = ContinuousClock.now
        let value = try await body()
        return (value, (ContinuousClock.now - begin) / .seconds(1))
    }

    /// Bytes that the parts of a data folder take.
    private static func bytes(beneath path: String) throws -> [(name: String, bytes: Int)] {
        var sums: [String: Int] = [:]
        for file in try FileManager.default.subpathsOfDirectory(atPath: path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + file)
            guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
            let part = String(file.prefix { $0 != "/" && $0 != "." })
            sums[part, default: 0] += (attributes[.size] as? NSNumber)?.intValue ?? 0
        }
        return sums.sorted { $0.key < $1.key }.map { (name: $0.key, bytes: $0.value) }
    }

    private static func text(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.0f", value) }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ value: Int, _ width: Int) -> String { right(String(value), width) }
    private static func right(_ value: Double, _ width: Int) -> String { right(String(format: "%.3f", value), width) }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
