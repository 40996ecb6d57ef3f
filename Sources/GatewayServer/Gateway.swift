import AuditLedger
package import AuditStore
package import CredentialVault
import Foundation
package import GatewayConfiguration
package import GatewayCore
package import Identity
package import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PostgresDialect
package import SQLAnalysis
import SessionKernel
import Synchronization

/// The running gateway: its listeners and everything that its sessions share.
package final class Gateway: Sendable {
    package let configuration: Configuration
    package let vault: VaultKey
    package let store: AuditStore
    /// Nil when none are configured.
    package let witnesses: WitnessService?
    /// Nil when none are configured.
    package let sinks: SinkService?
    package let notifier: Notifier?
    package let sessions: SessionRegistry
    package let locks: LockService
    package let tickets: TicketStore
    package let verifier: TokenVerifier
    package let approvals: ApprovalService
    package let policies: PolicyReloader
    package let metrics: Metrics
    package let logger: Logger

    private let group: MultiThreadedEventLoopGroup
    private let analyzer: SQLAnalyzer
    private let fetchers: [HTTPDocumentFetcher]
    private let catalogues: CatalogueService
    private let retention: RetentionService
    private let disk: DiskService
    private let services: GatewayServices
    private let loops: [ObjectIdentifier: LoopLedger]
    private let state = Mutex(State())

    private struct State {
        var listeners: [any Channel] = []
        var addresses: [(kind: String, endpoint: Endpoint)] = []
        var observation: ObserverToken?
        var ticker: RepeatedTask?
        var watch: Task<Void, Never>?
        var isStopped = false
    }

    /// Opens the store (recovery included), loads keys and policies, and listens. Errors say what to do about them.
    package static func start(_ configuration: Configuration, logger: Logger) async throws(GatewayError) -> Gateway {
        let gateway = try await Gateway(configuration, logger: logger)
        do throws(GatewayError) {
            try await gateway.open()
        } catch {
            await gateway.stop()
            throw error
        }
        return gateway
    }

    private init(_ configuration: Configuration, logger: Logger) async throws(GatewayError) {
        self.configuration = configuration
        self.logger = logger
        vault = try configuration.vaultKey.load()
        var options = try StoreOptions(configuration, vault: vault)
        witnesses =
            configuration.ledger.witnesses.isEmpty ? nil : try WitnessService(configuration.ledger, logger: logger)
        if let witnesses { options.ledger?.publisher = witnesses }
        store = try await Self.openStore(configuration.data, options)
        sinks = try Self.makeSinks(configuration, store, logger)
        notifier = try Self.makeNotifier(configuration, store, logger)
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        metrics = Metrics()
        sessions = SessionRegistry()
        retention = RetentionService(
            store: store, rules: RetentionRule.all(configuration), metrics: metrics, logger: logger)
        disk = DiskService(store: store, sessions: sessions, logger: logger)
        tickets = TicketStore()
        var analysis = SQLAnalyzer.Configuration()
        analysis.limits = configuration.analysisLimits
        analyzer = SQLAnalyzer(analysis)
        catalogues = CatalogueService()
        let standard = HTTPDocumentFetcher()
        var fetchers = [standard]
        verifier = try TokenVerifier(
            issuers: configuration.issuers,
            embedded: configuration.localIssuer ? EmbeddedIssuer(dataFolder: configuration.data) : nil,
            fetcher: { issuer in
                guard let authority = issuer.authority else { return standard }
                fetchers.append(HTTPDocumentFetcher(authority: authority))
                return fetchers[fetchers.count - 1]
            },
            introspection: { configuration.introspection[$0.url].map(TokenIntrospector.Settings.init) })
        self.fetchers = fetchers
        approvals = ApprovalService(
            store: store, digestKey: vault.derive(.approvalDigest), notifier: notifier, logger: logger)
        locks = LockService(store: store, sessions: sessions, approvals: approvals)
        let book = try ConnectionBook(configuration, vault: vault, analyzer: analyzer)
        policies = PolicyReloader(configuration, book: book, store: store, sessions: sessions, logger: logger)
        let signIn = SignInService(
            book: book, verifier: verifier, tickets: tickets, locks: locks.registry, sessions: sessions, store: store,
            approvals: approvals, maximumSessions: configuration.maximumSessions)
        services = GatewayServices(
            store: store, analyzer: analyzer, signIn: signIn, sessions: sessions, approvals: approvals,
            catalogues: catalogues, policyService: PolicyService(group: group, logger: logger),
            metrics: metrics, logger: logger)
        var loops: [ObjectIdentifier: LoopLedger] = [:]
        for loop in group.makeIterator() { loops[ObjectIdentifier(loop)] = LoopLedger(eventLoop: loop, store: store) }
        self.loops = loops
    }

    /// Blocks for the disk and for what witnesses say, which comes by way of the threads that run this: so on another one.
    private static func openStore(_ folder: String, _ options: StoreOptions) async throws(GatewayError) -> AuditStore {
        let result = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(GatewayError) in
                        try AuditStore.open(directory: folder, options: options, now: Timestamp.wall)
                    })
            }
        }
        return try result.get()
    }

    private static func makeSinks(
        _ configuration: Configuration, _ store: AuditStore, _ logger: Logger
    ) throws(GatewayError) -> SinkService? {
        guard let ledger = store.ledger, !configuration.sinks.isEmpty else { return nil }
        do throws(GatewayError) {
            return try SinkService(
                configuration.sinks, ledger: ledger, data: configuration.data, logger: logger, now: Timestamp.wall)
        } catch {
            store.close()
            throw error
        }
    }

    private static func makeNotifier(
        _ configuration: Configuration, _ store: AuditStore, _ logger: Logger
    ) throws(GatewayError) -> Notifier? {
        guard !configuration.notify.isEmpty else { return nil }
        do throws(GatewayError) {
            return try Notifier(
                configuration.notify, consoleURL: configuration.listen.consoleURL, logger: logger, now: Timestamp.wall)
        } catch {
            store.close()
            throw error
        }
    }

    /// The addresses listened on, with the ports that were free where the configuration says 0.
    package var addresses: [(kind: String, endpoint: Endpoint)] { state.withLock { $0.addresses } }

    /// Nil while sessions are admitted; else why not, for `/readyz`.
    package var problem: GatewayError? {
        state.withLock { $0.isStopped }
            ? GatewayError(.gatewayStopping, "The gateway is shutting down.") : store.admissionProblem
    }

    // MARK: - Start

    private func open() async throws(GatewayError) {
        if let notice = store.indexNotice { logger.warning("\(notice)") }
        let loops = Array(self.loops.values)
        let sessions = self.sessions
        let observation = store.observe { progress in
            for loop in loops { loop.advanced(progress) }
            if progress.failure != nil { sessions.endAll(.ledger, SignInRefused.notRecording.refusal) }
        }
        state.withLock { $0.observation = observation }
        var started = EntryDraft(.gatewayStarted)
        started.details["durability"] = configuration.durability.rawValue
        started.details["ledger"] = store.ledger?.origin
        started.details["connections"] = String(configuration.connections.count)
        do {
            try await store.appendSystemDurably(started)
        } catch {
            throw GatewayError(.gatewayStart, "The gateway cannot write its ledger.", cause: error)
        }
        try locks.restore()
        try approvals.endWhatWasLeft()
        try startCheck()
        retention.start()
        sinks?.start()
        notifier?.start()
        disk.start()
        if let endpoint = configuration.listen.postgres { try await listenPostgres(endpoint) }
        if let endpoint = configuration.listen.http { try await listenHTTP(endpoint) }
        let approvals = self.approvals
        let ticker = group.next().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            approvals.expire()
        }
        let watch = TokenWatch(sessions: sessions, logger: logger)
        state.withLock { state in
            state.ticker = ticker
            if !configuration.introspection.isEmpty { state.watch = Task { await watch.run() } }
        }
    }

    private func listenPostgres(_ endpoint: Endpoint) async throws(GatewayError) {
        let terms = ListenerTerms(
            kind: "postgres", tls: try serverTLS(for: endpoint), acceptsClearText: endpoint.isLoopback,
            signInSeconds: configuration.signInSeconds)
        let limits = SessionLimits()
        let (services, loops, metrics) = (self.services, self.loops, self.metrics)
        try await listen(on: endpoint, for: "postgres") { channel in
            channel.eventLoop.makeCompletedFuture {
                metrics.connections.add()
                guard let ledger = loops[ObjectIdentifier(channel.eventLoop)] else {
                    throw ChannelError.operationUnsupported
                }
                let shell = SessionShell(
                    dialect: PostgresDialect(
                        offersTLS: terms.tls != nil, acceptsClearText: terms.acceptsClearText, limits: limits),
                    client: channel, services: services, listener: terms, loopLedger: ledger, limits: limits)
                try channel.pipeline.syncOperations.addHandler(
                    ClientHandler(shell: shell, signInSeconds: terms.signInSeconds))
            }
        }
    }

    private func listenHTTP(_ endpoint: Endpoint) async throws(GatewayError) {
        let tls = try serverTLS(for: endpoint, protocols: ["h2", "http/1.1"])
        let (services, loops, metrics) = (self.services, self.loops, self.metrics)
        let books = loops.mapValues { SharedSessionBook($0.eventLoop, services) }
        let (isLoopback, seconds) = (endpoint.isLoopback, configuration.signInSeconds)
        let stall = configuration.stallSeconds
        let named = configuration.connections.compactMap { connection in connection.host.map { ($0, connection.name) } }
        let hosts = Dictionary(named) { first, _ in first }
        try await listen(on: endpoint, for: "http") { channel in
            channel.eventLoop.makeCompletedFuture {
                metrics.connections.add()
                let loop = ObjectIdentifier(channel.eventLoop)
                guard let ledger = loops[loop], let book = books[loop] else {
                    throw ChannelError.operationUnsupported
                }
                let terms = ListenerTerms(
                    kind: "http", tls: tls, acceptsClearText: isLoopback, signInSeconds: seconds, stallSeconds: stall,
                    sharing: book)
                try channel.pipeline.syncOperations.addHandler(
                    HTTPClientSetup(services: services, terms: terms, ledger: ledger, hosts: hosts))
            }
        }
    }

    /// - Parameter initialize: makes a client's channel ready, on its event loop.
    private func listen(
        on endpoint: Endpoint, for kind: String,
        initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) async throws(GatewayError) {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: SocketTuning.waterMark)
            .childChannelOption(.recvAllocator, value: SocketTuning.readBuffer)
            .childChannelInitializer(initialize)
        do {
            let channel = try await bootstrap.bind(host: endpoint.host, port: endpoint.port).get()
            let port = channel.localAddress?.port ?? endpoint.port
            state.withLock { state in
                state.listeners.append(channel)
                state.addresses.append((kind, Endpoint(host: endpoint.host, port: port)))
            }
        } catch {
            throw GatewayError(
                .gatewayStart, "Cannot listen on \(endpoint) for \(kind). Is the port taken? Change listen.\(kind).",
                cause: error)
        }
    }

    private func serverTLS(
        for endpoint: Endpoint, protocols: [String] = []
    ) throws(GatewayError) -> NIOSSLContext? {
        switch configuration.tls {
        case .off: return nil
        case .files(let certificate, let key):
            return try GatewayCertificate.context(
                certificate: URL(fileURLWithPath: certificate), key: URL(fileURLWithPath: key), protocols: protocols)
        case .auto:
            let folder = URL(fileURLWithPath: configuration.data).appendingPathComponent("tls")
            let hosts =
                [endpoint, configuration.listen.console].compactMap { $0?.host }
                + configuration.connections.compactMap(\.host)
            let made = try GatewayCertificate.loadOrMake(
                in: folder, names: GatewayCertificate.names(listeningOn: hosts))
            return try GatewayCertificate.context(
                certificate: made.certificate, key: made.key, protocols: protocols)
        }
    }

    // MARK: - Stop

    /// Stops accepting, ends every session in its protocol's words, closes the ledger. Takes at most some seconds.
    package func stop() async {
        let (listeners, ticker, watch, first) = state.withLock { state in
            defer {
                state.listeners = []
                state.isStopped = true
            }
            return (state.listeners, state.ticker, state.watch, !state.isStopped)
        }
        guard first else { return }
        ticker?.cancel()
        watch?.cancel()
        for listener in listeners { try? await listener.close().get() }
        await retention.stop()
        await disk.stop()
        sessions.endAll(.shutdown, SessionRegistry.shutdown)
        await sessions.waitUntilEmpty(seconds: 6)
        catalogues.closeAll()
        approvals.close()
        await notifier?.stop()
        let last = try? await store.appendSystemDurably(EntryDraft(.gatewayStopped))
        // Before the store: its lock is what keeps another gateway away from cursors and files.
        await sinks?.stop(after: last)
        if let observation = state.withLock({ $0.observation }) { store.endObserving(observation) }
        let store = self.store
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                store.close()
                continuation.resume()
            }
        }
        analyzer.shutdown()
        for fetcher in fetchers { await fetcher.shutdown() }
        await services.policyService.shutdown()
        try? await group.shutdownGracefully()
    }
}

extension GatewayError.Code {
    package static let gatewayStart = GatewayError.Code("gateway.start")
    package static let gatewayStopping = GatewayError.Code("gateway.stopping")
}

extension TokenIntrospector.Settings {
    init(_ configuration: IntrospectionConfiguration) {
        let reference = configuration.secret
        self.init(clientID: configuration.clientID) { () throws(GatewayError) in
            try reference.resolve().withBytes { Array($0) }
        }
        interval = Int64(configuration.interval)
        grace = Int64(configuration.grace)
    }
}

extension Configuration {
    /// The strictest limits of all connections would refuse too much, so the widest count; the kernel has its own for
    /// each.
    package var analysisLimits: AnalysisLimits {
        var limits = AnalysisLimits()
        for connection in connections {
            if let value = connection.limits.tokens { limits.tokens = max(limits.tokens, value) }
            if let value = connection.limits.command { limits.command = max(limits.command, value) }
            if let value = connection.limits.nesting { limits.nesting = max(limits.nesting, value) }
        }
        return limits
    }
}
