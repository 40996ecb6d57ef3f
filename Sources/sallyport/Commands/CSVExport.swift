import AuditConsole
import AuditStore
import GatewayCore

/// Writes one session's commands with their rows as comma-separated values.
enum CSVExport {
    /// More than is ever recorded of one answer by default.
    private static let answerLimit = 1 << 30

    static func run(
        _ view: SessionView, _ session: RecordID, _ trail: ArchiveTrail, isSpreadsheetSafe: Bool
    ) async throws {
        // Twice, so that each record has as many fields as the widest and no more than one answer is held at a time.
        var width = 1
        try await each(view, session, trail) { width = max(width, SessionCSV.width(of: $0)) }
        let csv = SessionCSV(width: width, isSpreadsheetSafe: isSpreadsheetSafe)
        Output.bytes(Array(csv.header.utf8))
        try await each(view, session, trail) { exchange in
            csv.lines(of: exchange) { Output.bytes(Array($0.utf8)) }
        }
    }

    private static func each(
        _ view: SessionView, _ session: RecordID, _ trail: ArchiveTrail, _ body: (ExchangeView) -> Void
    ) async throws {
        var cursor: Timeline.Cursor? = .start
        while let from = cursor {
            let page = try await Timeline.read(
                trail, session: session, kind: view.kind, from: from, limit: 1, answerLimit: answerLimit)
            for exchange in page.exchanges { body(exchange) }
            cursor = page.next
        }
    }
}
