import NIOCore

/// What masks can make of a body, by its media type.
enum BodyKind: Equatable {
    case json
    case text
    case events
    case form
    case multipart(boundary: String)
    /// Nothing: its type, or the characters it is written in, are none that can be looked into.
    case binary

    /// The media type in small letters, without parameters; empty when there is none.
    static func type(_ contentType: ArraySlice<UInt8>?) -> String {
        guard let contentType else { return "" }
        return trimmed(contentType.prefix { $0 != 0x3B }).map(Octets.lower)[...].text
    }

    /// - Parameter contentType: the value of Content-Type; nil when there is none.
    init(_ contentType: ArraySlice<UInt8>?) {
        let type = Self.type(contentType)
        var parameters: [String: String] = [:]
        for part in (contentType ?? []).split(separator: 0x3B).dropFirst() {
            let name = trimmed(part.prefix { $0 != 0x3D }).map(Octets.lower)[...].text
            let value = trimmed(part.dropFirst(part.prefix { $0 != 0x3D }.count + 1))
            guard parameters[name] == nil else {
                // Readers differ on which of two counts.
                self = .binary
                return
            }
            parameters[name] = (value.first == 0x22 && value.count > 1 ? value.dropFirst().dropLast() : value).text
        }
        guard parameters["charset"].map(Self.isASCII) ?? true else {
            self = .binary
            return
        }
        self = Self.kind(type, boundary: parameters["boundary"])
    }

    private static func kind(_ type: String, boundary: String?) -> BodyKind {
        let words = type.split(separator: "/")
        guard words.count == 2 else { return .binary }
        switch type {
        case "text/event-stream": return .events
        case "application/x-www-form-urlencoded": return .form
        case _ where words[0] == "multipart" && type != "multipart/byteranges":
            return boundary.map { .multipart(boundary: $0) } ?? .binary
        case _ where jsonTypes.contains(words[1]) || words[1].hasSuffix("+json"): return .json
        case _ where words[0] == "text" || textTypes.contains(type) || words[1].hasSuffix("+xml"): return .text
        default: return .binary
        }
    }

    private static let jsonTypes: Set<Substring> = [
        "json", "x-json", "ndjson", "x-ndjson", "jsonl", "jsonlines", "x-jsonlines", "json-seq", "stream+json",
    ]
    private static let textTypes: Set<String> = [
        "application/xml", "application/javascript", "application/x-javascript", "application/ecmascript",
        "application/graphql", "application/sql", "application/yaml", "application/x-yaml", "application/toml",
        "application/x-sh", "application/csv", "application/rtf",
    ]

    /// Codings in which a byte below 0x80 is always the character of ASCII.
    private static func isASCII(_ charset: String) -> Bool {
        let name = charset.lowercased()
        return ["utf-8", "utf8", "us-ascii", "ascii", "latin1", "iso_8859-1"].contains(name)
            || name.hasPrefix("iso-8859-") || name.hasPrefix("windows-125")
    }
}
