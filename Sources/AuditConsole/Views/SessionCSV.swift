/// A session's commands with the rows of their answers as one table of comma-separated values.
///
/// Each record has the same fields: what it is (`command`, `columns`, `row`, `copy`, `cut`), the exchange, its time, the
/// command's text and outcome and how many rows it had, the number of the result within the answer and of the row within
/// the result, then the values. A command is followed by its results: the names of a result's columns, then its rows.
package struct SessionCSV {
    private static let fixed = ["record", "exchange", "time", "command", "outcome", "rows", "result", "row"]

    private let line: CSVLine
    /// Fields for values.
    private let width: Int

    package init(width: Int, isSpreadsheetSafe: Bool) {
        line = CSVLine(isSpreadsheetSafe: isSpreadsheetSafe)
        self.width = max(width, 1)
    }

    /// Values that the widest record of an exchange has.
    package static func width(of exchange: ExchangeView) -> Int {
        let results = exchange.answer?.results ?? []
        return max(results.map { max($0.columns.count, $0.rows.map(\.count).max() ?? 0) }.max() ?? 0, 1)
    }

    package var header: String { line.text(Self.fixed + (1...width).map { "value\($0)" }) }

    package func lines(of exchange: ExchangeView, _ write: (String) -> Void) {
        let outcome = exchange.outcome.map { [$0.kind, $0.code].compactMap(\.self).joined(separator: " ") }
        func put(
            _ record: String, command: String? = nil, outcome: String? = nil, rows: Int? = nil, result: Int? = nil,
            row: Int? = nil, _ values: [String?] = []
        ) {
            let filled = Array(values.prefix(width)) + [String?](repeating: nil, count: max(0, width - values.count))
            write(
                line.text(
                    [
                        record, String(exchange.exchange), exchange.time, command, outcome, rows.map { String($0) },
                        result.map { String($0) }, row.map { String($0) },
                    ] + filled))
        }
        put("command", command: exchange.text, outcome: outcome, rows: exchange.rows)
        guard let answer = exchange.answer else { return }
        for (number, result) in answer.results.enumerated() where !result.columns.isEmpty || !result.rows.isEmpty {
            put("columns", result: number + 1, result.columns)
            for (index, row) in result.rows.enumerated() { put("row", result: number + 1, row: index + 1, row) }
        }
        for (index, text) in (answer.copy ?? []).enumerated() { put("copy", row: index + 1, [text]) }
        // Not all of the answer was recorded, or it was erased in part.
        if answer.isTruncated { put("cut") }
    }
}
