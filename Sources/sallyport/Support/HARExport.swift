import AuditConsole
import AuditStore
import GatewayConfiguration
import GatewayCore
import HTTPDialect

/// Writes one session of kind `http` as an HTTP archive (HAR 1.2), as it reads it: what is held does not grow with it.
enum HARExport {
    /// Blocks while it reads. `connections` tell how a target is spoken to, which the record does not.
    static func write(
        _ view: SessionView, _ session: RecordID, _ archive: AuditArchive, _ connections: [ConnectionConfiguration],
        _ write: @escaping ([UInt8]) throws -> Void
    ) throws {
        let isTLS = connections.first { $0.name == view.connection }.map { $0.target.tls != .disable } ?? false
        var writer = HARWriter(write)
        try writer.begin(version: Version.text, session: HARFacts.session(view))
        try ExchangeWalk.run(archive, session) { exchange, text in
            var facts = HARExchange()
            facts.started = exchange.time
            facts.startedMicros = Timestamp(rfc3339: exchange.time)?.microseconds ?? 0
            facts.duration = exchange.durationMicros ?? 0
            facts.waited = exchange.waitMicros ?? 0
            facts.method = exchange.verb ?? ""
            facts.template = exchange.objects?.first ?? ""
            facts.status = exchange.outcome?.code.flatMap { Int($0) }
            facts.scheme = isTLS ? "https" : "http"
            facts.gateway = HARFacts.exchange(exchange)
            let number = exchange.exchange
            try writer.add(
                facts, request: text,
                input: { try archive.chunks(of: session, exchange: number, .input, $0) },
                answer: { try archive.chunks(of: session, exchange: number, .answer, $0) },
                messages: { try messages(archive, session, number) })
        }
        try writer.finish()
    }

    /// Recorded bytes that are read of one conversation, and bytes that are shown of a message.
    private static let (mostSaid, mostShown) = (16 << 20, 1 << 20)

    private static func messages(
        _ archive: AuditArchive, _ session: RecordID, _ exchange: UInt64
    ) throws -> [RecordedMessage] {
        let (pieces, _) = try archive.conversation(of: session, exchange: exchange, limit: mostSaid)
        let said = pieces.map { RecordedWebSocket.Piece(isFromClient: $0.direction == .input, bytes: $0.bytes) }
        return RecordedWebSocket.messages(said, limit: mostShown)?.messages ?? []
    }
}
