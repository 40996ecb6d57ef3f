package import AccessPolicy
import AuditLedger
import AuditStore
package import GatewayConfiguration
package import GatewayCore
import Identity
import Logging
import Synchronization

/// Takes over the policy parts of the configuration file while sessions go on: the entry first, then the effect, then
/// what waits is judged again. A file with a mistake changes nothing.
package actor PolicyReloader {
    private let file: String
    private let book: ConnectionBook
    private let store: AuditStore
    private let sessions: SessionRegistry
    private let logger: Logger
    /// What cannot be taken over stays as it was at the start.
    private let started: Fingerprints
    /// One at a time, so that each change tells what it changed.
    private var isReloading = false
    private nonisolated let running: Mutex<[ConnectionConfiguration]>

    init(
        _ configuration: Configuration, book: ConnectionBook, store: AuditStore, sessions: SessionRegistry,
        logger: Logger
    ) {
        file = configuration.file
        started = configuration.fingerprints
        running = Mutex(configuration.connections)
        self.book = book
        self.store = store
        self.sessions = sessions
        self.logger = logger
    }

    /// The connections as they are judged by now.
    package nonisolated var connections: [ConnectionConfiguration] { running.withLock { $0 } }

    /// Errors: `ConfigurationErrors` when the file has mistakes; what the store throws when it cannot record the change,
    /// which then does not happen.
    ///
    /// - Parameter author: nil for a signal.
    package func reload(by author: Principal?) async throws -> PolicyReload {
        guard !isReloading else { throw GatewayError(.policyBusy, "The policy is being reloaded already.") }
        isReloading = true
        defer { isReloading = false }
        let read = try Configuration.loadOrExplain(file, checkingSecrets: false)
        var reload = PolicyReload(notReloaded: started.differences(from: read.fingerprints))
        let known = Dictionary(connections.map { ($0.name, $0) }) { first, _ in first }
        var next = known
        var ready: [ConnectionBook.Renewed] = []
        for connection in read.connections {
            guard let old = known[connection.name], let renewed = try book.renewed(by: connection) else { continue }
            let present = renewed.entry.judge.policy
            let change = PolicyReload.Change(
                from: old, to: renewed.entry.configuration, diff: PolicyDiff(from: present, to: renewed.policy),
                versions: (present.version, renewed.policy.version))
            guard !change.isEmpty else { continue }
            reload.changes.append(change)
            next[connection.name] = renewed.entry.configuration
            ready.append(renewed)
        }
        for change in reload.changes { try await store.appendSystemDurably(Self.draft(of: change, by: author)) }
        book.replace(ready)
        let taken = next
        running.withLock { $0 = $0.map { taken[$0.name] ?? $0 } }
        reload.sessions = sessions.policyChanged(Set(reload.changes.map(\.connection)))
        logger.notice(
            "the policy was reloaded",
            metadata: ["connections": .string(reload.changes.map(\.connection).joined(separator: ", "))])
        return reload
    }

    private static func draft(of change: PolicyReload.Change, by author: Principal?) -> EntryDraft {
        var draft = EntryDraft(.policyChanged)
        draft.connection = change.connection
        draft.policy = change.to
        draft.requester = author
        draft.reasonCode = author == nil ? "signal" : "api"
        draft.details["from"] = change.from
        for (key, names) in [
            ("added", change.diff.added), ("removed", change.diff.removed), ("changed", change.diff.changed),
        ] where !names.isEmpty {
            draft.details[key] = names.joined(separator: ", ")
        }
        draft.content = [ContentItem(.policyDiff, change.lines.joined(separator: "\n"))]
        return draft
    }
}

/// What a reload did.
package struct PolicyReload: Sendable {
    /// What changed for one connection.
    package struct Change: Sendable {
        package var connection: String
        /// Versions of the policy, as entries name them.
        package var from: String
        package var to: String
        package var diff: PolicyDiff
        /// Parts that open sessions keep as they were: `mask`, `access`, `read_only` (the server's half of it).
        package var newSessionsOnly: [String] = []

        init(
            from old: ConnectionConfiguration, to new: ConnectionConfiguration, diff: PolicyDiff,
            versions: (String, String)
        ) {
            connection = new.name
            (from, to) = versions
            self.diff = diff
            if old.masks != new.masks { newSessionsOnly.append("mask") }
            if old.access != new.access { newSessionsOnly.append("access") }
            if old.isReadOnly != new.isReadOnly { newSessionsOnly.append("read_only") }
        }

        var isEmpty: Bool { diff.isEmpty && newSessionsOnly.isEmpty }

        package var lines: [String] {
            diff.lines + newSessionsOnly.map { "= \($0): as the file says now, for sessions to come" }
        }
    }

    package var changes: [Change] = []
    /// Keys that say something else than at the start, which only a restart takes over.
    package var notReloaded: [String]
    /// Open sessions of the connections that changed: from now on judged by the new rules.
    package var sessions = 0
}

extension GatewayError.Code {
    package static let policyBusy = GatewayError.Code("policy.busy")
}
