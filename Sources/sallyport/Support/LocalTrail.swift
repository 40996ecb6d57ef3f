import AuditConsole
import AuditStore
import CredentialVault
import GatewayConfiguration
import GatewayCore
import GatewayServer
import HTTPDialect
import Identity
import PostgresDialect

/// The record in a data folder on this machine.
enum LocalTrail {
    /// The running gateway's own; nil when its store keeps no index.
    static func of(_ gateway: Gateway) -> ArchiveTrail? {
        gateway.store.archive.map { ArchiveTrail($0, decoder: decode, messages: messages) }
    }

    /// Read beside the gateway or without one. Errors: `CommandFailure`.
    static func open(_ configuration: Configuration) throws(CommandFailure) -> ArchiveTrail {
        do throws(GatewayError) {
            let key = try configuration.vaultKey.load().derive(.sessionKeyWrapping)
            return ArchiveTrail(
                try AuditArchive.open(directory: configuration.data, vaultKey: key), decoder: decode,
                messages: messages)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The same record, with every row and value of an answer, however many there are.
    static func whole(_ trail: ArchiveTrail) -> ArchiveTrail {
        ArchiveTrail(
            trail.archive,
            decoder: { kind, columns, answer in
                kind == "postgres"
                    ? view(RecordedAnswer.decode(answer, columns: columns, rows: .max, valueBytes: .max))
                    : view(kind, answer, limit: .max)
            }, messages: { view($0, $1, limit: .max) })
    }

    private static func decode(kind: String, columns: [UInt8], answer: [UInt8]) -> AnswerView? {
        kind == "postgres"
            ? view(RecordedAnswer.decode(answer, columns: columns)) : view(kind, answer, limit: 64 << 10)
    }

    private static func view(_ kind: String, _ answer: [UInt8], limit: Int) -> AnswerView? {
        guard kind == "http" else { return nil }
        let (text, isWhole) = RecordedResponse.text(answer, limit: limit)
        return AnswerView(text: text, isTruncated: !isWhole)
    }

    private static func messages(
        _ kind: String, _ pieces: [ConversationPiece]
    ) -> (messages: [ExchangeView.Message], isWhole: Bool)? {
        view(kind, pieces, limit: 64 << 10)
    }

    private static func view(
        _ kind: String, _ pieces: [ConversationPiece], limit: Int
    ) -> (messages: [ExchangeView.Message], isWhole: Bool)? {
        guard kind == "http" else { return nil }
        let pieces = pieces.map { RecordedWebSocket.Piece(isFromClient: $0.direction == .input, bytes: $0.bytes) }
        guard let (messages, isWhole) = RecordedWebSocket.messages(pieces, limit: limit) else { return nil }
        return (messages.map { ExchangeView.Message($0) }, isWhole)
    }

    private static func view(_ recorded: RecordedAnswer) -> AnswerView {
        AnswerView(
            results: recorded.results.map { .init(columns: $0.columns.map(\.name), rows: $0.rows, tag: $0.tag) },
            notices: recorded.notices,
            error: recorded.error, copy: recorded.copyData.isEmpty ? nil : recorded.copyData,
            isTruncated: recorded.isTruncated)
    }
}

extension ExchangeView.Message {
    fileprivate init(_ message: RecordedMessage) {
        self.init(
            from: message.isFromClient ? "client" : "target", kind: message.kind.rawValue, bytes: message.size)
        code = message.closeCode
        if message.isUnreadable || message.isUnfinished || message.content.count < message.size { isTruncated = true }
        guard !message.content.isEmpty else { return }
        if message.kind != .binary, let shown = RecordedResponse.shown(message.content, isCut: isTruncated == true) {
            text = shown
        } else {
            data = Base64URL.encode(message.content)
        }
    }
}
