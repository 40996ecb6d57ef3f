import AuditLedger
import AuditStore
import GatewayCore
import Identity

/// Writes an entry for each refused call, and counts a flood into one entry a minute.
final class RefusedCalls: Sendable {
    /// Entries written one by one each minute before the rest are counted.
    private let floods = FloodCounter(each: 30)

    /// A refusal that cannot be recorded stays a refusal; `/readyz` tells why the store fails.
    func record(
        _ error: GatewayError, claimed: ClaimedIdentity, address: String,
        append: @Sendable (EntryDraft) async throws -> Void
    ) async {
        let decision = floods.take(at: Timestamp.wall())
        if decision.flood > 0 {
            var draft = EntryDraft(.signinRefused)
            draft.reasonCode = "flood"
            draft.details["door"] = "console"
            draft.measures = [Measure("refused", decision.flood)]
            try? await append(draft)
        }
        guard decision.isSingle else { return }
        var draft = EntryDraft(.signinRefused)
        draft.reasonCode = error.code.description
        draft.clientAddress = address
        draft.details["door"] = "console"
        let names = [claimed.issuer.map { "issuer " + $0 }, claimed.subject.map { "subject " + $0 }].compactMap(\.self)
        if !names.isEmpty { draft.content = [ContentItem(.claimedName, names.joined(separator: ", "))] }
        try? await append(draft)
    }
}
