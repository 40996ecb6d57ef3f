import DataMasking

/// Messages beside the rows into which a statement can put any value: `pg_notify('c', ssn)`,
/// `set_config('application_name', ssn, false)`.
enum SideChannels {
    /// - Returns: whether anything was changed.
    static func mask(_ notification: inout NotificationResponse, _ masks: MaskSet) -> Bool {
        let old = notification
        if masks.hasColumnRules {
            if !notification.payload.isEmpty { notification.payload = MaskedText.stars }
            if !isName(notification.channel) { notification.channel = MaskedText.stars }
        }
        notification.channel = scanned(notification.channel, masks)
        notification.payload = scanned(notification.payload, masks)
        return notification != old
    }

    /// - Returns: what is told instead; nil when the status may stay.
    static func masked(_ status: ParameterStatus, _ masks: MaskSet) -> ParameterStatus? {
        var hidden = status
        if masks.hasColumnRules, !isHarmless(status) {
            hidden.value = "***"
        } else {
            hidden.value = String(decoding: scanned(Array(status.value.utf8), masks), as: UTF8.self)
        }
        return hidden == status ? nil : hidden
    }

    private static func scanned(_ value: [UInt8], _ masks: MaskSet) -> [UInt8] {
        var output: [UInt8] = []
        return switch value.withUnsafeBytes({ masks.mask(text: $0, into: &output) }) {
        case .unchanged: value
        case .replaced: output
        case .null: MaskedText.stars
        }
    }

    /// A channel must be listened to by its name, so a plain one tells nothing new.
    private static func isName(_ channel: [UInt8]) -> Bool {
        guard let first = channel.first, channel.count <= 63 else { return false }
        return (first | 0x20 >= 0x61 && first | 0x20 <= 0x7A || first == 0x5F)
            && channel.allSatisfy {
                $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A || $0 >= 0x30 && $0 <= 0x3A || [0x5F, 0x2D, 0x2E].contains($0)
            }
    }

    /// Settings whose values the server chooses from a list, and time zones by name. All others can be any text.
    private static func isHarmless(_ status: ParameterStatus) -> Bool {
        switch status.name {
        case "TimeZone": isTimeZone(Array(status.value.utf8))
        case "client_encoding", "server_encoding", "DateStyle", "IntervalStyle", "default_transaction_read_only",
            "in_hot_standby", "integer_datetimes", "is_superuser", "scram_iterations", "server_version",
            "session_authorization", "standard_conforming_strings":
            true
        default: false
        }
    }

    /// A POSIX specification, `anything5`, names its zone freely but needs an offset: only the server's own zones may
    /// have digits, and the form in which it tells a plain offset, `<+03>-03`.
    private static func isTimeZone(_ value: [UInt8]) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
        if !value.contains(where: isDigit) { return true }
        if value.starts(with: Array("Etc/GMT".utf8)) { return value.count <= 10 }
        if ["EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0"].contains(where: {
            $0.utf8.elementsEqual(value)
        }) {
            return true
        }
        return value.first == 0x3C && value.count <= 16 && (value.firstIndex(of: 0x3E) ?? 99) <= 6
            && value.allSatisfy { isDigit($0) || [0x3C, 0x3E, 0x2B, 0x2D, 0x3A].contains($0) }
    }
}
