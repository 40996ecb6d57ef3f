import GatewayCore
import Identity
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP server on a free loopback port that answers each path with bytes of the test's choosing, well-formed or not.
final class HostileServer: Sendable {
    enum Answer: Sendable {
        /// These bytes, then both directions are closed.
        case bytes([UInt8])
        /// These bytes, then nothing more, but the connection stays open.
        case stall([UInt8])
        /// These bytes, then only the server's direction is closed, and the client's bytes are still read.
        case halfClose([UInt8])
        /// A head, then the same block again and again for as long as the client takes it.
        case endless(head: String, block: [UInt8])
        /// A head, then one byte every 10 ms.
        case drip(head: String)
    }

    private struct State {
        var answers: [String: Answer] = [:]
        var requested: [String] = []
        var sent = 0
        var open = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    static func with(_ body: (HostileServer) async throws -> Void) async throws {
        let server = HostileServer()
        // A thread of its own: a flood must not keep the client's from reading it.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Connection(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.channel.withLock { $0 = channel }
        do {
            try await body(server)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    var url: String { "http://127.0.0.1:\(channel.withLock { $0?.localAddress?.port ?? 0 })" }
    var requested: [String] { state.withLock { $0.requested } }
    /// Bytes of endless answers that went into sockets.
    var sent: Int { state.withLock { $0.sent } }

    /// Returns when no connection is open any more.
    func quiet() async {
        await withCheckedContinuation { continuation in
            let isQuiet = state.withLock { state in
                if state.open > 0 { state.waiting.append(continuation) }
                return state.open == 0
            }
            if isQuiet { continuation.resume() }
        }
    }

    func answer(_ path: String, _ answer: Answer) {
        state.withLock { $0.answers[path] = answer }
    }

    /// A discovery document that names this server and `/keys`.
    func answerDiscovery() {
        answer("/.well-known/openid-configuration", Self.ok(#"{"issuer":"\#(url)","jwks_uri":"\#(url)/keys"}"#))
    }

    static func ok(_ body: String) -> Answer { ok(Array(body.utf8)) }

    static func ok(_ body: [UInt8], length: Int? = nil) -> Answer {
        .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: \(length ?? body.count)\r\n\r\n".utf8) + body)
    }

    static func redirect(_ status: Int, to location: String) -> Answer {
        .bytes(Array("HTTP/1.1 \(status) Elsewhere\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n".utf8))
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        let server: HostileServer
        var head = ""
        var endless: ByteBuffer?
        var drip: RepeatedTask?

        init(server: HostileServer) {
            self.server = server
        }

        func channelActive(context: ChannelHandlerContext) {
            server.state.withLock { $0.open += 1 }
        }

        func channelInactive(context: ChannelHandlerContext) {
            drip?.cancel()
            let waiting = server.state.withLock { state in
                state.open -= 1
                guard state.open == 0 else { return [CheckedContinuation<Void, Never>]() }
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data))
            guard head.hasSuffix("\r\n\r\n") else { return }
            let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
            head = ""
            let answer = server.state.withLock { state in
                state.requested.append(path)
                return state.answers[path]
            }
            let channel = context.channel
            switch answer ?? .bytes(Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)) {
            case .bytes(let bytes):
                channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in channel.close(promise: nil) }
            case .stall(let bytes):
                channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
            case .halfClose(let bytes):
                channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in
                    channel.close(mode: .output, promise: nil)
                }
            case .endless(let head, let block):
                channel.writeAndFlush(ByteBuffer(string: head), promise: nil)
                endless = ByteBuffer(bytes: block)
                pump(channel)
            case .drip(let head):
                channel.writeAndFlush(ByteBuffer(string: head), promise: nil)
                drip = channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(10)) { _ in
                    channel.writeAndFlush(ByteBuffer(string: " "), promise: nil)
                }
            }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            pump(context.channel)
            context.fireChannelWritabilityChanged()
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            // The client has closed; what a half-closed connection waits for will not come.
            if case .inputClosed? = event as? ChannelEvent { return context.close(promise: nil) }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        private func pump(_ channel: any Channel) {
            guard let endless else { return }
            let server = self.server
            while channel.isWritable, channel.isActive {
                channel.writeAndFlush(endless).whenSuccess {
                    server.state.withLock { $0.sent += endless.readableBytes }
                }
            }
        }
    }
}

/// Fetches with patience, but for the URLs that end in a word that the test sets: what is expected to run into the limit
/// on time should not wait long for it, and all else not depend on how busy the machine is.
final class PickyFetcher: DocumentFetcher {
    /// Milliseconds.
    static let short: Int64 = 300

    private let patient = HTTPDocumentFetcher(timeout: 60_000)
    private let hasty = HTTPDocumentFetcher(timeout: short)
    private let hastens = Mutex<String?>(nil)
    private let count = Mutex(0)

    init(hastensAt suffix: String? = nil) {
        hasten(at: suffix)
    }

    var attempts: Int { count.withLock { $0 } }

    func hasten(at suffix: String?) {
        hastens.withLock { $0 = suffix }
    }

    func fetch(_ url: String, limit: Int) async throws(GatewayError) -> FetchedDocument {
        count.withLock { $0 += 1 }
        let isHasty = hastens.withLock { $0.map { url.hasSuffix($0) } ?? false }
        return try await (isHasty ? hasty : patient).fetch(url, limit: limit)
    }

    func shutdown() async {
        await patient.shutdown()
        await hasty.shutdown()
    }
}
