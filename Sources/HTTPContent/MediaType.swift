/// A Content-Type (RFC 9110 section 8.3.1), read so strictly that it says one thing to every reader.
package struct MediaType: Sendable, Equatable {
    /// In small letters: `application/json`.
    package let name: String
    /// Names in small letters; values without their quotes.
    package let parameters: [String: String]

    package init(name: String, parameters: [String: String] = [:]) {
        self.name = name
        self.parameters = parameters
    }

    /// Nil for what is none: no type, odd characters, a parameter that is given twice.
    package init?(_ text: some Sequence<UInt8>) {
        var rest = Array(text)[...]
        func skipBlanks() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }
        func token() -> String? {
            let token = rest.prefix(while: Self.isToken)
            rest = rest.dropFirst(token.count)
            return token.isEmpty ? nil : String(decoding: token, as: UTF8.self)
        }
        guard let type = token(), rest.popFirst() == UInt8(ascii: "/"), let subtype = token() else { return nil }
        var parameters: [String: String] = [:]
        while true {
            skipBlanks()
            guard let separator = rest.popFirst() else { break }
            guard separator == UInt8(ascii: ";") else { return nil }
            skipBlanks()
            if rest.isEmpty { break }
            guard let name = token()?.lowercased(), rest.popFirst() == UInt8(ascii: "="), parameters[name] == nil else {
                return nil
            }
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                guard let close = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
                let value = rest[..<close]
                // Escapes are read by some and not by others.
                guard !value.contains(UInt8(ascii: "\\")), value.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                    return nil
                }
                parameters[name] = String(decoding: value, as: UTF8.self)
                rest = rest[(close + 1)...]
            } else {
                guard let value = token() else { return nil }
                parameters[name] = value
            }
        }
        self.init(name: (type + "/" + subtype).lowercased(), parameters: parameters)
    }

    /// RFC 8259, and what is written in it (RFC 6839 section 3.1).
    package var isJSON: Bool { name == "application/json" || name == "text/json" || name.hasSuffix("+json") }

    /// One JSON document a line.
    package var isJSONLines: Bool {
        [
            "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
            "application/json-lines",
        ].contains(name)
    }

    /// No charset, or UTF-8.
    package var isUTF8: Bool { parameters["charset"].map { ["utf-8", "utf8"].contains($0.lowercased()) } ?? true }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
