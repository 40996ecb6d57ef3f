package import Foundation

/// Reads the field Retry-After (RFC 9110 section 10.2.3).
package enum RetryAfter {
    /// Seconds from `now`; nil when the text is neither a number nor a date of the preferred form.
    package static func seconds(_ text: String?, now: Date = Date()) -> Int? {
        guard let text = text?.trimmingCharacters(in: .whitespaces), text.utf8.count <= 64 else { return nil }
        if let seconds = Int(text) { return seconds >= 0 ? seconds : nil }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = format.date(from: text) else { return nil }
        return Int(min(max(date.timeIntervalSince(now).rounded(.up), 0), 86_400))
    }
}
