/// A moment as microseconds since 1970-01-01T00:00:00 UTC, without leap seconds.
package struct Timestamp: Hashable, Sendable, Comparable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (one: Timestamp, other: Timestamp) -> Bool {
        one.microseconds < other.microseconds
    }

    /// The moment `seconds` later (or earlier, when negative), held at the ends of the range.
    package func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (delta, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return Timestamp(microseconds: seconds < 0 ? .min : .max) }
        let (sum, carried) = microseconds.addingReportingOverflow(delta)
        return Timestamp(microseconds: carried ? (seconds < 0 ? .min : .max) : sum)
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with six decimals: `2026-11-21T04:33:00.000000Z`.
    package var description: String {
        let clamped = min(max(microseconds, 0), 253_402_300_799_999_999)
        let seconds = clamped / 1_000_000
        let (year, month, day) = Self.civil(fromDays: seconds / 86_400)
        let time = seconds % 86_400
        var text = ""
        text.reserveCapacity(27)
        func put(_ value: Int64, _ width: Int) {
            let digits = String(value)
            for _ in digits.utf8.count..<max(width, digits.utf8.count) { text.append("0") }
            text.append(digits)
        }
        put(year, 4)
        text.append("-")
        put(month, 2)
        text.append("-")
        put(day, 2)
        text.append("T")
        put(time / 3600, 2)
        text.append(":")
        put(time / 60 % 60, 2)
        text.append(":")
        put(time % 60, 2)
        text.append(".")
        put(clamped % 1_000_000, 6)
        text.append("Z")
        return text
    }

    /// Days since the epoch to year, month and day in the proleptic Gregorian calendar.
    private static func civil(fromDays days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthIndex + 2) / 5 + 1)
    }
}
