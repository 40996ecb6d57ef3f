package import AuditLedger
import GRDB
package import GatewayCore

/// One session as the record knows it.
package struct ArchivedSession: Sendable {
    /// Who, where and to what.
    package var context: SessionContext
    package var opened: Timestamp?
    package var closed: Timestamp?
    /// How it ended: `interrupted` when a crash ended it.
    package var closing: String?
    /// The closing entry's reason code.
    package var reason: String?
    package var commands: Int
    package var blocked: Int
    package var held: Int
    package var errors: Int
    package var rows: Int

    init?(_ row: Row) {
        guard let id = RecordID(row["id"] as String) else { return nil }
        var principal: Principal?
        if let issuer = row["issuer"] as String?, let subject = row["subject"] as String? {
            principal = Principal(
                issuer: issuer, subject: subject, name: row["name"], groups: [], isPersonIssuer: false)
        }
        let agent = AgentContext(
            agent: row["agent"], model: row["model"], run: row["run"], purpose: row["purpose"],
            traceparent: row["traceparent"],
            onBehalfOf: row["on_behalf_of"], trust: AgentContext.Trust(rawValue: row["trust"] ?? "") ?? .claimed)
        context = SessionContext(
            session: id, principal: principal, agent: agent, connection: row["connection"], kind: row["kind"],
            clientAddress: row["address"], database: row["database"], role: row["role"], durability: row["durability"])
        opened = (row["opened"] as Int64?).map(Timestamp.init(microseconds:))
        closed = (row["closed"] as Int64?).map(Timestamp.init(microseconds:))
        closing = row["closing"]
        reason = row["reason"]
        commands = row["commands"]
        blocked = row["blocked"]
        held = row["held"]
        errors = row["errors"]
        rows = row["rows"]
    }
}

/// Which sessions are wanted; nil members do not narrow.
package struct SessionQuery: Sendable {
    /// Exactly this principal: issuer and subject.
    package var owner: Principal?
    /// Subject or readable name.
    package var principal: String?
    package var agent: String?
    package var run: String?
    package var connection: String?
    /// Sessions with at least one command that ended so.
    package var outcome: String?
    /// Words that one command's text holds, all of them, in any case; reads the commands of the sessions that match
    /// otherwise.
    package var text: String?
    package var since: Timestamp?
    package var until: Timestamp?
    /// Only sessions made before this one.
    package var before: RecordID?
    package var limit: Int

    package init(limit: Int = 50) {
        self.limit = limit
    }
}
