import AuditStore
import GatewayCore
import Logging

extension Gateway {
    /// Starts the full check of the record beside the sessions. Its result goes to the log and the metrics; a bad one is
    /// the reason why no new session is admitted.
    func startCheck() throws(GatewayError) {
        let logger = self.logger
        try store.startCheck { state in
            switch state {
            case .passed(let summary, let time):
                logger.info(
                    "The audit log was checked: \(summary.size) entries.",
                    metadata: ["seconds": "\(time.components.seconds)", "sessions": "\(summary.sessions)"])
            case .failed(let problem):
                logger.critical(
                    "The check of the audit log failed; no new session is admitted.",
                    metadata: ["problem": "\(problem)"])
            case .idle, .running: break
            }
        }
    }
}
