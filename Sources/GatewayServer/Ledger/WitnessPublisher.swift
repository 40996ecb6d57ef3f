package import AuditLedger
package import AuditStore
import Dispatch
package import GatewayCore
import Synchronization

/// The keeper's checkpoints go to the witnesses before they are published.
extension WitnessService: CheckpointPublisher {
    private struct Kept: WitnessedLedger {
        // The keeper holds the service, which must not hold the keeper.
        weak let keeper: LedgerKeeper?
        let folder: LedgerFolder

        func proof(from old: UInt64, to new: UInt64) throws -> [TreeHash] {
            try ConsistencyProof(oldSize: old, newSize: new) { try folder.tile($0) }.hashes
        }

        func publish(_ note: SignedNote) throws { try keeper?.publish(note) }
    }

    /// What the witnesses answered at the start, for the thread that waits for it.
    private final class FirstWords: Sendable {
        let result = Mutex<Result<[String], GatewayError>?>(nil)
        let isThere = DispatchSemaphore(value: 0)
    }

    /// Blocks for some seconds while witnesses are silent. Witnesses that do not answer do not stop the gateway from
    /// starting; while fewer than the required ones have answered, no session begins (`problem`).
    package func begin(_ ledger: LedgerKeeper) throws(GatewayError) {
        connect(Kept(keeper: ledger, folder: ledger.folder))
        let words = FirstWords()
        let note = ledger.signedNote
        Task {
            do throws(GatewayError) {
                let silent = try await ask(note)
                words.result.withLock { $0 = .success(silent) }
            } catch {
                words.result.withLock { $0 = .failure(error) }
            }
            words.isThere.signal()
        }
        words.isThere.wait()
        switch words.result.withLock({ $0 }) {
        case .failure(let error):
            throw GatewayError(
                error.code,
                "\(error.message) Bring the newest copy of the data folder back; if what was lost cannot be restored, start a new log: sallyport audit new-log --reason TEXT"
            )
        case .success(let silent):
            for reason in silent { warn(reason) }
        case nil: break
        }
        start()
    }

    package func publishable(_ note: SignedNote, head: TreeHead) -> SignedNote? {
        offer(note)
        return nil
    }

    package var problem: GatewayError? { admissionProblem }

    package func close() {
        let isDone = DispatchSemaphore(value: 0)
        Task {
            await stop()
            isDone.signal()
        }
        isDone.wait()
    }
}
