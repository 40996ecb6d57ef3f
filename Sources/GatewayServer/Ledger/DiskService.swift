import AuditStore
import GatewayCore
import Logging
import SessionKernel
import Synchronization

/// Watches the audit log's disk: when it is next to full, open sessions are ended while their closing entries still can be
/// written.
final class DiskService: Sendable {
    private static let interval = Duration.seconds(1)

    private let store: AuditStore
    private let sessions: SessionRegistry
    private let logger: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(store: AuditStore, sessions: SessionRegistry, logger: Logger) {
        self.store = store
        self.sessions = sessions
        self.logger = logger
    }

    func start() {
        task.withLock { $0 = Task { await self.run() } }
    }

    func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

    private func run() async {
        var last = DiskState.ample
        var filing: String?
        while !Task.isCancelled {
            // A log that failed has ended all sessions already.
            let state = (try? store.watchDisk()) ?? last
            if state == .closing { sessions.endAll(.limit, Self.full) }
            if state != last { tell(state) }
            last = state
            let problem = store.indexProblem?.message
            if problem != filing, let problem { logger.error("\(problem)") }
            filing = problem
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func tell(_ state: DiskState) {
        switch state {
        case .ample: logger.notice("The audit log's disk has room again; sessions are admitted.")
        case .low: logger.error("The audit log's disk is low: no new session is admitted. Free space on it.")
        case .closing: logger.critical("The audit log's disk is full: open sessions are ended. Free space on it.")
        }
    }

    private static let full = Refusal(
        code: "53100", message: "The gateway's disk is full: this session is ended while it can still be recorded.",
        hint: "Connect again later; the operators have been told.")
}
