package import AuditLedger
package import AuditStore
import GatewayCore
import Identity
import Synchronization

/// Writes an entry for each search, and counts a viewer's flood of them into one entry a minute.
final class SearchLog: Sendable {
    /// A viewer's entries written one by one each minute before the rest are counted.
    private static let each = 60
    /// Viewers whose floods are told apart.
    private static let mostViewers = 1024

    private let floods = Mutex<[String: FloodCounter]>([:])

    /// Returns once the entry is durable: nothing is shown before.
    func record(
        _ query: SearchQuery, of view: String, by caller: Caller, _ context: ConsoleContext, _ services: ConsoleServices
    ) async throws {
        let viewer = caller.principal
        let decision = counter(of: viewer).take(at: Timestamp.wall())
        if decision.flood > 0 {
            var draft = EntryDraft(.recordSearched)
            draft.reasonCode = "flood"
            draft.principal = viewer
            draft.measures = [Measure("searches", decision.flood)]
            try await services.append(draft)
        }
        guard decision.isSingle else { return }
        var draft = SearchEntry.draft(query, of: view)
        draft.principal = viewer
        draft.clientAddress = context.address
        try await services.append(draft)
    }

    private func counter(of viewer: Principal) -> FloodCounter {
        let name = "\(viewer.issuer)\u{0}\(viewer.subject)"
        return floods.withLock { floods in
            if let known = floods[name] { return known }
            if floods.count >= Self.mostViewers { floods.removeAll() }
            let counter = FloodCounter(each: Self.each)
            floods[name] = counter
            return counter
        }
    }
}

/// The entry of a search: its filters as meaning, its text as content, which goes sealed into the recording.
package enum SearchEntry {
    /// `view` is what was searched: `commands` or `sessions`.
    package static func draft(_ query: SearchQuery, of view: String) -> EntryDraft {
        var draft = EntryDraft(.recordSearched)
        draft.details["view"] = view
        let filters: [(String, String?)] = [
            ("principal", query.principal), ("agent", query.agent), ("run", query.run),
            ("connection", query.connection), ("outcome", query.outcome?.rawValue),
            ("verdict", query.verdict?.rawValue), ("rule", query.rule), ("object", query.object),
            ("since", query.since?.description), ("until", query.until?.description),
        ]
        for (name, value) in filters { draft.details[name] = value }
        draft.approval = query.approval
        draft.aboutSession = query.session
        if let text = query.terms?.text { draft.content = [ContentItem(.query, text)] }
        return draft
    }
}
