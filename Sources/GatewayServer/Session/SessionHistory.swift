package import AccessPolicy
package import AuditLedger
import DequeModule
package import GatewayCore
package import SessionKernel

/// The last commands of a session, for who decides about its next one: what their entries say, and no more.
package struct SessionHistory {
    private struct Known {
        var exchange: UInt64
        var at: Timestamp
        var text: [UInt8]
        var verdict: String
        var outcome: Outcome?
        var rows: Int?
    }

    package static let longest = 10
    /// Bytes of a text that are kept.
    package static let mostText = 500

    private var commands: Deque<Known> = []

    package init() {}

    /// Takes in an entry on its way to the record.
    package mutating func note(_ draft: EntryDraft, at now: @autoclosure () -> Timestamp) {
        guard let exchange = draft.exchange else { return }
        switch draft.type {
        case .commandAllowed: add(draft, exchange, now(), "allowed")
        case .commandBlocked: add(draft, exchange, now(), "blocked")
        case .commandHeld: add(draft, exchange, now(), "held")
        case .commandGranted: change(exchange) { $0.verdict = "granted" }
        case .commandDenied: change(exchange) { $0.verdict = "denied" }
        case .commandExpired: change(exchange) { $0.verdict = "expired" }
        case .commandDeferred: change(exchange) { $0.verdict = "deferred" }
        case .commandOutcome:
            // What only prepares is told by what runs it.
            if draft.outcome?.tag == "PARSE" { return commands.removeAll { $0.exchange == exchange } }
            change(exchange) { known in
                known.outcome = draft.outcome
                known.rows = draft.rows
            }
        default: break
        }
    }

    private mutating func add(_ draft: EntryDraft, _ exchange: UInt64, _ now: Timestamp, _ verdict: String) {
        // It goes on with what an earlier entry holds.
        guard draft.details["continues"] == nil else { return }
        if commands.last?.exchange == exchange { return change(exchange) { $0.verdict = verdict } }
        let whole = draft.content.first { $0.kind == .text }?.bytes ?? Array((draft.verb ?? "").utf8)
        // A copy of the beginning, so that a long text is not kept for it.
        let text = whole.count > Self.mostText ? Array(whole.prefix(Self.mostText)) + Array(" [...]".utf8) : whole
        // With the one that is asked about.
        if commands.count > Self.longest { commands.removeFirst() }
        commands.append(Known(exchange: exchange, at: now, text: text, verdict: verdict))
    }

    private mutating func change(_ exchange: UInt64, _ body: (inout Known) -> Void) {
        guard let index = commands.lastIndex(where: { $0.exchange == exchange }) else { return }
        body(&commands[index])
    }

    /// Oldest first, without `exchange` itself and what came behind it.
    package func before(_ exchange: ExchangeID) -> [Approval.EarlierCommand] {
        commands.filter { $0.exchange < exchange.number }.suffix(Self.longest).map { known in
            Approval.EarlierCommand(
                at: known.at, text: String(decoding: known.text, as: UTF8.self), verdict: known.verdict,
                outcome: known.outcome?.kind, code: known.outcome?.code, rows: known.rows)
        }
    }
}
