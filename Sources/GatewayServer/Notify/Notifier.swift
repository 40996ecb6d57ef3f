package import GatewayConfiguration
package import GatewayCore
package import Logging

/// Tells all receivers what happens to approvals.
package final class Notifier: Sendable {
    private let queues: [ReceiverQueue]
    private let now: @Sendable () -> Timestamp

    /// Errors: those of `NotificationSender`.
    package init(
        _ configurations: [NotifyConfiguration], consoleURL: String?, logger: Logger,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        var queues: [ReceiverQueue] = []
        for configuration in configurations {
            let sender = try NotificationSender(configuration, consoleURL: consoleURL, now: now)
            queues.append(ReceiverQueue(name: configuration.name, sender: sender, logger: logger, now: now))
        }
        self.queues = queues
        self.now = now
    }

    package func start() {
        for queue in queues { queue.start() }
    }

    /// Never waits.
    package func tell(_ notification: @autoclosure () -> ApprovalNotification) {
        guard !queues.isEmpty else { return }
        let notification = notification()
        for queue in queues { queue.offer(notification) }
    }

    package var counts: [(receiver: String, counts: ReceiverQueue.Counts)] { queues.map { ($0.name, $0.counts) } }

    /// Gives what is left a moment.
    package func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for queue in queues { group.addTask { await queue.finish(within: .seconds(2)) } }
        }
    }
}
