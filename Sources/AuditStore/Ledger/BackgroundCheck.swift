import Dispatch
package import GatewayCore
import Glibc
import Synchronization

/// The full check that runs beside the gateway after its start, on one thread that yields to all others.
package final class BackgroundCheck: Sendable {
    package enum State: Sendable {
        /// Nobody asked for it, or it was ended.
        case idle
        case running(LedgerCheckProgress?)
        case passed(LedgerSummary, Duration)
        case failed(LedgerProblem)
    }

    private struct Stopped: Error {}

    private let now: Mutex<State> = Mutex(.idle)
    private let isStopping = Atomic<Bool>(false)
    /// Entered while its thread runs.
    private let thread = DispatchGroup()

    init() {}

    package var state: State { now.withLock { $0 } }

    /// For a gauge: 0 while it runs, 1 when it passed, 2 when it found something bad; nil when it was not started.
    package var number: Int? {
        switch state {
        case .idle: nil
        case .running: 0
        case .passed: 1
        case .failed: 2
        }
    }

    /// Why no new session may begin: the record is not what it was.
    package var problem: GatewayError? {
        guard case .failed(let problem) = state else { return nil }
        return GatewayError(.ledgerCorrupt, "The check of the audit log failed: \(problem)")
    }

    /// Starts the check; `onEnd` hears how it ended, on the check's thread, unless it was stopped.
    func start(
        _ makeCheck: @escaping @Sendable () -> LedgerCheck?, onEnd: @escaping @Sendable (State) -> Void
    ) throws(GatewayError) {
        now.withLock { $0 = .running(nil) }
        thread.enter()
        do throws(GatewayError) {
            try Thread.start("ledger-check") { [self] in
                run(makeCheck, onEnd)
                thread.leave()
            }
        } catch {
            thread.leave()
            throw error
        }
    }

    private func run(_ makeCheck: @Sendable () -> LedgerCheck?, _ onEnd: @Sendable (State) -> Void) {
        // On Linux this is the calling thread's own; sessions come first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        let start = ContinuousClock.now
        let end: State
        do {
            // The first checkpoint of a new log comes within a second.
            while ledgerIsMissing(makeCheck) { usleep(100_000) }
            guard let check = makeCheck(), !isStopping.load(ordering: .acquiring) else { throw Stopped() }
            let summary = try check.run { progress in
                if isStopping.load(ordering: .acquiring) { throw Stopped() }
                now.withLock { $0 = .running(progress) }
            }
            end = .passed(summary, ContinuousClock.now - start)
        } catch is Stopped {
            return now.withLock { $0 = .idle }
        } catch let problem as LedgerProblem {
            end = .failed(problem)
        } catch {
            end = .failed(LedgerProblem(.file, "the check could not go on: \(error)"))
        }
        // Files go away under a check while the gateway closes.
        guard !isStopping.load(ordering: .acquiring) else { return now.withLock { $0 = .idle } }
        now.withLock { $0 = end }
        onEnd(end)
    }

    private func ledgerIsMissing(_ makeCheck: () -> LedgerCheck?) -> Bool {
        !isStopping.load(ordering: .acquiring) && makeCheck() == nil
    }

    /// Ends it, without a result, and waits for its thread: what it reads, and the libraries it reads with, go away next.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        _ = thread.wait(timeout: .now() + .seconds(10))
    }
}

extension AuditStore {
    /// Starts the full check of the record beside the running gateway, once. Its problem is from then on the reason why no
    /// new session begins. Without ledger or index there is nothing to check.
    package func startCheck(onEnd: @escaping @Sendable (BackgroundCheck.State) -> Void) throws(GatewayError) {
        guard ledger != nil, archive != nil else { return }
        try check.start({ [weak self] in self?.ledgerCheck() }, onEnd: onEnd)
    }
}
