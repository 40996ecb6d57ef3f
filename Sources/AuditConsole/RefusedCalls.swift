import AuditLedger
import GatewayCore
import Identity
import Synchronization

/// Writes an entry for each refused call, and counts a flood into one entry a minute.
final class RefusedCalls: Sendable {
    private static let each = 30

    private struct Minute {
        var number: Int64 = 0
        var written = 0
        var counted = 0
    }

    private let minute = Mutex(Minute())

    /// A refusal that cannot be recorded stays a refusal; `/readyz` tells why the store fails.
    func record(
        _ error: GatewayError, claimed: ClaimedIdentity, address: String,
        append: @Sendable (EntryDraft) async throws -> Void
    ) async {
        let (isSingle, flood) = take(at: Timestamp.wall())
        if flood > 0 {
            var draft = EntryDraft(.signinRefused)
            draft.reasonCode = "flood"
            draft.details["door"] = "console"
            draft.measures = [Measure("refused", flood)]
            try? await append(draft)
        }
        guard isSingle else { return }
        var draft = EntryDraft(.signinRefused)
        draft.reasonCode = error.code.description
        draft.clientAddress = address
        draft.details["door"] = "console"
        let names = [claimed.issuer.map { "issuer " + $0 }, claimed.subject.map { "subject " + $0 }].compactMap(\.self)
        if !names.isEmpty { draft.content = [ContentItem(.claimedName, names.joined(separator: ", "))] }
        try? await append(draft)
    }

    private func take(at now: Timestamp) -> (isSingle: Bool, flood: Int) {
        minute.withLock { minute in
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
    }
}
