package import GatewayCore
import Synchronization

/// Grants that also let pass what is the same statement but for its values, until their time is over. Any thread may ask.
package final class StandingGrants: Sendable {
    /// A keyed digest of all that must be the same; made by the caller.
    package typealias Key = [UInt8]

    package struct Grant: Sendable {
        /// As it was when its first command used it.
        package var approval: Approval
        package var until: Timestamp
    }

    private let grants = Mutex<[Key: Grant]>([:])

    package init() {}

    /// The later of two for the same statement stays.
    package func add(_ key: Key, _ approval: Approval, until: Timestamp) {
        grants.withLock { grants in
            if let known = grants[key], known.until >= until { return }
            grants[key] = Grant(approval: approval, until: until)
        }
    }

    package func find(_ key: Key, now: Timestamp) -> Grant? {
        grants.withLock { $0[key] }.flatMap { now < $0.until ? $0 : nil }
    }

    /// Takes back what the approval still grants; nil when that is nothing.
    @discardableResult
    package func remove(_ approval: RecordID, now: Timestamp) -> Grant? {
        grants.withLock { grants in
            guard let found = grants.first(where: { $0.value.approval.id == approval && now < $0.value.until }) else {
                return nil
            }
            grants[found.key] = nil
            return found.value
        }
    }

    /// Forgets what is over, and all of `sessions`.
    package func forget(until now: Timestamp, sessions: Set<RecordID> = []) {
        grants.withLock { grants in
            guard !grants.isEmpty else { return }
            grants = grants.filter { _, grant in
                now < grant.until && !(grant.approval.request.session.map(sessions.contains) ?? false)
            }
        }
    }

    package var all: [Grant] { grants.withLock { Array($0.values) } }
}

extension CommandSubject {
    /// Whether a statement of the same form does the same to other rows only: rows of named tables are read or changed by
    /// what is known, and no text, setting, file or name is made of its values.
    package var isSameForOtherValues: Bool {
        let rows: Set<StatementClass> = [.select, .insert, .update, .delete, .merge]
        return notUnderstood == nil && !classes.isEmpty && classes.isSubset(of: rows) && settings.isEmpty
            && unknownCalls.isEmpty
    }

    /// All that rules may depend on besides values, in one order.
    package var form: [String] {
        let relations = [reads, writes].map { $0.map(\.description).sorted() }
        return [
            classes.map(\.rawValue).sorted(), verbs, relations[0], relations[1], functions.sorted(),
            [writesWithoutWhere ? "without where" : "", leansOnPath ? "leans on path" : ""],
        ].flatMap { ["\($0.count)"] + $0 }
    }
}
