import AuditLedger
import GatewayCore

/// Signs checkpoints, and never two trees of which the smaller is not the start of the larger.
///
/// Confined to the keeper's thread. After an error it signs no more.
struct LedgerSigner {
    private let signer: NoteSigner
    private let storage: any LogStorage
    /// The last signed state: durable.
    private(set) var state: SignerState

    var verifierKey: NoteVerifierKey { signer.verifierKey }

    init(_ signer: NoteSigner, state: SignerState, storage: any LogStorage) {
        self.signer = signer
        self.state = state
        self.storage = storage
    }

    /// A state of the empty tree, for a log that begins.
    static func empty(
        _ signer: NoteSigner, firstLeaf: UInt64, position: UInt64, segment: UInt64
    ) throws(GatewayError) -> SignerState {
        SignerState(
            note: try note(.empty, signer), head: .empty, firstLeaf: firstLeaf, position: position, segment: segment)
    }

    /// Signs `head`, whose tiles are durable, and makes that fact durable before anyone can see the signature: were it
    /// shown first and then forgotten in a crash, another tree of this size could be signed afterwards.
    ///
    /// The tiles on disk must prove that the new tree extends the one signed last.
    mutating func sign(
        _ head: TreeHead, position: UInt64, segment: UInt64, tiles: LedgerFolder
    ) throws(GatewayError) -> SignedNote {
        guard position >= state.position, segment >= state.segment else {
            throw .ledgerRefusal("The ledger was asked to sign an earlier place of the log than it has signed.")
        }
        try Self.check(state.head, isStartOf: head, tiles)
        var next = state
        if head != state.head {
            next.note = try Self.note(head, signer)
            next.head = head
        }
        next.position = position
        next.segment = segment
        do throws(StorageFailure) {
            try next.replace(in: storage)
        } catch {
            throw .ledgerFailure(error)
        }
        state = next
        return next.note
    }

    /// Errors: `ledger_refused` when the trees contradict each other, those of reading tiles.
    static func check(_ old: TreeHead, isStartOf new: TreeHead, _ tiles: LedgerFolder) throws(GatewayError) {
        do {
            let proof = try ConsistencyProof(oldSize: old.size, newSize: new.size) { try tiles.tile($0) }
            try proof.verify(old: old.root, new: new.root)
        } catch let error as GatewayError {
            throw error
        } catch {
            throw .ledgerRefusal(
                "The tree of \(new.size) entries in \(tiles.name) does not continue the signed one of \(old.size).")
        }
    }

    private static func note(_ head: TreeHead, _ signer: NoteSigner) throws(GatewayError) -> SignedNote {
        do {
            return try signer.note(Checkpoint(origin: signer.verifierKey.name, head: head).text)
        } catch {
            throw GatewayError(.ledgerFailed, "A checkpoint could not be signed.", cause: error)
        }
    }
}
