import AuditLedger
import AuditStore
import GatewayCore
import Identity
import SessionKernel
import Synchronization

/// Writes `signin.refused` entries; a flood is counted into one entry a minute (DESIGN section 6).
final class RefusalLog: Sendable {
    /// Entries written one by one each minute before the rest are counted.
    private static let each = 60

    private struct Minute {
        var number: Int64 = 0
        var written = 0
        var counted = 0
    }

    private let store: AuditStore
    private let minute = Mutex(Minute())

    init(store: AuditStore) {
        self.store = store
    }

    func write(_ refused: SignInRefused, proof: SignInProof, kind: String, clientAddress: String, at now: Timestamp) {
        let (isSingle, flood) = minute.withLock { minute -> (Bool, Int) in
            let number = now.microseconds / 60_000_000
            var flood = 0
            if number != minute.number {
                flood = minute.counted
                minute = Minute(number: number)
            }
            if minute.written < Self.each {
                minute.written += 1
                return (true, flood)
            }
            minute.counted += 1
            return (false, flood)
        }
        if flood > 0 {
            var draft = EntryDraft(.signinRefused)
            draft.reasonCode = "flood"
            draft.measures = [Measure("refused", flood)]
            append(draft)
        }
        guard isSingle else { return }
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
