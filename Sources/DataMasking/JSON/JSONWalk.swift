import GatewayCore

/// One pass over a JSON text: copies it, with what the mask says replaced. Linear; nests no deeper than `deepest`.
struct JSONWalk {
    private static let deepest = 256

    private let text: UnsafeRawBufferPointer
    private let mask: JSONMask
    /// What was found in the text as a whole, in order.
    private let edits: [MaskEdit]
    private let key: MaskKey
    private var position = 0
    private var copied = 0
    private var nextEdit = 0
    private(set) var isChanged = false

    init(_ text: UnsafeRawBufferPointer, _ mask: JSONMask, _ edits: [MaskEdit], key: MaskKey) {
        self.text = text
        self.mask = mask
        self.edits = edits
        self.key = key
    }

    /// - Returns: false when the text is not one JSON value.
    mutating func run(into output: inout [UInt8]) -> Bool {
        guard value(mask.start, depth: 0, &output) else { return false }
        skipBlanks()
        guard position == text.count else { return false }
        output.append(contentsOf: text[copied...])
        return true
    }

    // MARK: - Values

    private mutating func value(_ states: [UInt64], depth: Int, _ output: inout [UInt8]) -> Bool {
        skipBlanks()
        guard depth < Self.deepest, position < text.count else { return false }
        if !states.isEmpty, let method = mask.method(at: states) { return hidden(method, &output) }
        switch text[position] {
        case UInt8(ascii: "{"): return object(states, depth, &output)
        case UInt8(ascii: "["): return array(states, depth, &output)
        case UInt8(ascii: "\""):
            guard let (content, isEscaped) = string() else { return false }
            search(content, isEscaped, isKey: false, &output)
            return true
        default: return word(&output)
        }
    }

    private mutating func object(_ states: [UInt64], _ depth: Int, _ output: inout [UInt8]) -> Bool {
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return true }
        while true {
            skipBlanks()
            guard let (content, isEscaped) = string() else { return false }
            var inner: [UInt64] = []
            if !states.isEmpty {
                let bytes = UnsafeRawBufferPointer(rebasing: text[content])
                let name = String(decoding: isEscaped ? JSONString.unescaped(bytes) : Array(bytes), as: UTF8.self)
                inner = mask.parts.indices.map { mask.parts[$0].path.next(states[$0], member: name) }
            }
            search(content, isEscaped, isKey: true, &output)
            skipBlanks()
            guard take(UInt8(ascii: ":")), value(inner, depth: depth + 1, &output) else { return false }
            skipBlanks()
            if take(UInt8(ascii: "}")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func array(_ states: [UInt64], _ depth: Int, _ output: inout [UInt8]) -> Bool {
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return true }
        var index = 0
        while true {
            let inner =
                states.isEmpty
                ? [] : mask.parts.indices.map { mask.parts[$0].path.next(states[$0], element: index) }
            guard value(inner, depth: depth + 1, &output) else { return false }
            index += 1
            skipBlanks()
            if take(UInt8(ascii: "]")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    /// A number, true, false or null.
    private mutating func word(_ output: inout [UInt8]) -> Bool {
        let range = wordRange()
        guard !range.isEmpty else { return false }
        guard text[range.lowerBound].isDigit || text[range.lowerBound] == UInt8(ascii: "-") else { return true }
        guard let method = strictestEdit(in: range) else { return true }
        replace(range, by: method, value: UnsafeRawBufferPointer(rebasing: text[range]), &output)
        return true
    }

    private mutating func wordRange() -> Range<Int> {
        let start = position
        while position < text.count,
            text[position].isDigit || text[position].isLetter
                || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(text[position])
        {
            position += 1
        }
        return start..<position
    }

    /// A value that a path names.
    private mutating func hidden(_ method: MaskMethod, _ output: inout [UInt8]) -> Bool {
        let start = position
        if text[position] == UInt8(ascii: "\"") {
            guard let (content, _) = string() else { return false }
            let value = JSONString.unescaped(UnsafeRawBufferPointer(rebasing: text[content]))
            value.withUnsafeBytes { replace(start..<position, by: method, value: $0, &output) }
            return true
        }
        let isContainer = text[position] == UInt8(ascii: "{") || text[position] == UInt8(ascii: "[")
        guard skipValue() else { return false }
        let range = start..<position
        if text[range].elementsEqual(Self.null) { return true }
        // The last four characters of an object tell nothing that anybody would recognise it by.
        let shown = isContainer && method == .partial ? .redact : method
        replace(range, by: shown, value: UnsafeRawBufferPointer(rebasing: text[range]), &output)
        return true
    }

    private mutating func skipValue() -> Bool {
        var open = 0
        repeat {
            skipBlanks()
            guard position < text.count else { return false }
            switch text[position] {
            case UInt8(ascii: "\""): guard string() != nil else { return false }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                open -= 1
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard open > 0 else { return false }
                position += 1
            default: guard !wordRange().isEmpty else { return false }
            }
        } while open > 0
        return open == 0
    }

    // MARK: - Finds

    /// Replaces what was found in a string's content.
    private mutating func search(_ content: Range<Int>, _ isEscaped: Bool, isKey: Bool, _ output: inout [UInt8]) {
        guard let scanner = mask.scanner else { return }
        let found = overlapping(content)
        let quoted = content.lowerBound - 1..<content.upperBound + 1
        if isEscaped {
            var masked: [UInt8] = []
            let plain = JSONString.unescaped(UnsafeRawBufferPointer(rebasing: text[content]))
            switch plain.withUnsafeBytes({ scanner.mask($0, into: &masked, key: key) }) {
            case .unchanged: if !found.isEmpty { put(quoted, string: MaskMethod.stars, &output) }
            case .replaced: put(quoted, string: masked, &output)
            case .null: put(quoted, string: isKey ? MaskMethod.stars : nil, &output)
            }
            return
        }
        guard !found.isEmpty else { return }
        if edits[found].contains(where: { $0.method == .null }) {
            return put(quoted, string: isKey ? MaskMethod.stars : nil, &output)
        }
        for edit in edits[found] {
            let range = edit.range.clamped(to: content)
            output.append(contentsOf: text[copied..<range.lowerBound])
            // Where a find goes on beyond this string its own form would show a part of the neighbour.
            _ = (range == edit.range ? edit.method : .redact).apply(
                to: UnsafeRawBufferPointer(rebasing: text[range]), into: &output, key: key)
            copied = range.upperBound
        }
        isChanged = true
    }

    /// Places of the edits that touch `range`; ranges are asked for in order.
    private mutating func overlapping(_ range: Range<Int>) -> Range<Int> {
        while nextEdit < edits.count, edits[nextEdit].range.upperBound <= range.lowerBound { nextEdit += 1 }
        var end = nextEdit
        while end < edits.count, edits[end].range.lowerBound < range.upperBound { end += 1 }
        return nextEdit..<end
    }

    private mutating func strictestEdit(in range: Range<Int>) -> MaskMethod? {
        edits[overlapping(range)].map(\.method).max { $0.strictness < $1.strictness }
    }

    // MARK: - Output

    private mutating func replace(
        _ range: Range<Int>, by method: MaskMethod, value: UnsafeRawBufferPointer, _ output: inout [UInt8]
    ) {
        var masked: [UInt8] = []
        let isShown = method.apply(to: value, into: &masked, key: key)
        put(range, string: isShown ? masked : nil, &output)
    }

    /// Puts a string, or null, in the place of `range`.
    private mutating func put(_ range: Range<Int>, string: [UInt8]?, _ output: inout [UInt8]) {
        output.append(contentsOf: text[copied..<range.lowerBound])
        if let string { JSONString.append(string, into: &output) } else { output.append(contentsOf: Self.null) }
        copied = range.upperBound
        isChanged = true
    }

    private static let null = Array("null".utf8)

    // MARK: - Bytes

    private mutating func skipBlanks() {
        while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// The string at hand: what is between its quotes, and whether it has escapes.
    private mutating func string() -> (Range<Int>, Bool)? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        var isEscaped = false
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\""):
                position += 1
                return (start..<position - 1, isEscaped)
            case 0x5C:
                isEscaped = true
                position += 2
            default: position += 1
            }
        }
        return nil
    }
}
