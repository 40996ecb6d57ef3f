package import AuditStore
package import GatewayConfiguration
import GatewayCore
import Logging
import Synchronization

/// Applies the configured retention: at the start, then every hour, a bounded number of sessions at a time.
final class RetentionService: Sendable {
    /// Between two rounds; less when a round left something over.
    private let interval: Duration
    private static let shortInterval = Duration.seconds(10)

    private let store: AuditStore
    private let rules: [RetentionRule]
    private let metrics: Metrics
    private let logger: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(
        store: AuditStore, rules: [RetentionRule], metrics: Metrics, logger: Logger,
        interval: Duration = .seconds(3600)
    ) {
        self.store = store
        self.rules = rules
        self.metrics = metrics
        self.logger = logger
        self.interval = interval
    }

    func start() {
        task.withLock { $0 = Task(priority: .background) { await self.run() } }
    }

    /// Returns when nothing is being erased any more.
    func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

    private func run() async {
        while !Task.isCancelled {
            let isFull = await round()
            try? await Task.sleep(for: isFull ? Self.shortInterval : interval)
        }
    }

    /// True when there is more to do.
    private func round() async -> Bool {
        do {
            let done = try await store.retain(rules)
            guard !done.erased.isEmpty else { return false }
            metrics.retentionErased.add(done.erased.count)
            logger.info(
                "Retention erased sessions.",
                metadata: ["sessions": "\(done.erased.count)", "recording_bytes": "\(done.bytes)"])
            return done.isFull
        } catch {
            logger.error("Retention could not erase; it tries again in an hour.", metadata: ["problem": "\(error)"])
            return false
        }
    }
}

extension RetentionRule {
    /// The rules of a configuration, named as they stand there.
    package static func all(_ configuration: Configuration) -> [RetentionRule] {
        configuration.retention.enumerated().map { number, rule in
            RetentionRule(
                name: "retention[\(number)]", connections: rule.connections, age: rule.age.map { Int64($0) },
                size: rule.size.map { UInt64($0) })
        }
    }
}
