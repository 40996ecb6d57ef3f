import AccessPolicy
import GatewayCore
import Testing

@Suite struct TimeWindowTests {
    /// 2026-11-21 is a Saturday.
    private static let saturday: Int64 = 1_795_219_200

    private func isMet(_ window: TimeWindow, _ seconds: Int64, then: VerdictKind = .block) throws -> Bool {
        var when = GuardRule.Condition()
        when.time = window
        var subject = CommandSubject(classes: [.select])
        subject.time = Timestamp(microseconds: seconds * 1_000_000)
        return try PolicySnapshot(guards: [GuardRule(name: "g", when: when, then: then)]).evaluate(subject).rules == [
            "g"
        ]
    }

    private func window(_ days: String?, _ hours: String?, _ zone: String = "") throws -> TimeWindow {
        let hours = try hours.map { [try #require(TimeWindow.hours($0))] } ?? []
        let days = try days.map { try #require(TimeWindow.days($0)) } ?? TimeWindow.everyDay
        return try #require(TimeWindow(days: days, hours: hours, zone: zone))
    }

    @Test(
        arguments: [
            ("sat", nil, "", 0, true), ("mon-fri", nil, "", 0, false), ("fri-mon", nil, "", 0, true),
            ("sun", nil, "", 86_399, false), ("sun", nil, "", 86_400, true), ("sat", nil, "", -1, false),
            (nil, "08:00-18:00", "", 8 * 3600, true), (nil, "08:00-18:00", "", 8 * 3600 - 1, false),
            (nil, "08:00-18:00", "", 18 * 3600, false), (nil, "00:00-24:00", "", 86_399, true),
            // Over midnight it is the day that it begins on that counts.
            ("sat", "22:00-06:00", "", 23 * 3600, true), ("sat", "22:00-06:00", "", 86_400 + 3600, true),
            ("sat", "22:00-06:00", "", 3600, false), ("fri", "22:00-06:00", "", 3600, true),
            ("sat", "22:00-06:00", "", 86_400 + 6 * 3600, false),
            // In November Berlin is one hour ahead, New York five behind; in July two and four.
            ("sat", "09:00-10:00", "Europe/Berlin", 8 * 3600, true),
            ("sat", "09:00-10:00", "Europe/Berlin", 9 * 3600, false),
            ("fri", "20:00-21:00", "America/New_York", 3600, true),
        ] as [(String?, String?, String, Int64, Bool)])
    func moments(days: String?, hours: String?, zone: String, offset: Int64, expected: Bool) throws {
        var window = try window(days, hours, zone)
        let seconds = Self.saturday + offset
        #expect(try isMet(window, seconds) == expected)
        window.isNegated = true
        #expect(try isMet(window, seconds) == !expected)
    }

    /// 2026-07-07 is a Tuesday in summer time.
    @Test func summerTimeCounts() throws {
        let window = try window("tue", "09:00-10:00", "Europe/Berlin")
        #expect(try isMet(window, 1_783_382_400 + 7 * 3600))
        #expect(try !isMet(window, 1_783_382_400 + 8 * 3600))
    }

    @Test func withoutAClockOnlyStrictRulesApply() throws {
        var when = GuardRule.Condition()
        when.time = try window("mon", nil)
        let subject = CommandSubject(classes: [.select])
        for (then, isMet) in [(VerdictKind.block, true), (.allow, false)] {
            let policy = try PolicySnapshot(guards: [GuardRule(name: "g", when: when, then: then)])
            #expect(policy.dependsOnTime)
            #expect(policy.evaluate(subject).rules == (isMet ? ["g"] : []))
        }
        #expect(try !PolicySnapshot().dependsOnTime)
    }

    @Test(arguments: ["", "mo", "mon-", "-fri", "mon-fri-sun", "8"])
    func noDays(text: String) { #expect(TimeWindow.days(text) == nil) }

    @Test(arguments: [
        "", "8-18", "08:00", "08:00-08:00", "24:00-08:00", "08:60-09:00", "08:00-25:00", "08:0-09:00", "+8:00-09:00",
    ])
    func noHours(text: String) { #expect(TimeWindow.hours(text) == nil) }

    @Test(arguments: ["Europe/Berlinn", "CET", "Mars/Base"])
    func noZone(name: String) { #expect(TimeWindow(zone: name) == nil) }
}
