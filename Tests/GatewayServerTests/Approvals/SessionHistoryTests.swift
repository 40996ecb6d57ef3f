import AccessPolicy
import AuditLedger
import GatewayCore
import GatewayServer
import SessionKernel
import Testing

private let now = Timestamp(microseconds: 1_800_000_000_000_000)

/// What an approver is told that a session did before.
@Suite struct SessionHistoryTests {
    private func entry(
        _ type: EntryType, _ exchange: UInt64, text: String? = nil, outcome: Outcome? = nil, rows: Int? = nil,
        continues: UInt64? = nil
    ) -> EntryDraft {
        var draft = EntryDraft(type, exchange: exchange)
        if let text { draft.content = [ContentItem(.parameters, "[1]"), ContentItem(.text, text)] }
        draft.outcome = outcome
        draft.rows = rows
        if let continues { draft.details["continues"] = String(continues) }
        return draft
    }

    private func history(_ drafts: [EntryDraft]) -> SessionHistory {
        var history = SessionHistory()
        for (place, draft) in drafts.enumerated() { history.note(draft, at: now.advanced(bySeconds: Int64(place))) }
        return history
    }

    @Test func commandsWithTheirEnds() {
        let known = history([
            EntryDraft(.sessionOpen),
            entry(.commandAllowed, 1, text: "SELECT 1"),
            entry(.commandOutcome, 1, outcome: Outcome(kind: .success, tag: "SELECT 1"), rows: 1),
            entry(.commandBlocked, 2, text: "DROP TABLE t", outcome: Outcome(kind: .blocked, code: "42501")),
            entry(.commandHeld, 3, text: "DELETE FROM t"), entry(.commandGranted, 3),
            entry(.commandOutcome, 3, outcome: Outcome(kind: .error, code: "23503")),
            entry(.commandHeld, 4, text: "DELETE FROM u"), entry(.commandDeferred, 4),
            entry(.commandAllowed, 5, text: "SELECT 2"),
            entry(.commandHeld, 6, text: "DELETE FROM v"),
        ]).before(ExchangeID(6))
        #expect(known.map(\.text) == ["SELECT 1", "DROP TABLE t", "DELETE FROM t", "DELETE FROM u", "SELECT 2"])
        #expect(known.map(\.verdict) == ["allowed", "blocked", "granted", "deferred", "allowed"])
        #expect(known.map(\.outcome) == [.success, nil, .error, nil, nil])
        #expect(known[0].rows == 1 && known[2].code == "23503")
        #expect(known.map(\.at) == known.map(\.at).sorted { $0 < $1 })
    }

    @Test func whatPreparesIsToldByWhatRunsIt() {
        let known = history([
            entry(.commandAllowed, 1, text: "SELECT $1"),
            entry(.commandOutcome, 1, outcome: Outcome(kind: .success, tag: "PARSE")),
            entry(.commandAllowed, 2, text: "SELECT $1"),
            entry(.commandAllowed, 3, continues: 2),
            entry(.commandOutcome, 2, outcome: Outcome(kind: .success), rows: 3),
        ]).before(ExchangeID(9))
        #expect(known.map(\.text) == ["SELECT $1"] && known.map(\.rows) == [3])
    }

    @Test func onlyTheLastAndTheirBeginnings() {
        var history = SessionHistory()
        for number in 1...100 {
            history.note(
                entry(.commandAllowed, UInt64(number), text: String(repeating: "x", count: number * 10)), at: now)
        }
        let known = history.before(ExchangeID(101))
        #expect(known.count == SessionHistory.longest)
        #expect(known.allSatisfy { $0.text.utf8.count <= SessionHistory.mostText + 6 && $0.text.hasSuffix(" [...]") })
        #expect(history.before(ExchangeID(1)).isEmpty)
    }

    @Test func aCharacterCutInTwoDoesNoHarm() {
        var history = SessionHistory()
        history.note(entry(.commandAllowed, 1, text: "x" + String(repeating: "é", count: 400)), at: now)
        #expect(history.before(ExchangeID(2))[0].text.hasSuffix("\u{FFFD} [...]"))
    }
}

@Suite struct TargetLocksTests {
    @Test func rowsAreRead() {
        let rows: [[String?]] = [["public.t", "RowExclusiveLock"], ["advisory lock", "ExclusiveLock"], [nil, "2"]]
        #expect(
            TargetLocks.read(rows)
                == .held(
                    [
                        .init(object: "public.t", mode: "RowExclusiveLock"),
                        .init(object: "advisory lock", mode: "ExclusiveLock"),
                    ], waiting: 2))
        #expect(TargetLocks.read([[nil, "0"]]) == .held([], waiting: 0))
    }

    @Test(
        arguments: [
            [], [["public.t", "RowExclusiveLock"]], [[nil, "many"]], [["a", nil], [nil, "0"]], [["a"], [nil, "0"]],
            [[nil]],
        ] as [[[String?]]])
    func anythingElseIsUnknown(rows: [[String?]]) {
        #expect(TargetLocks.read(rows) == nil)
    }
}
