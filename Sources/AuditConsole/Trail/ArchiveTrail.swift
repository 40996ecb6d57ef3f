import AuditLedger
package import AuditStore
import Foundation
package import GatewayCore

/// The record in a gateway's data folder, read through its index. Reads block, so they run on threads of their own.
package struct ArchiveTrail: Trail {
    /// The protocol's name and recorded answer bytes to rows; nil when it knows no such protocol.
    package typealias Decoder = @Sendable (_ kind: String, _ columns: [UInt8], _ answer: [UInt8]) -> AnswerView?

    /// The protocol's name and what was said to messages; nil when that is none of messages.
    package typealias MessageReader =
        @Sendable (
            _ kind: String, _ pieces: [ConversationPiece]
        ) -> (messages: [ExchangeView.Message], isWhole: Bool)?

    private static let queue = DispatchQueue(label: "sallyport.console.archive", attributes: .concurrent)

    package let archive: AuditArchive
    private let decoder: Decoder
    private let messageReader: MessageReader

    package init(
        _ archive: AuditArchive, decoder: @escaping Decoder, messages: @escaping MessageReader = { _, _ in nil }
    ) {
        self.archive = archive
        self.decoder = decoder
        messageReader = messages
    }

    package func sessions(_ filter: SessionFilter, before cursor: RecordID?, limit: Int) async throws -> [SessionView] {
        try await catchUp()
        var query = SessionQuery(limit: limit)
        query.owner = filter.owner
        query.subject = filter.subject
        query.issuer = filter.issuer
        query.principal = filter.principal
        query.agent = filter.agent
        query.run = filter.run
        query.connection = filter.connection
        query.outcome = filter.outcome
        query.text = filter.query
        query.since = filter.since
        query.until = filter.until
        query.before = cursor
        return try await blocking { [query] in try archive.sessions(query).map { SessionView($0) } }
    }

    package func session(_ id: RecordID) async throws -> SessionView? {
        try await catchUp()
        return try await blocking { try archive.session(id).map { SessionView($0) } }
    }

    package func search(_ query: SearchQuery, cursor: String?) async throws -> SearchView {
        let lag = try await archive.lag()
        let page = try await blocking { try archive.search(query, cursor: cursor) }
        return SearchView(page, behindBytes: lag)
    }

    package func entries(of session: RecordID, from sequence: UInt64, limit: Int) async throws -> [TrailEntry] {
        try await blocking {
            try archive.entries(of: session, from: sequence, limit: limit).map { entry in
                TrailEntry(leaf: entry.leaf, content: entry.content.map { ContentItem($0.kind, $0.bytes) })
            }
        }
    }

    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: TrailDirection, limit: Int
    ) async throws -> (bytes: [UInt8], isWhole: Bool) {
        try await blocking {
            try archive.chunks(of: session, exchange: exchange, direction == .answer ? .answer : .input, limit: limit)
        }
    }

    package func conversation(
        of session: RecordID, exchange: UInt64, limit: Int
    ) async throws -> (pieces: [ConversationPiece], isWhole: Bool) {
        try await blocking {
            let (pieces, isWhole) = try archive.conversation(of: session, exchange: exchange, limit: limit)
            return (pieces.map { ConversationPiece($0.direction == .answer ? .answer : .input, $0.bytes) }, isWhole)
        }
    }

    package func messages(
        kind: String, pieces: [ConversationPiece]
    ) -> (messages: [ExchangeView.Message], isWhole: Bool)? {
        messageReader(kind, pieces)
    }

    package func decode(kind: String, columns: [UInt8], answer: [UInt8]) -> AnswerView? {
        decoder(kind, columns, answer)
    }

    /// A view that lacks what was recorded before it was asked for would be a wrong one, so a projection that lags is
    /// an error.
    package func catchUp() async throws {
        guard try await archive.caughtUp() else {
            throw GatewayError(
                .trailLags, "The index lags behind the log by more than a second; try again in a moment.")
        }
    }

    private func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}

extension SessionView {
    init(_ session: ArchivedSession) {
        let context = session.context
        let state = session.closed == nil ? "open" : session.closing == "interrupted" ? "interrupted" : "closed"
        let opened = session.opened ?? session.closed ?? Timestamp(microseconds: 0)
        self.init(
            id: context.session.description, state: state, connection: context.connection, kind: context.kind,
            opened: opened.description)
        principal = context.principal.map { PrincipalView($0) }
        agent = AgentView(context.agent)
        database = context.database
        role = context.role
        clientAddress = context.clientAddress
        closed = session.closed?.description
        reason = session.reason
        commands = session.commands
        blocked = session.blocked
        held = session.held
        errors = session.errors
        rows = session.rows
        durability = context.durability
    }
}

extension GatewayError.Code {
    package static let trailLags = Self("trail.lags")
}
