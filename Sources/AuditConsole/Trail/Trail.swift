package import AuditLedger
package import AuditStore
package import GatewayCore

/// Which sessions are wanted; nil members do not narrow.
package struct SessionFilter: Sendable, Hashable {
    /// Only this principal's own sessions; what a caller without a role is held to.
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
    /// Words that a command's text holds.
    package var query: String?
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}
}

/// An entry with its content, as far as it is kept.
package struct TrailEntry: Sendable {
    /// The canonical leaf.
    package var leaf: [UInt8]
    package var content: [ContentItem]

    package init(leaf: [UInt8], content: [ContentItem]) {
        self.leaf = leaf
        self.content = content
    }
}

package enum TrailDirection: Sendable {
    case answer
    case input
}

/// What one side said, up to where the other did.
package struct ConversationPiece: Sendable {
    package var direction: TrailDirection
    package var bytes: [UInt8]

    package init(_ direction: TrailDirection, _ bytes: [UInt8]) {
        self.direction = direction
        self.bytes = bytes
    }
}

extension Trail {
    package func conversation(
        of session: RecordID, exchange: UInt64, limit: Int
    ) async throws -> (pieces: [ConversationPiece], isWhole: Bool) { ([], true) }

    package func messages(
        kind: String, pieces: [ConversationPiece]
    ) -> (messages: [ExchangeView.Message], isWhole: Bool)? { nil }
}

/// The record as the console reads it: newest sessions first, a session's entries in their order.
package protocol Trail: Sendable {
    /// At most `limit` sessions made before `cursor`.
    func sessions(_ filter: SessionFilter, before cursor: RecordID?, limit: Int) async throws -> [SessionView]
    func session(_ id: RecordID) async throws -> SessionView?
    /// A page of the commands that match; `cursor` is the `next` of the page before.
    func search(_ query: SearchQuery, cursor: String?) async throws -> SearchView
    /// At most `limit` entries whose sequence is `from` or later.
    func entries(of session: RecordID, from sequence: UInt64, limit: Int) async throws -> [TrailEntry]
    /// The recorded bytes of one exchange, at most `limit` of them, and whether that is all.
    func chunks(
        of session: RecordID, exchange: UInt64, _ direction: TrailDirection, limit: Int
    ) async throws -> (bytes: [UInt8], isWhole: Bool)
    /// What both sides of one exchange said, in the order of the record, at most `limit` bytes, and whether that is all.
    func conversation(
        of session: RecordID, exchange: UInt64, limit: Int
    ) async throws -> (pieces: [ConversationPiece], isWhole: Bool)
    /// The messages of a connection that went over to a protocol of messages, and whether these are all; nil when this one
    /// did not.
    func messages(kind: String, pieces: [ConversationPiece]) -> (messages: [ExchangeView.Message], isWhole: Bool)?
    /// Recorded answer bytes in the protocol's own framing as rows; nil when there is nothing to show.
    /// `columns` names the columns of an answer that does not do so itself.
    func decode(kind: String, columns: [UInt8], answer: [UInt8]) -> AnswerView?
}
