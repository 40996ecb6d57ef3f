import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Synchronization
import Testing

/// Random traffic and random searches: the index answers as a list of all commands would.
@Suite struct SearchModelTests {
    private static let words = [
        "SELECT", "delete", "ORDERS", "customers", "WHERE", "id", "=", "'x'", "Müller", "客户", "\"q\"", "a%b", "_", "*",
        "OR", "NEAR(", "zz top", "end\nline", "NUL\0in", "über",
    ]

    /// No moment is told twice.
    private final class TickingClock: Sendable {
        private let last = Atomic<Int64>(wallClock().microseconds)

        @Sendable func now() -> Timestamp {
            Timestamp(microseconds: last.add(1, ordering: .relaxed).newValue)
        }
    }

    private struct World {
        var generator: Seeded
        let clock = TickingClock()
        var said: [SaidCommand] = []
        var recorders: [(SessionRecorder, SaidCommand)] = []

        mutating func pick<Element>(_ values: [Element]) -> Element {
            values[Int.random(in: 0..<values.count, using: &generator)]
        }

        mutating func text() -> String {
            (0..<Int.random(in: 1...5, using: &generator)).map { _ in pick(SearchModelTests.words) }.joined(
                separator: " ")
        }

        mutating func open(_ store: AuditStore) throws {
            let subject = pick(["anna", "bob", "carl"])
            let agent = pick(["reporter", "cleaner"])
            let run = "run-\(Int.random(in: 0..<4, using: &generator))"
            let connection = pick(["orders", "billing"])
            var context = newContext(subject, run: run, connection: connection)
            context.agent.agent = agent
            let recorder = try store.makeRecorder(context)
            try recorder.append(EntryDraft(.sessionOpen))
            let now = clock.now()
            let said = SaidCommand(
                session: context.session, subject: subject, agent: agent, run: run, connection: connection, exchange: 0,
                text: nil, objects: [], rules: [], verdict: .allow, outcome: nil, approval: nil, time: now...now)
            recorders.append((recorder, said))
        }

        mutating func command(_ store: AuditStore) throws {
            let place = Int.random(in: 0..<recorders.count, using: &generator)
            recorders[place].1.exchange += 1
            let recorder = recorders[place].0
            var command = recorders[place].1
            command.text = Int.random(in: 0..<10, using: &generator) == 0 ? nil : text()
            command.objects = pick([
                [], ["public.orders"], ["orders"], ["crm.customers", "public.orders"], ["O'Brien.x"],
            ])
            command.verdict = pick([.allow, .allow, .allow, .block, .hold])
            command.rules = command.verdict == .allow ? [] : [pick(["no-ddl", "Deletes", "weird \"rule"])]
            let before = clock.now()
            try recorder.say(command)
            if command.verdict == .hold {
                let approval = RecordID(at: wallClock(), using: &generator)
                var draft = EntryDraft(.approvalRequested, exchange: command.exchange)
                draft.approval = approval
                draft.aboutSession = command.session
                try store.appendSystem(draft)
                command.approval = approval
            }
            command.time = before...clock.now()
            if command.verdict == .block { command.outcome = .blocked }
            if Int.random(in: 0..<8, using: &generator) > 0 {
                let outcome: OutcomeKind =
                    command.verdict == .allow ? pick([.success, .success, .error, .cancelled]) : .blocked
                try recorder.outcome(command.exchange, outcome)
                command.outcome = outcome
            }
            said.append(command)
        }

        mutating func query() throws -> SearchQuery {
            var query = SearchQuery(limit: Int.random(in: 1...20, using: &generator))
            func chance() -> Bool { Int.random(in: 0..<6, using: &generator) == 0 }
            let like = pick(said)
            if chance() {
                query.viewer = Principal(
                    issuer: pick(["https://idp", "https://idp", "https://other"]), subject: like.subject, groups: [],
                    isPersonIssuer: true)
            }
            if chance() { query.principal = pick([like.subject, like.subject.capitalized, "nobody"]) }
            if chance() { query.agent = like.agent }
            if chance() { query.run = like.run }
            if chance() { query.connection = like.connection }
            if chance() { query.session = like.session }
            if chance() { query.outcome = like.outcome }
            if chance() { query.verdict = like.verdict }
            if chance() { query.rule = pick(["no-ddl", "DELETES", "weird \"rule", "none"]) }
            if chance() { query.object = pick(["orders", "PUBLIC.orders", "customers", "x", "rs"]) }
            if chance() { query.approval = like.approval }
            if chance() { query.since = like.time.lowerBound }
            if chance() { query.until = like.time.upperBound }
            if Int.random(in: 0..<2, using: &generator) == 0, let text = like.text ?? said.first?.text {
                // A piece of something said, in another case.
                let scalars = Array(text)
                let from = Int.random(in: 0..<scalars.count, using: &generator)
                let to = Int.random(in: from...min(scalars.count - 1, from + 8), using: &generator)
                let piece = String(scalars[from...to])
                query.terms = try? SearchTerms(chance() ? piece.uppercased() : piece)
            }
            return query
        }
    }

    @Test(arguments: 0..<4) func theIndexAnswersAsAListWould(_ round: Int) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed: SearchModelTests round \(round) \(seed)")
        var world = World(generator: Seeded(state: seed))
        let folder = try Folder()
        let clock = world.clock
        func open() throws -> AuditStore {
            try AuditStore.open(
                directory: folder.path,
                options: StoreOptions(vaultKey: vaultKey, segmentSize: 64 << 10, watermark: 1 << 20), now: clock.now)
        }
        var store = try open()
        for _ in 0..<5 { try world.open(store) }
        for number in 0..<600 {
            try world.command(store)
            if number % 100 == 50 { try world.open(store) }
            // Batches of many sizes.
            if Int.random(in: 0..<40, using: &world.generator) == 0 { _ = try await store.settled() }
        }
        if round == 3 {
            // Everything is projected again in few large batches.
            _ = try await store.settled()
            store.close()
            SearchIndex.remove(folder.path + "/" + SearchIndex.name)
            store = try open()
        }
        defer { store.close() }
        let archive = try await store.settled()
        for _ in 0..<300 {
            let query = try world.query()
            let wanted = world.said.filter(query.matches)
            let hits = try allHits(archive, query)
            let difference = Set(hits).symmetricDifference(wanted.map { "\($0.session) \($0.exchange)" })
            #expect(difference.isEmpty, "seed \(seed): \(query)")
            #expect(Set(hits).count == hits.count, "seed \(seed)")
        }
        // Newest first, over all pages.
        var everything = SearchQuery(limit: 7)
        #expect(
            try allHits(archive, everything) == world.said.reversed().map { "\($0.session) \($0.exchange)" },
            "seed \(seed)")
        // A budget that is over at once makes short pages, and loses nothing.
        everything.terms = try SearchTerms("e")
        let (all, some) = (try allHits(archive, everything), try allHits(archive, everything, budget: .zero))
        #expect(all == some, "seed \(seed)")
    }

    @Test func whatComesBetweenTwoPagesDoesNotMoveTheSecond() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let recorder = try store.makeRecorder(newContext())
        try recorder.append(EntryDraft(.sessionOpen))
        for number in 1...10 { try recorder.command(UInt64(number), "SELECT needle \(number)") }
        let archive = try await store.settled()
        var query = SearchQuery(limit: 4)
        query.terms = try SearchTerms("needle")
        let first = try archive.search(query)
        #expect(first.hits.map(\.exchange) == [10, 9, 8, 7])
        #expect(first.next != nil)
        for number in 11...20 { try recorder.command(UInt64(number), "SELECT needle \(number)") }
        _ = try await store.settled()
        let second = try archive.search(query, cursor: first.next)
        #expect(second.hits.map(\.exchange) == [6, 5, 4, 3])
        let third = try archive.search(query, cursor: second.next)
        #expect(third.hits.map(\.exchange) == [2, 1])
        #expect(third.next == nil)
    }

    @Test func aHitTellsWhatWasFound() async throws {
        let folder = try Folder()
        let store = try openStore(folder)
        defer { store.close() }
        let context = newContext(run: "r1")
        let recorder = try store.makeRecorder(context)
        try recorder.append(EntryDraft(.sessionOpen))
        let long = String(repeating: "é", count: 500)
        var said = SaidCommand(
            session: context.session, subject: "anna", agent: "", run: "", connection: "", exchange: 1,
            text: "\(long) NEEDLE \(long)", objects: ["public.orders"], rules: ["no-ddl"], verdict: .block,
            outcome: nil,
            approval: nil, time: wallClock()...wallClock())
        try recorder.say(said)
        var draft = EntryDraft(.commandOutcome, exchange: 1)
        draft.outcome = Outcome(kind: .error, code: "42501", rows: 3)
        try recorder.append(draft)
        said.exchange = 2
        said.text = String(repeating: "x", count: IndexedText.longest) + "beyond"
        try recorder.say(said)
        let archive = try await store.settled()
        var query = SearchQuery()
        query.terms = try SearchTerms("needle")
        let hit = try #require(try archive.search(query).hits.first)
        #expect(hit.session.context.session == context.session)
        #expect(hit.session.context.agent.run == "r1")
        #expect((hit.exchange, hit.verdict, hit.outcome, hit.code, hit.rows) == (1, .block, .error, "42501", 3))
        #expect(
            (hit.objects, hit.rules, hit.classes, hit.verb) == (["public.orders"], ["no-ddl"], ["select"], "SELECT"))
        let text = try #require(hit.text)
        #expect(text.match == "NEEDLE")
        #expect(text.before.hasSuffix("éé ") && text.before.utf8.count <= 82)
        #expect(text.after.hasPrefix(" éé") && text.after.utf8.count <= 242)
        #expect(!(text.before + text.after).contains("\u{FFFD}"))
        #expect(text.isCut)
        // Without a text asked for: the beginning.
        query.terms = nil
        let newest = try #require(try archive.search(query).hits.first?.text)
        #expect(newest.before.isEmpty && newest.match.isEmpty && newest.after.hasPrefix("xxx") && newest.isCut)
        // The documented limit: what lies behind it is not found.
        query.terms = try SearchTerms("beyond")
        #expect(try archive.search(query).hits.isEmpty)
    }
}
