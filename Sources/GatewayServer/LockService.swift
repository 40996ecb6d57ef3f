import AuditLedger
import AuditStore
package import GatewayCore
package import Identity

/// Sets and lifts locks: the entry first, then the effect, then the end of the sessions that it names.
package final class LockService: Sendable {
    package let registry = LockRegistry()
    private let store: AuditStore
    private let sessions: SessionRegistry
    private let approvals: ApprovalService

    init(store: AuditStore, sessions: SessionRegistry, approvals: ApprovalService) {
        self.store = store
        self.sessions = sessions
        self.approvals = approvals
    }

    /// Returns the lock, and how many sessions it ended.
    package func set(
        _ target: Lock.Target, reason: String, by author: Principal
    ) async throws -> (lock: Lock, ended: Int) {
        let now = Timestamp.wall()
        let lock = Lock(
            id: RecordID(at: now), target: target, reason: reason, author: author.name ?? author.subject, since: now)
        var draft = EntryDraft(.lockSet)
        draft.requester = author
        draft.details = LockRecord.details(of: lock)
        draft.content = [ContentItem(.reason, reason)]
        try await store.appendSystemDurably(draft)
        registry.add(lock)
        let registry = self.registry
        approvals.endUnmasking { registry.match($0, agent: $1, connection: $2) != nil }
        return (lock, sessions.end(matching: lock, registry: registry))
    }

    /// Sets again what the ledger says still stands; called at start, before anybody is let in. Errors: `gateway.start`.
    func restore() throws(GatewayError) {
        var standing: [RecordID: Lock] = [:]
        guard let archive = store.archive else {
            throw GatewayError(.gatewayStart, "The locks cannot be read: the ledger keeps no index.")
        }
        do {
            for session in try archive.gatewaySessions() {
                var from: UInt64 = 0
                while true {
                    let entries = try archive.entries(of: session, from: from, limit: 1000)
                    for entry in entries { try Self.apply(entry, to: &standing) }
                    guard entries.count == 1000 else { break }
                    from += 1000
                }
            }
        } catch {
            throw GatewayError(.gatewayStart, "The locks cannot be read from the ledger.", cause: error)
        }
        registry.restore(Array(standing.values))
    }

    private static func apply(_ entry: ArchivedEntry, to standing: inout [RecordID: Lock]) throws {
        let leaf = try Leaf(entry.leaf)
        guard leaf.type == .lockSet || leaf.type == .lockReleased else { return }
        var details: [String: String] = [:]
        for key in ["lock", "author", "subject", "issuer", "agent", "run", "connection"] {
            details[key] = leaf.value["details"]?[key]?.string
        }
        guard let id = details["lock"].flatMap({ RecordID($0) }) else { return }
        if leaf.type == .lockReleased {
            standing[id] = nil
        } else {
            let reason = entry.content.first { $0.kind == .reason }
            details["reason"] = reason.map { String(decoding: $0.bytes, as: UTF8.self) }
            standing[id] = LockRecord.lock(from: details, since: leaf.time ?? Timestamp.wall())
        }
    }

    /// False when no such lock stands.
    package func release(_ id: RecordID, by author: Principal) async throws -> Bool {
        guard registry.all.contains(where: { $0.id == id }) else { return false }
        var draft = EntryDraft(.lockReleased)
        draft.requester = author
        draft.details = ["lock": id.description]
        try await store.appendSystemDurably(draft)
        return registry.remove(id) != nil
    }
}

/// How a lock stands in an entry's details, so that it can be made again from the ledger.
enum LockRecord {
    static func details(of lock: Lock) -> [String: String] {
        var details = ["lock": lock.id.description, "author": lock.author]
        switch lock.target {
        case .principal(let issuer, let subject):
            details["subject"] = subject
            if let issuer { details["issuer"] = issuer }
        case .agent(let name): details["agent"] = name
        case .run(let name): details["run"] = name
        case .connection(let name): details["connection"] = name
        }
        return details
    }

    static func lock(from details: [String: String], since: Timestamp) -> Lock? {
        guard let id = details["lock"].flatMap({ RecordID($0) }) else { return nil }
        let target: Lock.Target
        if let subject = details["subject"] {
            target = .principal(issuer: details["issuer"], subject: subject)
        } else if let agent = details["agent"] {
            target = .agent(agent)
        } else if let run = details["run"] {
            target = .run(run)
        } else if let connection = details["connection"] {
            target = .connection(connection)
        } else {
            return nil
        }
        return Lock(
            id: id, target: target, reason: details["reason"] ?? "locked", author: details["author"] ?? "", since: since
        )
    }
}
