import AuditLedger
import GatewayCore
import Synchronization

/// Counts since the gateway started. Names follow the Prometheus conventions; no value carries text from a client.
package final class Metrics: Sendable {
    package final class Counter: Sendable {
        private let value = Atomic<Int>(0)

        func add(_ amount: Int = 1) {
            value.add(amount, ordering: .relaxed)
        }

        package var count: Int { value.load(ordering: .relaxed) }
    }

    package let connections = Counter()
    package let sessions = Counter()
    package let signInsRefused = Counter()
    package let exchanges = Counter()
    package let allowed = Counter()
    package let blocked = Counter()
    package let held = Counter()
    package let granted = Counter()
    package let brokenGlass = Counter()
    package let faults = Counter()
    package let retentionErased = Counter()

    package init() {}

    func count(_ draft: EntryDraft) {
        switch draft.type {
        case .sessionOpen: sessions.add()
        case .commandAllowed: allowed.add()
        case .commandBlocked, .commandDenied, .commandExpired, .commandDeferred: blocked.add()
        case .commandHeld: held.add()
        case .commandGranted:
            granted.add()
            if draft.details["break_glass"] != nil { brokenGlass.add() }
        default: break
        }
    }

    /// Name, help and value of every counter, for the text exposition.
    package var all: [(name: String, help: String, value: Int)] {
        [
            ("sallyport_connections_total", "Client connections accepted.", connections.count),
            ("sallyport_sessions_total", "Sessions opened.", sessions.count),
            ("sallyport_signins_refused_total", "Sign-ins refused.", signInsRefused.count),
            ("sallyport_exchanges_total", "Exchanges settled.", exchanges.count),
            ("sallyport_commands_allowed_total", "Commands allowed.", allowed.count),
            ("sallyport_commands_blocked_total", "Commands refused, denied, deferred or expired.", blocked.count),
            ("sallyport_commands_held_total", "Commands held for approval.", held.count),
            ("sallyport_commands_granted_total", "Held commands granted.", granted.count),
            ("sallyport_break_glass_total", "Held commands that passed by break-glass.", brokenGlass.count),
            ("sallyport_session_faults_total", "Sessions ended by an impossible input.", faults.count),
            (
                "sallyport_retention_erased_total", "Sessions whose content retention erased.",
                retentionErased.count
            ),
        ]
    }
}
