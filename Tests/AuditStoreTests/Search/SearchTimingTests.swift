import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Glibc
import Testing

/// Figures, on request: SALLYPORT_TIMING=1.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["SALLYPORT_TIMING"] != nil))
struct SearchTimingTests {
    private static let principals = 50

    /// `count` commands of many sessions; `text` says what the command of a number is.
    private func record(_ folder: Folder, count: Int, _ text: (Int) -> String) async throws {
        let store = try openStore(folder, segmentSize: 32 << 20, keepsIndex: false)
        let each = max(1, count / 2000)
        var number = 0
        while number < count {
            let recorder = try store.makeRecorder(newContext("user\(number / each % Self.principals)"))
            try recorder.append(EntryDraft(.sessionOpen))
            for exchange in 1...UInt64(each) {
                var draft = EntryDraft(.commandAllowed, exchange: exchange)
                draft.verdict = number % 1000 == 7 ? .block : .allow
                draft.classes = ["select"]
                draft.verb = "SELECT"
                draft.objects = ["public.orders", "public.table\(number % 40)"]
                draft.rules = draft.verdict == .block ? ["no-ddl"] : []
                draft.policy = "0123456789abcdef"
                draft.content = [ContentItem(.text, text(number))]
                try recorder.append(draft)
                try recorder.answer(exchange, [UInt8](repeating: 1, count: 100))
                try recorder.outcome(exchange, number % 500 == 3 ? .error : .success)
                number += 1
            }
            let end = try recorder.close()
            if number % (each * 100) == 0 { try await store.durable(end) }
        }
        try await store.durable(store.appendSystem(EntryDraft(.gatewayStopped)))
        store.close()
    }

    private static func processTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private func file(_ folder: Folder, _ name: String, _ count: Int) throws -> AuditStore {
        let begin = Self.processTime()
        let store = try openStore(folder)
        let time = Duration.nanoseconds(Self.processTime() - begin)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/index.sqlite")
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        print(
            "figure: filing, \(name): \(time / count) of processor time a command, index \(size / count) bytes a command"
        )
        return store
    }

    @Test func filing() async throws {
        for (name, text) in [
            ("one prepared statement", { (_: Int) in "SELECT abalance FROM pgbench_accounts WHERE aid = $1" }),
            (
                "all distinct",
                { (n: Int) in "SELECT abalance FROM pgbench_accounts WHERE aid = \(n &* 7919 % 1_000_003)" }
            ),
        ] {
            let folder = try Folder()
            let count = 100_000
            try await record(folder, count: count, text)
            try file(folder, name, count).close()
        }
    }

    @Test func searching() async throws {
        let count = 1_000_000
        let folder = try Folder()
        var words = Seeded(state: 42)
        let tables = (0..<200).map { _ in "t_" + String(words.next(), radix: 36) }
        try await record(folder, count: count) { number in
            number % 2 == 0
                ? "UPDATE \(tables[number % 100]) SET v = $1 WHERE id = $2 AND kind = \(number % 97)"
                : "SELECT name, total FROM \(tables[number % 200]) WHERE customer = 'C\(number &* 48271 % 1_000_003)' AND day > '2026-01-\(number % 28)'"
        }
        let store = try file(folder, "1,000,000 commands, half of them distinct", count)
        defer { store.close() }
        let archive = try #require(store.archive)
        let all = try archive.search(SearchQuery(limit: 1)).hits
        let last = try #require(all.first?.time)
        let first = try #require(try archive.sessions(SessionQuery(limit: 3000)).last?.opened)
        let middle = Timestamp(microseconds: (first.microseconds + last.microseconds) / 2)
        let cases: [(String, (Int, inout SearchQuery) throws -> Void)] = [
            ("substring, few hits", { $1.terms = try SearchTerms("'C\(($0 &* 2 + 1) &* 48271 % 1_000_003)'") }),
            ("substring, some 5000 hits", { $1.terms = try SearchTerms(tables[$0 % 100 * 2 + 1]) }),
            (
                "substring, 500,000 hits",
                { $1.terms = try SearchTerms(["total FROM", "customer", "and kind"][$0 % 3]) }
            ),
            ("substring, no hit, unknown characters", { $1.terms = try SearchTerms("qqzx\($0)zzq") }),
            (
                "substring, no hit, all its characters frequent",
                { $1.terms = try SearchTerms("\"customer = 'C\($0)customer\"") }
            ),
            ("substring, no hit, words of different texts", { $1.terms = try SearchTerms("kind customer\($0 % 2)") }),
            ("two characters, no hit", { $1.terms = try SearchTerms("~\($0 % 10)") }),
            ("principal", { $1.principal = "user\($0 % Self.principals)" }),
            (
                "principal and substring",
                {
                    $1.principal = "user\($0 % Self.principals)"
                    $1.terms = try SearchTerms("customer = 'C\($0)")
                }
            ),
            (
                "viewer who never came",
                { $1.viewer = Principal(issuer: "i", subject: "s\($0)", groups: [], isPersonIssuer: true) }
            ),
            (
                "time",
                {
                    $1.since = Timestamp(microseconds: middle.microseconds + Int64($0) * 1000)
                    $1.until = Timestamp(microseconds: middle.microseconds + Int64($0) * 1000 + 1_000_000)
                }
            ),
            ("verdict block, 1 of 1000", { $1.verdict = .block }),
            ("outcome error, 1 of 500", { $1.outcome = .error }),
            ("object, 1 of 40", { $1.object = "table\($0 % 40)" }),
            ("rule", { $1.rule = "no-ddl" }),
        ]
        for (name, change) in cases {
            var times: [Duration] = []
            var hits = 0
            var short = 0
            for round in 0..<40 {
                var query = SearchQuery(limit: 50)
                try change(round, &query)
                let begin = ContinuousClock.now
                let page = try archive.search(query)
                times.append(.now - begin)
                hits += page.hits.count
                if page.hits.count < 50, page.next != nil { short += 1 }
            }
            times.sort()
            print(
                "figure: search, \(name): p50 \(times[20]), p99 \(times[39]), \(hits / 40) hits a page, \(short) short pages"
            )
        }
        let begin = ContinuousClock.now
        let session = try #require(try archive.sessions(SessionQuery(limit: 1)).first)
        try archive.index.erase(sessions: [session.context.session])
        print("figure: erasing one session's rows of 1,000,000: \(ContinuousClock.now - begin)")
    }
}
