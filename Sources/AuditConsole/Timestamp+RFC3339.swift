import Foundation
package import GatewayCore

extension Timestamp {
    /// Reads `2026-11-21T05:00:00.123456Z`, with an offset in place of Z, or a date alone (midnight UTC); nil for
    /// anything else.
    package init?(rfc3339 text: String) {
        guard
            let match = text.wholeMatch(
                of: #/(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d)))?/#
                    .asciiOnlyDigits()),
            let day = try? Date(String(match.1) + "T00:00:00Z", strategy: .iso8601)
        else { return nil }
        func number(_ part: Substring?) -> Int64 { part.flatMap { Int64($0) } ?? 0 }
        let (hour, minute, second) = (number(match.2), number(match.3), number(match.4))
        let (offsetHours, offsetMinutes) = (number(match.7), number(match.8))
        guard hour < 24, minute < 60, second < 60, offsetHours < 24, offsetMinutes < 60 else { return nil }
        let offset = (offsetHours * 3600 + offsetMinutes * 60) * (match.6 == "-" ? -1 : 1)
        let start = Int64(day.timeIntervalSince1970) * 1_000_000
        // Foundation takes 30 February for 2 March; we do not.
        guard start >= 0, Timestamp(microseconds: start).description.hasPrefix(match.1) else { return nil }
        let micros = number(match.5.map { ($0 + "000000").prefix(6) })
        let whole = start + (hour * 3600 + minute * 60 + second - offset) * 1_000_000 + micros
        guard whole >= 0 else { return nil }
        self.init(microseconds: whole)
    }
}
