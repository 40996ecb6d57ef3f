import GatewayCore
import SQLAnalysis
import SessionKernel

/// Judges the parameters of a StartupMessage: what is passed on to the target, and what must be refused.
enum StartupPolicy {
    /// Parameters for the target, without user and database, or the refusal of the first that may not be.
    static func judge(_ message: StartupMessage) -> Result<[(name: String, value: String)], Rejection> {
        var passed: [(name: String, value: String)] = []
        for (name, value) in message.parameters {
            let folded = name.lowercased()
            switch folded {
            case "user", "database":
                continue
            case "replication":
                guard ["false", "off", "no", "0", "f", "n"].contains(value.lowercased()) else {
                    return .failure(
                        Rejection("0A000", "Replication connections are not supported through this gateway."))
                }
                continue
            case "options":
                guard let settings = options(value) else {
                    return .failure(
                        Rejection(
                            "22023",
                            "The start-up parameter options could not be understood; only -c name=value is passed on."))
                }
                for (name, value) in settings {
                    if let rejection = reject(setting: name.lowercased(), value) { return .failure(rejection) }
                }
            default:
                if folded.hasPrefix("_pq_.") { continue }
                if let rejection = reject(setting: folded, value) { return .failure(rejection) }
            }
            passed.append((name, value))
        }
        return .success(passed)
    }

    struct Rejection: Error {
        var refusal: Refusal

        init(_ code: String, _ message: String) { refusal = Refusal(code: code, message: message) }
    }

    private static func reject(setting name: String, _ value: String) -> Rejection? {
        SettingsGuard.refusal(setting: name, to: value).map { Rejection($0.code, $0.message) }
    }

    /// Whether a search path among the parameters, also in `options`, may let others stand before built-in functions.
    static func hidesBuiltIns(_ parameters: [(name: String, value: String)]) -> Bool {
        parameters.contains { name, value in
            switch name.lowercased() {
            case "search_path": SettingEffects.hidesBuiltIns(searchPath: value)
            case "options":
                (options(value) ?? []).contains {
                    $0.name.lowercased() == "search_path" && SettingEffects.hidesBuiltIns(searchPath: $0.value)
                }
            default: false
            }
        }
    }

    /// Splits `options` as PostgreSQL's pg_split_opts does (a backslash keeps the next byte) and reads `-c name=value`,
    /// `-cname=value` and `--name=value`; nil for anything else.
    static func options(_ text: String) -> [(name: String, value: String)]? {
        var words: [String] = []
        var word: String.UnicodeScalarView?
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                word = (word ?? .init()) + [scalar]
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
                word = word ?? .init()
            } else if scalar.properties.isWhitespace {
                if let word { words.append(String(word)) }
                word = nil
            } else {
                word = (word ?? .init()) + [scalar]
            }
        }
        if isEscaped { return nil }
        if let word { words.append(String(word)) }
        var settings: [(String, String)] = []
        var index = 0
        while index < words.count {
            var body: Substring
            if words[index] == "-c" {
                index += 1
                guard index < words.count else { return nil }
                body = words[index][...]
            } else if words[index].hasPrefix("--") || words[index].hasPrefix("-c") {
                body = words[index].dropFirst(2)
            } else {
                return nil
            }
            index += 1
            guard let equals = body.firstIndex(of: "="), equals > body.startIndex else { return nil }
            // PostgreSQL takes a dash in the name for an underscore.
            let name = String(body[..<equals].map { $0 == "-" ? "_" : $0 })
            guard
                name.utf8.allSatisfy({
                    $0 == 0x5F || $0 == 0x2E || $0 >= 0x30 && $0 <= 0x39 || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A
                })
            else { return nil }
            settings.append((name, String(body[body.index(after: equals)...])))
        }
        return settings
    }
}
