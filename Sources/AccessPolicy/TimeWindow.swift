import Foundation
import GatewayCore

/// Days and hours of a week in a time zone: `{days: [mon-fri], hours: ["08:00-18:00"], zone: Europe/Berlin}`.
///
/// Hours that end before they begin go over midnight and belong to the day that they begin on.
package struct TimeWindow: Sendable, Hashable {
    /// Minutes of a day, the end not included; `from > to` goes over midnight, `from == to` is the whole day.
    package struct Hours: Sendable, Hashable {
        package var from: Int
        package var to: Int
    }

    /// Bit 0 is Monday.
    package let days: UInt8
    package let hours: [Hours]
    /// IANA name; empty for UTC.
    package let zone: String
    /// `not:`, so outside of it.
    package var isNegated = false
    private let timeZone: TimeZone
    private let isUTC: Bool

    package static let everyDay: UInt8 = 0x7F
    private static let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// Nil when there is no such zone.
    package init?(days: UInt8 = everyDay, hours: [Hours] = [], zone: String = "") {
        let isUTC = ["", "UTC", "Etc/UTC"].contains(zone)
        // An abbreviation such as CET would leave out the summer.
        guard isUTC || zone.contains("/"), let found = TimeZone(identifier: isUTC ? "UTC" : zone) else { return nil }
        self.days = days
        self.hours = hours
        self.zone = isUTC ? "" : zone
        self.isUTC = isUTC
        timeZone = found
    }

    /// `mon`, `mon-fri`, `sat-mon`, small or large, long names too; nil for anything else.
    package static func days(_ text: String) -> UInt8? {
        let ends = text.lowercased().split(separator: "-", omittingEmptySubsequences: false).map { day(String($0)) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
        var days: UInt8 = 0
        var next = first
        while true {
            days |= 1 << next
            if next == last { return days }
            next = (next + 1) % 7
        }
    }

    private static func day(_ word: String) -> Int? {
        let long = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        return names.firstIndex(of: word) ?? long.firstIndex(of: word)
    }

    /// `08:00-18:00`, at most `24:00`; nil for anything else, and for hours that are no time at all.
    package static func hours(_ text: String) -> Hours? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { minutes(String($0)) }
        guard ends.count == 2, let from = ends[0], let to = ends[1], from < 1440, from != to else { return nil }
        return Hours(from: from, to: to)
    }

    private static func minutes(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].utf8.count), parts[1].utf8.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }), let hour = Int(parts[0]),
            let minute = Int(parts[1]), minute < 60, hour < 24 || hour == 24 && minute == 0
        else { return nil }
        return hour * 60 + minute
    }

    /// Whether the moment lies in the window, `not` aside.
    func contains(_ time: Timestamp) -> Bool {
        let seconds = time.microseconds / 1_000_000
        let offset =
            isUTC
            ? 0 : Int64(timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds))))
        let local = seconds + offset
        let day = Self.floor(local, 86_400)
        let minute = Int((local - day * 86_400) / 60)
        // 1970-01-01 was a Thursday.
        let weekday = Int(((day + 3) % 7 + 7) % 7)
        guard !hours.isEmpty else { return isOn(weekday) }
        return hours.contains { hours in
            if hours.from < hours.to { return isOn(weekday) && minute >= hours.from && minute < hours.to }
            return isOn(weekday) && minute >= hours.from || isOn((weekday + 6) % 7) && minute < hours.to
        }
    }

    private func isOn(_ weekday: Int) -> Bool { days & 1 << weekday != 0 }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
        value >= 0 ? value / unit : -((-value + unit - 1) / unit)
    }
}

extension TimeWindow: CustomStringConvertible {
    /// As in the file, in one form for each window.
    package var description: String {
        let days = Self.names.enumerated().filter { self.days & 1 << $0.offset != 0 }.map(\.element)
        let hours = self.hours.map { Self.text($0.from) + "-" + Self.text($0.to) }
        return
            ([days.count == 7 ? "every day" : days.joined(separator: ",")]
            + (hours.isEmpty ? [] : [hours.joined(separator: ",")]) + [zone.isEmpty ? "UTC" : zone])
            .joined(separator: " ")
    }

    private static func text(_ minutes: Int) -> String {
        func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
        return two(minutes / 60) + ":" + two(minutes % 60)
    }
}
