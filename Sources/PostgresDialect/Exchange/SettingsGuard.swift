import GatewayCore
import SessionKernel

/// Settings that would make gateway and server read a text differently, or change whose rights count.
enum SettingsGuard {
    /// The refusal of setting `name` (folded) to `value` (nil: the default, or not known); nil when it may be.
    static func refusal(setting name: String, to value: String?) -> Refusal? {
        switch name {
        case "standard_conforming_strings":
            if let value, ["on", "true", "yes", "1", "t", "y", "tru", "ye"].contains(value.lowercased()) { return nil }
            return Refusal(
                message:
                    "standard_conforming_strings must stay on: the gateway and the server would read a text differently."
            )
        case "client_encoding", "names":
            if let value, isSafeEncoding(value) { return nil }
            return Refusal(
                message: "client_encoding must stay UTF8: the gateway and the server would read a text differently.",
                hint: "Set client_encoding (or PGCLIENTENCODING) to UTF8.")
        case "role", "session_authorization", "is_superuser":
            return Refusal(
                message: "The role may not be changed through this gateway: \(name) is fixed for the connection.")
        default:
            return nil
        }
    }

    /// UTF-8 and the encoding that means "bytes as they are". Names are compared as PostgreSQL does: letters and digits
    /// only.
    static func isSafeEncoding(_ value: String) -> Bool {
        let name = String(
            decoding: value.lowercased().utf8.filter { $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x61 && $0 <= 0x7A },
            as: UTF8.self)
        return ["utf8", "unicode", "sqlascii"].contains(name)
    }

    /// Whether a value that the server reports is one the gateway can go on with.
    static func accepts(_ status: ParameterStatus) -> Bool {
        switch status.name {
        case "standard_conforming_strings": status.value == "on"
        case "client_encoding": isSafeEncoding(status.value)
        default: true
        }
    }
}
