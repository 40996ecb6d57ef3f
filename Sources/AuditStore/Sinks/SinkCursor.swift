import GatewayCore

/// How far a sink has come: what lies before it was taken by the other side and is never sent again by choice.
package struct SinkCursor: Sendable, Hashable {
    /// Name of the log, since an entry's index counts within one log only.
    package var origin: String
    /// Index of the next entry to send.
    package var next: UInt64
    /// Where a file sink stands in its file; nil for other kinds and before the first write.
    package var file: SinkFilePlace?

    package init(origin: String, next: UInt64, file: SinkFilePlace? = nil) {
        self.origin = origin
        self.next = next
        self.file = file
    }
}

/// The durable end of a sink's file.
package struct SinkFilePlace: Sendable, Hashable {
    /// Absolute; a place in another file means nothing.
    package var path: String
    /// Number that the file gets when it is rotated, from 1.
    package var generation: UInt64
    /// Bytes up to here are durable and end with a whole line; what lies beyond may be torn.
    package var length: UInt64
    /// SHA-256 over the last bytes before `length`: by it a file that somebody else put there is told from ours.
    package var tail: [UInt8]

    package init(path: String, generation: UInt64, length: UInt64, tail: [UInt8]) {
        self.path = path
        self.generation = generation
        self.length = length
        self.tail = tail
    }
}

extension SinkCursor {
    private static let title = "sallyport sink cursor v1"

    /// Text: a title, then lines of a name and a value, then `end`: a part of it is no cursor.
    var bytes: [UInt8] {
        var text = "\(Self.title)\norigin \(origin)\nnext \(next)\n"
        if let file {
            var hex = CanonicalHex()
            hex.append(file.tail)
            text += "generation \(file.generation)\nlength \(file.length)\ntail \(hex.text)\npath \(file.path)\n"
        }
        return Array((text + "end\n").utf8)
    }

    /// Nil when the bytes are no cursor of this version.
    init?(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 5 || lines.count == 9, lines[0] == Self.title, lines.suffix(2) == ["end", ""],
            let origin = Self.value("origin", lines[1]), !origin.isEmpty,
            let next = Self.value("next", lines[2]).flatMap(Self.number)
        else { return nil }
        self.init(origin: origin, next: next)
        guard lines.count == 9 else { return }
        guard let generation = Self.value("generation", lines[3]).flatMap(Self.number),
            let length = Self.value("length", lines[4]).flatMap(Self.number),
            let tail = Self.value("tail", lines[5]).flatMap(CanonicalHex.bytes), tail.count == 32,
            let path = Self.value("path", lines[6]), path.hasPrefix("/")
        else { return nil }
        file = SinkFilePlace(path: path, generation: generation, length: length, tail: tail)
    }

    private static func value(_ name: String, _ line: String) -> String? {
        line.hasPrefix(name + " ") ? String(line.dropFirst(name.count + 1)) : nil
    }

    /// Far from overflow, whatever is added to it.
    private static func number(_ text: String) -> UInt64? {
        UInt64(text).flatMap { $0 <= UInt64(Int64.max) ? $0 : nil }
    }
}

/// Lower-case hexadecimal digits of a few bytes.
struct CanonicalHex {
    private(set) var text = ""

    mutating func append(_ bytes: [UInt8]) {
        for byte in bytes {
            text.unicodeScalars.append(Unicode.Scalar(UInt8.hexDigit(byte >> 4)))
            text.unicodeScalars.append(Unicode.Scalar(UInt8.hexDigit(byte & 15)))
        }
    }

    /// Nil when the text is anything else.
    static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, digits.count <= 128 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[place].hexDigitValue, let low = digits[place + 1].hexDigitValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
