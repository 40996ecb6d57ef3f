package import AuditStore
package import GatewayConfiguration
package import GatewayCore
package import Logging

/// All sinks of a gateway.
package final class SinkService: Sendable {
    /// Seconds that a stop may take for what was just recorded.
    private static let stopSeconds = 3

    private let runners: [SinkRunner]
    private let ledger: LedgerKeeper

    /// Errors: secrets and authorities that cannot be used.
    package init(
        _ sinks: [SinkConfiguration], ledger: LedgerKeeper, data: String, logger: Logger,
        now: @escaping @Sendable () -> Timestamp
    ) throws(GatewayError) {
        self.ledger = ledger
        let storage = PosixStorage(root: data)
        let source = SinkSource(ledger, storage: storage)
        let cursors = SinkCursors(storage: storage)
        var runners: [SinkRunner] = []
        for sink in sinks {
            let sender: any SinkSender
            switch sink.destination {
            case .file(let file):
                sender = FileSink(file) { [name = sink.name] in
                    logger.warning(
                        "a sink's file is not as the gateway left it; it goes on at its end",
                        metadata: ["sink": "\(name)"])
                }
            case .https(let https):
                sender = try HTTPSSink(name: sink.name, https, now: now)
            }
            runners.append(
                SinkRunner(
                    sink, source: source, cursors: cursors, sender: sender, logger: logger, now: now))
        }
        self.runners = runners
    }

    package func start() {
        for runner in runners { runner.start() }
    }

    /// Hands over what is recorded up to `last`, as far as that goes well within some seconds; the rest goes at the next start.
    package func stop(after last: LogPosition?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                if let last {
                    while !self.ledger.covers(last), self.ledger.failure == nil, !Task.isCancelled {
                        try? await Task.sleep(for: .milliseconds(20))
                    }
                }
                await withTaskGroup(of: Void.self) { group in
                    for runner in self.runners { group.addTask { await runner.finish() } }
                }
            }
            group.addTask { try? await Task.sleep(for: .seconds(Self.stopSeconds)) }
            await group.next()
            // Whoever is still at it is cancelled and waited for: nobody may read or write the folder after this.
            group.cancelAll()
        }
        for runner in runners { await runner.shutdown() }
    }

    package var statuses: [SinkStatus] { runners.map(\.status) }
}
