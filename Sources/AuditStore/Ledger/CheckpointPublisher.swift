package import AuditLedger
package import GatewayCore

/// What happens between "signed and the state synced" and "published": where a checkpoint gathers cosignatures.
///
/// Entries never wait for it; only what `/ledger/` shows does.
package protocol CheckpointPublisher: AnyObject, Sendable {
    /// Called once, at the start, before anything is signed: the tree is the one last signed. An error refuses the start:
    /// a witness has seen a larger tree. `ledger.publish` may be called from now on, from any thread.
    func begin(_ ledger: LedgerKeeper) throws(GatewayError)

    /// Called on the keeper's thread with each new checkpoint, oldest first. Returns the note to publish at once, as it is
    /// or with cosignatures, or nil to hold it back and call `LedgerKeeper.publish` later. Must not wait: the next
    /// checkpoint is signed after it returns.
    func publishable(_ note: SignedNote, head: TreeHead) -> SignedNote?

    /// Why no new session may begin: too much is signed and not witnessed. Asked often; cheap.
    var problem: GatewayError? { get }

    /// The ledger is closing: threads and connections end. Blocks until done.
    func close()
}

extension CheckpointPublisher {
    package func begin(_ ledger: LedgerKeeper) throws(GatewayError) {}
    package var problem: GatewayError? { nil }
    package func close() {}
}

/// Without witnesses a checkpoint is published when it is signed.
package final class ImmediatePublisher: CheckpointPublisher {
    package init() {}

    package func publishable(_ note: SignedNote, head: TreeHead) -> SignedNote? { note }
}
