/// The head of one part of `multipart/form-data` (RFC 7578 section 4.2).
package struct PartHead: Sendable, Equatable {
    /// The field's name; nil when the part has none.
    package var name: String?
    package var filename: String?
    /// As sent, without parameters, in lower case; nil when absent (then it is text/plain).
    package var contentType: String?
    /// It names no charset, or UTF-8.
    package var isUTF8 = true

    package init(name: String? = nil, filename: String? = nil, contentType: String? = nil) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
    }

    /// Reads header lines without their line ends. Errors: `malformed` for what readers would not agree on.
    init(lines: [[UInt8]]) throws(ContentFault) {
        var seen: Set<String> = []
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
                throw Self.malformed("A header of a part has no name.")
            }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw Self.malformed("The name of a part's header holds a space or another odd character.")
            }
            guard seen.insert(name).inserted else { throw Self.malformed("A header of a part is given twice.") }
            guard let value = String(validating: line[(colon + 1)...], as: UTF8.self) else {
                throw Self.malformed("A header of a part is not UTF-8.")
            }
            switch name {
            case "content-disposition": try readDisposition(value)
            case "content-type":
                guard let type = MediaType(Self.trimmed(value[...]).utf8) else {
                    throw Self.malformed("The Content-Type of a part can be read in more than one way.")
                }
                contentType = type.name
                isUTF8 = type.isUTF8
            case "content-transfer-encoding":
                // Deprecated (section 4.7); some readers decode it and others do not.
                guard ["7bit", "8bit", "binary"].contains(Self.trimmed(value[...]).lowercased()) else {
                    throw Self.malformed("A part is encoded once more.")
                }
            default: break
            }
        }
    }

    private mutating func readDisposition(_ value: String) throws(ContentFault) {
        var rest = Parameters(value)
        guard rest.word()?.lowercased() == "form-data" else {
            throw Self.malformed("A part is no form data.")
        }
        while let (key, value) = try rest.parameter() {
            switch key {
            case "name":
                guard name == nil else { throw Self.malformed("A part has two names.") }
                name = value
            case "filename":
                guard filename == nil else { throw Self.malformed("A part has two file names.") }
                filename = value
            // RFC 7578 section 4.2 forbids it: one reader sees this name, another the plain one.
            case "filename*", "name*": throw Self.malformed("A part's name is given in the extended form.")
            // Nobody sends another; careless readers take what ends in `name` for the name.
            default: throw Self.malformed("A part's disposition has another parameter than name and filename.")
            }
        }
    }

    /// `; key=value` and `; key="value"`.
    private struct Parameters {
        private var rest: Substring

        init(_ text: String) {
            rest = text[...]
        }

        mutating func word() -> String? {
            skipSpace()
            let word = rest.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
            rest = rest.dropFirst(word.count)
            return word.isEmpty ? nil : String(word)
        }

        mutating func parameter() throws(ContentFault) -> (String, String)? {
            skipSpace()
            guard !rest.isEmpty else { return nil }
            guard rest.popFirst() == ";" else { throw broken }
            skipSpace()
            guard !rest.isEmpty else { return nil }
            let key = rest.prefix { $0 != "=" && $0 != ";" && $0 != " " && $0 != "\t" }
            rest = rest.dropFirst(key.count)
            guard !key.isEmpty, rest.popFirst() == "=" else { throw broken }
            guard rest.first == "\"" else {
                let value = rest.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
                rest = rest.dropFirst(value.count)
                guard !value.contains("\"") else { throw broken }
                return (key.lowercased(), String(value))
            }
            rest = rest.dropFirst()
            var value = ""
            while let character = rest.popFirst() {
                switch character {
                case "\"": return (key.lowercased(), value)
                // Browsers never send it, and readers differ on what it means.
                case "\\": throw broken
                default: value.append(character)
                }
            }
            throw broken
        }

        private mutating func skipSpace() {
            rest = rest.drop { $0 == " " || $0 == "\t" }
        }

        private var broken: ContentFault { PartHead.malformed("The head of a part cannot be read in one way only.") }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...end]
    }

    static func malformed(_ message: String) -> ContentFault { ContentFault(.malformed, message) }
}
