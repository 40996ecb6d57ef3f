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
        guard let id = row.value("id", as: String.self).flatMap({ RecordID($0) }) else { return nil }
        var principal: Principal?
        if let issuer = row.value("issuer", as: String.self), let subject = row.value("subject", as: String.self) {
            principal = Principal(
                issuer: issuer, subject: subject, name: row.value("name"), groups: [], isPersonIssuer: false)
        }
        let agent = AgentContext(
            agent: row.value("agent"), model: row.value("model"), run: row.value("run"), purpose: row.value("purpose"),
            traceparent: row.value("traceparent"),
            onBehalfOf: row.value("on_behalf_of"),
            trust: AgentContext.Trust(rawValue: row.value("trust") ?? "") ?? .claimed)
        context = SessionContext(
            session: id, principal: principal, agent: agent, connection: row.value("connection") ?? "",
            kind: row.value("kind") ?? "",
            clientAddress: row.value("address") ?? "", database: row.value("database"), role: row.value("role"),
            durability: row.value("durability"))
        opened = row.value("opened", as: Int64.self).map(Timestamp.init(microseconds:))
        closed = row.value("closed", as: Int64.self).map(Timestamp.init(microseconds:))
        closing = row.value("closing")
        reason = row.value("reason")
        commands = row.count("commands")
        blocked = row.count("blocked")
        held = row.count("held")
        errors = row.count("errors")
        rows = row.count("rows")
    }
}

/// Which sessions are wanted; nil members do not narrow.
package struct SessionQuery: Sendable {
    /// Exactly this principal: issuer and subject.
    package var owner: Principal?
    /// Exactly this subject, at any issuer.
    package var subject: String?
    /// Exactly this issuer.
    package var issuer: String?
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
