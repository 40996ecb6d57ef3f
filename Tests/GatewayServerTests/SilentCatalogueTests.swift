import AuditLedger
import DataMasking
import GatewayConfiguration
import GatewayCore
import GatewayServer
import NIOCore
import NIOPosix
import SessionKernel
import Synchronization
import Testing

/// A PostgreSQL that falls silent: at once, or after it has let the gateway in.
private final class SilentServer: Sendable {
    private struct State {
        var accepted = 0
        var open = 0
        var waiting: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())
    private let listener = Mutex<(any Channel)?>(nil)
    let letsIn: Bool

    init(letsIn: Bool) {
        self.letsIn = letsIn
    }

    static func with(letsIn: Bool, _ body: (SilentServer) async throws -> Void) async throws {
        let server = SilentServer(letsIn: letsIn)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Connection(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.listener.withLock { $0 = channel }
        do {
            try await body(server)
        } catch {
            try? await channel.close()
            throw error
        }
        try await channel.close()
    }

    var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
    var accepted: Int { state.withLock { $0.accepted } }

    /// Returns when `count` connections have been accepted and none is open any more.
    func settled(after count: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting = (count, continuation) }
            tell()
        }
    }

    private func tell() {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let waiting = state.waiting, state.accepted >= waiting.count, state.open == 0 else { return nil }
            state.waiting = nil
            return waiting.continuation
        }
        continuation?.resume()
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        let server: SilentServer
        var isFirst = true

        init(server: SilentServer) {
            self.server = server
        }

        func channelActive(context: ChannelHandlerContext) {
            server.state.withLock {
                $0.accepted += 1
                $0.open += 1
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            server.state.withLock { $0.open -= 1 }
            server.tell()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard server.letsIn, isFirst else { return }
            isFirst = false
            // AuthenticationOk, ReadyForQuery (idle).
            let welcome: [UInt8] = [0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5A, 0, 0, 0, 5, 0x49]
            context.channel.writeAndFlush(ByteBuffer(bytes: welcome), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SilentCatalogueTests {
    private static let question = LookupRequest.columns([.init(table: 16_384, attribute: 1)])

    private func source(_ port: Int) throws -> CatalogueSource {
        let text = """
            data: /nonexistent
            listen: {postgres: 127.0.0.1:6432}
            identity: {local: true}
            connections:
              - name: orders
                kind: postgres
                target: {host: 127.0.0.1, port: \(port), database: shop, tls: disable}
                credential: {username: app, password: secret-of-the-test}
                access: {groups: [agents]}
            """
        let configuration = try Configuration.parse(text, path: "/nonexistent/test.yaml", checkingSecrets: false)
        let connection = try #require(configuration.connections.first)
        let context = SessionContext(
            session: RecordID(high: 0, low: 1), principal: nil, connection: "orders", kind: "postgres",
            clientAddress: "")
        let terms = SessionTerms(
            context: context, database: "shop", targetUser: "app", masks: MaskSet(key: MaskKey(bytes: [1])),
            cancelKey: (1, [1, 2, 3, 4]), durability: .command, limits: SessionLimits(), targetTLS: .disable)
        return CatalogueSource(connection: connection, terms: terms) {
            TargetCredential(username: "app", password: nil)
        }
    }

    private func ask(
        _ service: CatalogueService, _ source: CatalogueSource, on loop: any EventLoop
    ) async throws -> LookupAnswer {
        try await loop.flatSubmit { service.answer(Self.question, of: source, on: loop) }.get()
    }

    /// Silent from the start, and silent after the sign-in: unknown within the limit, and no connection is kept.
    @Test(arguments: [false, true])
    func isUnknownInTimeAndIsLeft(letsIn: Bool) async throws {
        try await SilentServer.with(letsIn: letsIn) { server in
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            let service = CatalogueService(limit: .milliseconds(200))
            let source = try source(server.port)
            for round in 1...3 {
                let started = ContinuousClock.now
                // Many at once share the connection and the wait.
                try await withThrowingTaskGroup(of: LookupAnswer.self) { group in
                    for _ in 0..<20 { group.addTask { try await ask(service, source, on: loop) } }
                    for try await answer in group { #expect(answer.columns == nil) }
                }
                let took = ContinuousClock.now - started
                #expect(took >= .milliseconds(150) && took < .seconds(30), "round \(round) took \(took)")
                // The next round opens a new one: a server that came back would be heard again. Ends by the suite's
                // limit when a connection stays open.
                await server.settled(after: round)
                #expect(server.accepted == round)
            }
        }
    }

    /// Nobody listens at all.
    @Test func aRefusedConnectionIsUnknownAtOnce() async throws {
        let port = try await withClosedPort()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let started = ContinuousClock.now
        let answer = try await ask(CatalogueService(limit: .seconds(60)), try source(port), on: loop)
        #expect(answer.columns == nil && ContinuousClock.now - started < .seconds(30))
    }

    private func withClosedPort() async throws -> Int {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }
}
