import DataMasking

/// Passwords that stand inside a literal or a parameter: connection strings of dblink and subscriptions, URLs, SQL within
/// SQL. Never recorded, whatever the masks say.
///
/// A password that is a literal of its own (`PASSWORD 'x'`) is known by the analysis.
enum RecordSecrets {
    private static let urls = Scanner(Detector.named("url_password").map { ($0, .redact) })
    private static let key = MaskKey(bytes: [])

    static func occur(in text: UnsafeRawBufferPointer) -> Bool {
        text.count > 4 && (nextPassword(in: text, from: 0) != nil || !urls.scan(text).isEmpty)
    }

    /// The text without them; nil when it holds none.
    static func hidden(in text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard occur(in: text) else { return nil }
        var assigned: [UInt8] = []
        var position = 0
        while let value = nextPassword(in: text, from: position) {
            assigned += text[position..<value.lowerBound]
            assigned += MaskedText.stars
            position = value.upperBound
        }
        assigned += text[position...]
        var output: [UInt8] = []
        return assigned.withUnsafeBytes { urls.mask($0, into: &output, key: key) } == .replaced ? output : assigned
    }

    static func hidden(in text: [UInt8]) -> [UInt8] { text.withUnsafeBytes { hidden(in: $0) } ?? text }

    /// The value of the next `password=x`, `Pwd = "x"`, `PASSWORD 'x'`; linear in the text.
    private static func nextPassword(in text: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        var index = start
        while index < text.count {
            guard text[index] | 0x20 == UInt8(ascii: "p"), let end = wordEnd(in: text, at: index) else {
                index += 1
                continue
            }
            index = end
            if let value = value(in: text, behind: end), !value.isEmpty { return value }
        }
        return nil
    }

    private static let words = ["password", "passwd", "passcode", "passphrase", "pwd"].map { Array($0.utf8) }

    private static func wordEnd(in text: UnsafeRawBufferPointer, at index: Int) -> Int? {
        for word in words where text.count - index > word.count {
            if word.indices.allSatisfy({ text[index + $0] | 0x20 == word[$0] }) { return index + word.count }
        }
        return nil
    }

    private static func value(in text: UnsafeRawBufferPointer, behind end: Int) -> Range<Int>? {
        var index = end
        while index < text.count, isQuote(text[index]) { index += 1 }
        let gap = skipBlanks(text, &index)
        var isAssigned = false
        while index < text.count, [UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: ">")].contains(text[index]) {
            isAssigned = true
            index += 1
        }
        _ = skipBlanks(text, &index)
        let quote = index
        while index < text.count, isQuote(text[index]) { index += 1 }
        guard isAssigned || gap && index > quote, index < text.count else { return nil }
        let start = index
        if index > quote {
            while index < text.count, text[index] != text[quote] { index += 1 }
        } else {
            while index < text.count, !endsValue(text[index]) { index += 1 }
        }
        return start..<index
    }

    private static func skipBlanks(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
        let start = index
        while index < text.count, text[index] == 0x20 || text[index] >= 0x09 && text[index] <= 0x0D { index += 1 }
        return index > start
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == 0x22 || byte == 0x27 || byte == 0x5C }

    private static func endsValue(_ byte: UInt8) -> Bool {
        byte <= 0x20 || isQuote(byte) || [UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: ")")].contains(byte)
    }
}
