/// Lines of comma-separated values after RFC 4180: CRLF at their ends, a field in quotes where it holds a comma, a quote or a
/// line's end. Nil, which is NULL, is an empty field; an empty text is one in quotes.
package struct CSVLine {
    /// Puts an apostrophe before what a spreadsheet would take for a formula: such a field is not what was recorded any more.
    package var isSpreadsheetSafe: Bool

    package init(isSpreadsheetSafe: Bool = false) {
        self.isSpreadsheetSafe = isSpreadsheetSafe
    }

    package func text(_ fields: [String?]) -> String {
        fields.map { $0.map(field) ?? "" }.joined(separator: ",") + "\r\n"
    }

    private func field(_ value: String) -> String {
        let text = isSpreadsheetSafe && Self.isFormula(value) ? "'" + value : value
        // By bytes: CR and LF together are one character.
        let needsQuotes =
            text.isEmpty
            || text.utf8.contains { byte in
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\r"), UInt8(ascii: "\n"): true
                default: false
                }
            }
        // Some readers drop spaces at the ends of a field that is not quoted.
        guard needsQuotes || text.first == " " || text.last == " " else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    /// What spreadsheets begin a formula with, also after spaces and in full width; a tab or a line's end may be dropped by
    /// them.
    private static func isFormula(_ value: String) -> Bool {
        value.unicodeScalars.first { $0 != " " }.map { beginnings.contains($0) } ?? false
    }

    private static let beginnings: Set<Unicode.Scalar> = [
        "=", "+", "-", "@", "\t", "\r", "\n", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}",
    ]
}
