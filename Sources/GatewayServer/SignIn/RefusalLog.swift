import AuditLedger
import AuditStore
import GatewayCore
import Identity
import SessionKernel

/// Writes `signin.refused` entries; a flood is counted into one entry a minute (DESIGN section 6).
final class RefusalLog: Sendable {
    private let store: AuditStore
    /// Entries written one by one each minute before the rest are counted.
    private let floods = FloodCounter(each: 60)

    init(store: AuditStore) {
        self.store = store
    }

    func write(_ refused: SignInRefused, proof: SignInProof, kind: String, clientAddress: String, at now: Timestamp) {
        let decision = floods.take(at: now)
        if decision.flood > 0 {
            var draft = EntryDraft(.signinRefused)
            draft.reasonCode = "flood"
            draft.measures = [Measure("refused", decision.flood)]
            append(draft)
        }
        guard decision.isSingle else { return }
        var draft = EntryDraft(.signinRefused)
        draft.reasonCode = refused.code
        draft.clientAddress = clientAddress
        draft.details["kind"] = kind
        var claimed = "connection " + ClaimedIdentity.printable(proof.connection)
        if let issuer = refused.claimed?.issuer { claimed += ", issuer " + issuer }
        if let subject = refused.claimed?.subject { claimed += ", subject " + subject }
        draft.content = [ContentItem(.claimedName, claimed)]
        append(draft)
    }

    /// A refusal that cannot be recorded stays a refusal; the store's failure is told elsewhere.
    private func append(_ draft: EntryDraft) {
        _ = try? store.appendSystem(draft)
    }
}
