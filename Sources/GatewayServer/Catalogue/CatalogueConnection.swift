import AuditLedger
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import PostgresDialect
import SessionKernel

/// A small PostgreSQL client for the gateway's own questions. Signs in with the dialect's own machine. One question at
/// a time.
final class CatalogueConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    struct Described {
        var name: String
        var reference: LookupRequest.ColumnReference
        var type: UInt32
    }

    private struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    private enum Question {
        case query(String, EventLoopPromise<[[String?]]>)
        case describe([UInt8], EventLoopPromise<[Described]>)

        func fail(_ error: any Error) {
            switch self {
            case .query(_, let promise): promise.fail(error)
            case .describe(_, let promise): promise.fail(error)
            }
        }
    }

    /// A catalogue's answer is small; one that is not is not asked for again.
    private static let answerLimit = 16 << 20

    private var dialect: PostgresDialect
    private let credential: () throws -> TargetCredential
    private let makeTLS: () throws -> NIOSSLClientHandler
    private let ready: EventLoopPromise<NIOLoopBound<CatalogueConnection>>
    private var isReady = false
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var questions: [Question] = []
    private var isAsking = false
    private var rows: [[String?]] = []
    private var described: [Described] = []
    private var failure: String?

    init(
        dialect: PostgresDialect, ready: EventLoopPromise<NIOLoopBound<CatalogueConnection>>,
        credential: @escaping () throws -> TargetCredential,
        tls: @escaping () throws -> NIOSSLClientHandler
    ) {
        self.dialect = dialect
        self.ready = ready
        self.credential = credential
        self.makeTLS = tls
    }

    // MARK: - Questions

    /// The rows of the last statement in `text`, values as text.
    func query(_ text: String) -> EventLoopFuture<[[String?]]> {
        guard let context else { return ready.futureResult.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        let promise = context.eventLoop.makePromise(of: [[String?]].self)
        enqueue(.query(text, promise))
        return promise.futureResult
    }

    /// The columns that `text` would answer with; it is parsed and never run.
    func describe(_ text: [UInt8]) -> EventLoopFuture<[Described]> {
        guard let context else { return ready.futureResult.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        let promise = context.eventLoop.makePromise(of: [Described].self)
        enqueue(.describe(text, promise))
        return promise.futureResult
    }

    func close() {
        context?.close(promise: nil)
    }

    func whenClosed(_ body: @escaping () -> Void) {
        guard let context else { return body() }
        context.channel.closeFuture.assumeIsolated().whenComplete { _ in body() }
    }

    private func enqueue(_ question: Question) {
        questions.append(question)
        askNext()
    }

    private func askNext() {
        guard isReady, !isAsking, let question = questions.first, let context else { return }
        isAsking = true
        rows = []
        described = []
        failure = nil
        var bytes = ByteBuffer()
        switch question {
        case .query(let text, _):
            bytes.writeMessage(FrontendType.query) { $0.writeCString(text.utf8) }
        case .describe(let text, _):
            bytes.writeMessage(FrontendType.parse) { body in
                body.writeCString([])
                body.writeCString(text)
                body.writeInteger(Int16(0))
            }
            bytes.writeMessage(FrontendType.describe) { body in
                body.writeInteger(UInt8(ascii: "S"))
                body.writeCString([])
            }
            bytes.writeEmptyMessage(FrontendType.sync)
        }
        context.writeAndFlush(NIOAny(bytes), promise: nil)
    }

    // MARK: - The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelActive(context: ChannelHandlerContext) {
        do {
            let first = try dialect.openTarget(credential())
            context.writeAndFlush(NIOAny(first), promise: nil)
        } catch {
            fail(error)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        do {
            let certificate = try context.pipeline.syncOperations.nioSSL_peerCertificate()
            let bytes = try dialect.targetTLSEstablished(
                channelBinding: certificate.flatMap { TLSEndpointBinding.hash(of: $0) })
            context.writeAndFlush(NIOAny(bytes), promise: nil)
        } catch {
            fail(error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        do {
            if isReady { try take(bytes) } else { try signIn(bytes, context) }
        } catch {
            fail(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ChannelError.eof)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
    }

    private func fail(_ error: any Error) {
        if !isReady { ready.fail(error) }
        let unanswered = questions
        questions = []
        for question in unanswered { question.fail(error) }
        context?.close(promise: nil)
    }

    private func signIn(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) throws {
        var events: [TargetEvent] = []
        try dialect.receive(fromTarget: bytes, into: &events)
        for event in events {
            switch event {
            case .reply(let bytes): context.writeAndFlush(NIOAny(bytes), promise: nil)
            case .startTLS: try context.pipeline.syncOperations.addHandler(makeTLS(), position: .first)
            case .ready:
                isReady = true
                ready.succeed(NIOLoopBound(self, eventLoop: context.eventLoop))
                askNext()
            case .fatal(let refusal): throw Failed(description: refusal.message)
            default: break
            }
        }
    }

    private func take(_ bytes: ByteBuffer) throws {
        input.writeImmutableBuffer(bytes)
        guard input.readableBytes <= Self.answerLimit else {
            throw Failed(description: "the catalogue's answer is too large")
        }
        while let header = try MessageHeader(at: input), let message = input.readSlice(length: header.total) {
            var body = message
            body.moveReaderIndex(forwardBy: 5)
            switch header.type {
            case BackendType.rowDescription:
                rows = []
                described = try Self.columns(&body)
            case BackendType.dataRow: rows.append(try Self.row(&body))
            case BackendType.error: failure = "the catalogue answered with an error"
            case BackendType.readyForQuery: finish()
            default: break
            }
        }
        input = input.slice()
        if input.readableBytes == 0 { input = ByteBuffer() }
    }

    private func finish() {
        guard isAsking, !questions.isEmpty else { return }
        isAsking = false
        switch questions.removeFirst() {
        case .query(_, let promise):
            if let failure { promise.fail(Failed(description: failure)) } else { promise.succeed(rows) }
        case .describe(_, let promise):
            if let failure { promise.fail(Failed(description: failure)) } else { promise.succeed(described) }
        }
        // A failure may have left a transaction open: the next question starts on a new connection.
        if failure == nil { askNext() } else { context?.close(promise: nil) }
    }

    private static func columns(_ body: inout ByteBuffer) throws -> [Described] {
        guard let count = body.readInteger(as: Int16.self), count >= 0 else {
            throw Failed(description: "malformed row description")
        }
        return try (0..<count).map { _ in
            guard let name = body.readCText(), let table = body.readInteger(as: UInt32.self),
                let attribute = body.readInteger(as: Int16.self), let type = body.readInteger(as: UInt32.self),
                body.readBytes(length: 8) != nil
            else { throw Failed(description: "malformed row description") }
            return Described(
                name: name, reference: LookupRequest.ColumnReference(table: table, attribute: attribute), type: type)
        }
    }

    private static func row(_ body: inout ByteBuffer) throws -> [String?] {
        guard let count = body.readInteger(as: Int16.self), count >= 0 else {
            throw Failed(description: "malformed row")
        }
        return try (0..<count).map { _ in
            guard let length = body.readInteger(as: Int32.self) else { throw Failed(description: "malformed row") }
            if length < 0 { return nil }
            guard let text = body.readString(length: Int(length)) else { throw Failed(description: "malformed row") }
            return text
        }
    }
}
