package import AuditLedger
import Dispatch
package import GatewayConfiguration
package import GatewayCore
package import Logging
import Synchronization

/// What witnesses need of a ledger, and what it hears from them.
package protocol WitnessedLedger: Sendable {
    /// The consistency proof between two sizes of the log.
    func proof(from old: UInt64, to new: UInt64) throws -> [TreeHash]
    /// Puts a note in the place of the published one, unless that has more entries.
    func publish(_ note: SignedNote) throws
}

/// Has the log's checkpoints cosigned by the configured witnesses, beside the traffic, and says what is published and
/// whether sessions may begin.
package final class WitnessService: Sendable {
    package struct Status: Sendable {
        package var name: String
        /// Size of the checkpoint it signed last since the start; nil when it did not.
        package var size: UInt64?
        package var cosignatures = 0
        package var failures = 0
        package var problem: String?
    }

    private struct State {
        var ledger: (any WitnessedLedger)?
        var collector: CosignatureCollector
        /// What the ledger was given last.
        var published: SignedNote?
        var statuses: [Status]
        /// Stays until a restart: what a witness has signed does not come back by itself.
        var rewound: GatewayError?
    }

    private let configuration: LedgerConfiguration
    private let clients: [WitnessClient]
    private let transports: [any WitnessTransport]
    private let logger: Logger
    private let clock: @Sendable () -> Double
    private let state: Mutex<State>
    private let wakes: [AsyncStream<Void>.Continuation]
    private let streams: [AsyncStream<Void>]
    /// Publishes, one note at a time, always the newest with all cosignatures that there are.
    private let publishing = DispatchQueue(label: "sallyport.witnesses")
    private let tasks = Mutex<[Task<Void, Never>]>([])
    /// Seconds between attempts at a witness that does not answer, doubled each time.
    private let backOff: ClosedRange<Double>

    /// `clock` gives seconds that never go back. Errors: `gateway.start` when an authority cannot be read.
    package init(
        _ configuration: LedgerConfiguration, logger: Logger, transport: (any WitnessTransport)? = nil,
        backOff: ClosedRange<Double> = 0.5...30, clock: @escaping @Sendable () -> Double = WitnessService.seconds
    ) throws(GatewayError) {
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        self.backOff = backOff
        var transports: [any WitnessTransport] = []
        for witness in configuration.witnesses {
            if let transport {
                transports.append(transport)
            } else {
                transports.append(try HTTPWitnessTransport(authority: witness.authority))
            }
        }
        self.transports = transports
        clients = zip(configuration.witnesses, transports).map { witness, transport in
            WitnessClient(witness, transport: transport)
        }
        let keys = configuration.witnesses.map(\.key)
        state = Mutex(
            State(
                collector: CosignatureCollector(keys: keys, required: configuration.required),
                statuses: keys.map { Status(name: $0.name) }))
        let made = keys.map { _ in AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }
        streams = made.map(\.stream)
        wakes = made.map(\.continuation)
    }

    /// Seconds since some moment, by a clock that never goes back.
    package static let seconds: @Sendable () -> Double = {
        let passed = epoch.duration(to: .now).components
        return Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
    }
    private static let epoch = ContinuousClock.now

    // MARK: - Start and stop

    /// Must come first.
    package func connect(_ ledger: any WitnessedLedger) {
        state.withLock { $0.ledger = ledger }
    }

    /// Asks all witnesses at once whether they know more of this log than its last signed checkpoint, at most `seconds`
    /// long. Returns those that gave no answer, with the reason.
    ///
    /// Throws `ledger.rewound` when one has cosigned what this log does not hold: nothing may be signed then.
    package func ask(_ note: SignedNote, within seconds: Double = 5) async throws(GatewayError) -> [String] {
        do {
            let checkpoint = try Checkpoint(text: note.text)
            return try await withThrowingTaskGroup(of: String?.self) { group in
                for place in clients.indices {
                    group.addTask { try await self.firstWord(of: place, note, checkpoint, within: seconds) }
                }
                var silent: [String] = []
                for try await answer in group { if let answer { silent.append(answer) } }
                return silent
            }
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(.witnessUnreachable, "The witnesses could not be asked.", cause: error)
        }
    }

    private func firstWord(
        of place: Int, _ note: SignedNote, _ checkpoint: Checkpoint, within seconds: Double
    ) async throws -> String? {
        try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                do {
                    let lines = try await self.submit(note, checkpoint, to: place)
                    _ = try note.adding(lines: lines, by: [self.configuration.witnesses[place].key])
                    self.state.withLock { $0.statuses[place].size = checkpoint.head.size }
                    return nil
                } catch let error as GatewayError where error.code == .ledgerRewound {
                    throw error
                } catch {
                    return "\(error)"
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                return "The witness \(self.configuration.witnesses[place].key.name) did not answer within \(seconds) s."
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func submit(_ note: SignedNote, _ checkpoint: Checkpoint, to place: Int) async throws -> [UInt8] {
        guard let ledger = state.withLock({ $0.ledger }) else { throw CancellationError() }
        return try await clients[place].submit(note, checkpoint, of: ledger)
    }

    /// Begins to submit what is offered.
    package func start() {
        tasks.withLock { tasks in
            guard tasks.isEmpty else { return }
            tasks = clients.indices.map { place in Task { await self.serve(place) } }
        }
    }

    package func stop() async {
        let tasks = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        for wake in wakes { wake.finish() }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        for transport in transports { await transport.shutdown() }
    }

    // MARK: - Checkpoints

    /// Takes a new signed checkpoint, larger than those before. Never waits for a witness; what is to be published is given
    /// to the ledger, now or later.
    package func offer(_ note: SignedNote) {
        state.withLock { state in
            do throws(LedgerFormatError) {
                _ = try state.collector.offer(note, at: clock())
            } catch {
                logger.error("a checkpoint cannot be witnessed", metadata: ["error": "\(error)"])
            }
        }
        publishing.sync { publishNewest() }
        for wake in wakes { wake.yield() }
    }

    /// On the queue only.
    private func publishNewest() {
        let (ledger, note) = state.withLock { state in
            guard state.published != state.collector.published else {
                return (nil as (any WitnessedLedger)?, nil as SignedNote?)
            }
            state.published = state.collector.published
            return (state.ledger, state.published)
        }
        guard let ledger, let note else { return }
        do {
            try ledger.publish(note)
        } catch {
            // The ledger stops by itself when it cannot write; anything else is no reason to sign less.
            logger.error("a checkpoint could not be published", metadata: ["error": "\(error)"])
        }
    }

    private func serve(_ place: Int) async {
        var pause = backOff.lowerBound
        for await _ in streams[place] {
            while !Task.isCancelled, let asked = state.withLock({ $0.collector.next(for: place) }) {
                do {
                    try await attempt(place, asked)
                    pause = backOff.lowerBound
                } catch {
                    guard !Task.isCancelled else { return }
                    fail(place, error)
                    try? await Task.sleep(for: .seconds(pause * Double.random(in: 0.8...1.2)))
                    pause = min(pause * 2, backOff.upperBound)
                }
            }
        }
    }

    private func attempt(_ place: Int, _ asked: CosignatureCollector.Candidate) async throws {
        let lines = try await submit(asked.bare, asked.checkpoint, to: place)
        try state.withLock { state in
            do {
                _ = try state.collector.add(lines, from: place, to: asked)
            } catch {
                throw GatewayError(
                    .witnessRefused,
                    "The witness \(configuration.witnesses[place].key.name) sent no signature by its key.", cause: error
                )
            }
            state.statuses[place].size = asked.checkpoint.head.size
            state.statuses[place].cosignatures += 1
            state.statuses[place].problem = nil
        }
        publishing.async { self.publishNewest() }
        // The next candidate may wait for every witness.
        for wake in wakes { wake.yield() }
    }

    private func fail(_ place: Int, _ error: any Error) {
        let gatewayError = error as? GatewayError
        let text = gatewayError?.message ?? "\(error)"
        let isNew = state.withLock { state in
            defer {
                state.statuses[place].problem = text
                state.statuses[place].failures += 1
            }
            if let gatewayError, gatewayError.code == .ledgerRewound, state.rewound == nil {
                state.rewound = gatewayError
                return true
            }
            return state.statuses[place].problem != text
        }
        guard isNew else { return }
        if gatewayError?.code == .ledgerRewound {
            logger.critical(
                "a witness contradicts this log; no new session is admitted", metadata: ["reason": "\(text)"])
        } else {
            logger.warning(
                "a witness does not sign", metadata: ["reason": "\(text)", "cause": "\(gatewayError?.cause ?? "-")"])
        }
    }

    func warn(_ reason: String) {
        logger.warning("a witness gave no answer at the start", metadata: ["reason": "\(reason)"])
    }

    // MARK: - Answers

    /// Nil while sessions may begin as far as witnesses go.
    package var admissionProblem: GatewayError? {
        let now = clock()
        return state.withLock { state in
            if let rewound = state.rewound { return rewound }
            let answered = state.statuses.count { $0.size != nil }
            if answered < configuration.required {
                return GatewayError(
                    .ledgerUnwitnessed,
                    "No new session: \(answered) of \(configuration.required) required witnesses have answered since the start."
                )
            }
            guard let limit = configuration.maximumUnwitnessed, let since = state.collector.waitingSince,
                now - since > Double(limit)
            else { return nil }
            return GatewayError(
                .ledgerUnwitnessed,
                "No new session: the ledger has waited for its witnesses for \(Int(now - since)) s, more than the \(limit) s of ledger.max_unwitnessed."
            )
        }
    }

    package var statuses: [Status] { state.withLock { $0.statuses } }

    /// Seconds that a checkpoint has waited for its witnesses; 0 when none does.
    package var unwitnessedSeconds: Double {
        let now = clock()
        return state.withLock { $0.collector.waitingSince.map { max(now - $0, 0) } ?? 0 }
    }
}
