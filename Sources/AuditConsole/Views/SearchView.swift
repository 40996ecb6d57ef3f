import AuditLedger
package import AuditStore
import GatewayCore

/// One command that a search found. Times are RFC 3339 in UTC.
package struct SearchHitView: Codable, Sendable, Hashable {
    package struct Outcome: Codable, Sendable, Hashable {
        package var kind: String
        /// The native code of an error.
        package var code: String?
    }

    /// A piece of the command's text, as recorded; `match` is what was found, empty when no text was asked for.
    package struct Excerpt: Codable, Sendable, Hashable {
        package var before: String
        package var match: String
        package var after: String
        /// The text goes on before or after this piece.
        package var isCut: Bool
    }

    package var session: String
    package var exchange: UInt64
    package var time: String
    package var principal: PrincipalView?
    package var agent: AgentView?
    package var connection: String
    package var database: String?
    /// `allow`, `hold` or `block`.
    package var verdict: String?
    /// Absent while the command runs or waits.
    package var outcome: Outcome?
    package var rows: Int?
    package var classes: [String]
    package var verb: String?
    package var objects: [String]
    package var rules: [String]
    /// Absent when no text was recorded.
    package var text: Excerpt?

    package init(session: String, exchange: UInt64, text: String) {
        self.session = session
        self.exchange = exchange
        self.text = Excerpt(before: "", match: "", after: text, isCut: false)
        (time, connection, classes, objects, rules) = ("", "", [], [], [])
    }

    package init(_ hit: SearchHit) {
        let context = hit.session.context
        session = context.session.description
        exchange = hit.exchange
        time = hit.time.description
        principal = context.principal.map { PrincipalView($0) }
        agent = AgentView(context.agent)
        connection = context.connection
        database = context.database
        verdict = hit.verdict?.rawValue
        outcome = hit.outcome.map { Outcome(kind: $0.rawValue, code: hit.code) }
        rows = hit.rows
        classes = hit.classes
        verb = hit.verb
        objects = hit.objects
        rules = hit.rules
        text = hit.text.map {
            Excerpt(before: $0.before, match: $0.match, after: $0.after, isCut: $0.isCut)
        }
    }
}

/// A page of what a search found, newest first.
package struct SearchView: Codable, Sendable {
    package var items: [SearchHitView]
    /// Cursor of the next page; absent on the last. A page may hold fewer than asked for and still have a next one.
    package var next: String?
    /// Bytes of the log, as it was when the search began, that cannot be found yet; absent when there are none.
    package var behindBytes: UInt64?

    package init(items: [SearchHitView], next: String? = nil, behindBytes: UInt64? = nil) {
        self.items = items
        self.next = next
        self.behindBytes = behindBytes
    }

    package init(_ page: SearchPage, behindBytes: UInt64) {
        self.init(
            items: page.hits.map { SearchHitView($0) }, next: page.next,
            behindBytes: behindBytes > 0 ? behindBytes : nil)
    }
}
