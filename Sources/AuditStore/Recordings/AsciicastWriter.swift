package import GatewayCore

/// Writes what a terminal showed and was given as asciicast version 2
/// (docs.asciinema.org/manual/asciicast/v2): a header line, then one line an event. Pure: the caller writes the lines.
///
/// asciicast is UTF-8: a character that two chunks share goes with the second, bytes that are no UTF-8 become U+FFFD.
package struct AsciicastWriter {
    package enum Stream: String, Sendable {
        case output = "o"
        case input = "i"
    }

    private let start: Timestamp
    private var output: [UInt8] = []
    private var input: [UInt8] = []

    /// `start`: when the terminal was opened; events carry the time since.
    package init(start: Timestamp) {
        self.start = start
    }

    package func header(width: Int, height: Int, title: String? = nil) -> String {
        let title = title.map { ",\"title\":\(Self.quoted($0))" } ?? ""
        let seconds = start.microseconds / 1_000_000
        let size = "\"width\":\(max(width, 1)),\"height\":\(max(height, 1))"
        return "{\"version\":2,\(size),\"timestamp\":\(seconds)\(title)}\n"
    }

    /// The line of a chunk; nil when it holds no whole character yet.
    package mutating func event(_ stream: Stream, _ bytes: [UInt8], at time: Timestamp) -> String? {
        let all = (stream == .output ? output : input) + bytes
        let whole = all.count - Self.unfinished(all)
        let rest = Array(all[whole...])
        if stream == .output { output = rest } else { input = rest }
        guard whole > 0 else { return nil }
        return line(stream, all[..<whole], at: time)
    }

    /// The line of what no later chunk completed; nil when there is nothing.
    package mutating func finish(_ stream: Stream, at time: Timestamp) -> String? {
        let rest = stream == .output ? output : input
        if stream == .output { output = [] } else { input = [] }
        return rest.isEmpty ? nil : line(stream, rest[...], at: time)
    }

    /// The terminal's new size.
    package func resize(width: Int, height: Int, at time: Timestamp) -> String {
        "[\(seconds(time)),\"r\",\"\(max(width, 1))x\(max(height, 1))\"]\n"
    }

    private func line(_ stream: Stream, _ bytes: ArraySlice<UInt8>, at time: Timestamp) -> String {
        "[\(seconds(time)),\"\(stream.rawValue)\",\(Self.quoted(String(decoding: bytes, as: UTF8.self)))]\n"
    }

    /// Seconds since the start with six places; a clock that went back gives 0.
    private func seconds(_ time: Timestamp) -> String {
        let (difference, isOver) = time.microseconds.subtractingReportingOverflow(start.microseconds)
        let micros = isOver ? 0 : max(difference, 0)
        let fraction = String(micros % 1_000_000)
        return "\(micros / 1_000_000).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)"
    }

    /// How many bytes at the end begin a character without ending it: at most three.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? (byte < 0xF0 ? 3 : 1) : byte >= 0xC2 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
