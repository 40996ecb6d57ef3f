import AccessPolicy
import AuditConsole
import AuditLedger
import AuditStore
import DataMasking
import GatewayConfiguration
import GatewayCore
import GatewayServer
import Identity

extension ConsoleServices {
    /// The console's view of a running gateway.
    static func of(_ gateway: Gateway) throws(GatewayError) -> ConsoleServices {
        guard let trail = LocalTrail.of(gateway) else {
            throw GatewayError(
                GatewayError.Code("console.index"),
                "The console needs the search index, which this store does not keep.")
        }
        var services = ConsoleServices(
            verifier: gateway.verifier, tickets: gateway.tickets, locks: gateway.locks.registry,
            roles: gateway.configuration.roles,
            connections: gateway.configuration.connections, trail: trail,
            unreadiness: { gateway.problem.map { [$0.message] } ?? [] },
            metrics: { metrics(of: gateway) },
            append: { try await gateway.store.appendSystemDurably($0) },
            setLock: { try await gateway.locks.set($0, reason: $1, by: $2) },
            releaseLock: { try await gateway.locks.release($0, by: $1) },
            approvals: { gateway.approvals.list(nil) },
            approve: { try await gateway.approvals.approve($0, by: $1, reason: $2) },
            deny: { try await gateway.approvals.deny($0, by: $1, reason: $2) },
            endSession: { gateway.sessions.end($0, why: $1) },
            erase: { try await gateway.store.erase($0, as: $1) })
        services.consoleURL = gateway.configuration.listen.consoleURL
        services.withdraw = { try await gateway.approvals.withdraw($0, by: $1, reason: $2) }
        services.requestAccess = {
            try await gateway.approvals.requestAccess(to: $0, for: $1, by: $2, reason: $3, address: $4)
        }
        services.requestUnmasking = {
            do {
                return try await gateway.approvals.requestUnmasking(
                    of: $0, on: $1, for: $2, by: $3, reason: $4, address: $5)
            } catch let problem as UnmaskProblem {
                throw Problem.badRequest(problem.description)
            }
        }
        services.ledger = gateway.store.ledger
        services.writeHAR = { try HARExport.write($0, $1, trail.archive, gateway.policies.connections, $2) }
        services.currentConnections = { gateway.policies.connections }
        services.reloadPolicy = { PolicyReloadView(try await gateway.policies.reload(by: $0)) }
        services.sinks = { gateway.sinks?.statuses.map { SinkView($0) } ?? [] }
        return services
    }

    private static func metrics(of gateway: Gateway) -> [Metric] {
        let store = gateway.store.counters
        var metrics = gateway.metrics.all.map { Metric($0.name, $0.help, .counter, Double($0.value)) }
        metrics.append(Metric("sallyport_sessions_open", "Sessions open now.", .gauge, Double(gateway.sessions.count)))
        metrics.append(
            Metric("sallyport_ready", "1 while sessions are admitted.", .gauge, gateway.problem == nil ? 1 : 0))
        metrics.append(
            Metric(
                "sallyport_approvals_pending", "Commands that wait for approval.", .gauge,
                Double(gateway.approvals.list(.pending).count)))
        metrics.append(Metric("sallyport_locks", "Locks that stand.", .gauge, Double(gateway.locks.registry.all.count)))
        metrics += [
            Metric("sallyport_ledger_entries_total", "Entries appended to the log.", .counter, Double(store.entries)),
            Metric("sallyport_ledger_bytes_total", "Bytes written to the log.", .counter, Double(store.bytes)),
            Metric("sallyport_ledger_syncs_total", "Syncs of the log.", .counter, Double(store.syncs)),
            Metric(
                "sallyport_ledger_sync_p50_seconds", "Median duration of a sync.", .gauge,
                Double(store.syncLatency.quantile(0.5)) / 1e9),
            Metric(
                "sallyport_ledger_sync_p99_seconds", "99th percentile of the duration of a sync.", .gauge,
                Double(store.syncLatency.quantile(0.99)) / 1e9),
        ]
        if let state = gateway.store.check.number {
            metrics.append(
                Metric(
                    "sallyport_ledger_check",
                    "The full check after the start: 0 while it runs, 1 when it passed, 2 when it found something bad.",
                    .gauge, Double(state)))
        }
        if let ledger = gateway.store.ledger, let published = ledger.published {
            metrics += [
                Metric(
                    "sallyport_ledger_tree_size", "Entries that the published checkpoint covers.", .gauge,
                    Double(published.head.size)),
                Metric(
                    "sallyport_ledger_signed_size", "Entries that the last signed checkpoint covers.", .gauge,
                    Double(ledger.head.size)),
                Metric(
                    "sallyport_ledger_checkpoint_age_seconds", "Time since a checkpoint was published.", .gauge,
                    Double(max(0, Timestamp.wall().microseconds - published.time.microseconds)) / 1e6),
            ]
        }
        return metrics + witnessMetrics(of: gateway) + sinkMetrics(of: gateway) + notifierMetrics(of: gateway)
    }

    private static func notifierMetrics(of gateway: Gateway) -> [Metric] {
        let all = gateway.notifier?.counts ?? []
        func each(
            _ name: String, _ help: String, _ kind: Metric.Kind, _ value: (ReceiverQueue.Counts) -> Int
        ) -> [Metric] {
            all.map { Metric(name, help, kind, Double(value($0.counts)), labels: [("receiver", $0.receiver)]) }
        }
        let delivered = each("sallyport_notifications_delivered_total", "Notifications delivered.", .counter) {
            $0.delivered
        }
        let failures = each("sallyport_notifications_failures_total", "Attempts that failed.", .counter) { $0.failures }
        let dropped = each("sallyport_notifications_dropped_total", "Notifications given up.", .counter) { $0.dropped }
        let waiting = each("sallyport_notifications_waiting", "Notifications on their way.", .gauge) { $0.waiting }
        return delivered + failures + dropped + waiting
    }

    private static func sinkMetrics(of gateway: Gateway) -> [Metric] {
        let statuses = gateway.sinks?.statuses ?? []
        func each(
            _ name: String, _ help: String, _ kind: Metric.Kind, _ value: (SinkStatus) -> Double
        ) -> [Metric] {
            statuses.map { Metric(name, help, kind, value($0), labels: [("sink", $0.name)]) }
        }
        return each("sallyport_sink_lag_entries", "Entries recorded and not delivered.", .gauge) { Double($0.pending) }
            + each("sallyport_sink_lag_seconds", "Age of the oldest entry that is not delivered.", .gauge) {
                $0.lagSeconds
            }
            + each("sallyport_sink_failing", "1 while the last attempt failed.", .gauge) { $0.problem == nil ? 0 : 1 }
            + each("sallyport_sink_delivered_total", "Entries delivered.", .counter) { Double($0.delivered) }
            + each("sallyport_sink_errors_total", "Attempts that failed.", .counter) { Double($0.errors) }
            + each("sallyport_sink_last_error_timestamp_seconds", "When an attempt last failed; 0 for never.", .gauge) {
                Double($0.lastErrorAt?.microseconds ?? 0) / 1e6
            }
    }

    private static func witnessMetrics(of gateway: Gateway) -> [Metric] {
        guard let witnesses = gateway.witnesses else { return [] }
        let statuses = witnesses.statuses
        return [
            Metric(
                "sallyport_witnesses_signing", "Witnesses that signed when last asked.", .gauge,
                Double(statuses.count { $0.size != nil && $0.problem == nil })),
            Metric(
                "sallyport_witness_cosignatures_total", "Cosignatures received.", .counter,
                Double(statuses.reduce(0) { $0 + $1.cosignatures })),
            Metric(
                "sallyport_witness_failures_total", "Submissions that brought no cosignature.", .counter,
                Double(statuses.reduce(0) { $0 + $1.failures })),
            Metric(
                "sallyport_ledger_unwitnessed_seconds", "How long a checkpoint has waited for its witnesses.", .gauge,
                witnesses.unwitnessedSeconds),
        ]
    }
}

extension PolicyReloadView {
    fileprivate init(_ reload: PolicyReload) {
        self.init(
            changes: reload.changes.map {
                Change(
                    connection: $0.connection, from: $0.from, to: $0.to, added: $0.diff.added, removed: $0.diff.removed,
                    changed: $0.diff.changed, diff: $0.diff.lines, newSessionsOnly: $0.newSessionsOnly)
            }, notReloaded: reload.notReloaded, sessions: reload.sessions)
    }
}
