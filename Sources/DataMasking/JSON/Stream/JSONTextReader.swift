import GatewayCore

/// Reads JSON in pieces into a text without escapes, and notes on it. Nests no deeper than `deepest`.
///
/// What a path names is not in the text: its masked form is a note.
struct JSONTextReader: Sendable {
    static let deepest = 256
    /// Longest number, and longest name of a member where paths are looked for, in bytes.
    static let longestWord = 1024
    static let longestName = 4096

    private(set) var text: [UInt8] = []
    private(set) var notes: [JSONNote] = []

    private enum Place {
        case value
        case firstElement
        case firstName
        case name
        case colon
        case rest
        case string
        case escape
        case word
    }

    private struct Level {
        var isObject: Bool
        /// Of the paths that may go on in it; empty for none.
        var states: [UInt64]
        var index = 0
    }

    private let paths: JSONMask
    private let key: MaskKey
    private var place = Place.value
    private var levels: [Level] = []
    /// Of the paths, at the value to come.
    private var states: [UInt64]
    private var isName = false
    /// The name under way, where paths are looked for.
    private var name: [UInt8]?
    private var escape = JSONEscape()
    private var wordLength = 0
    private var hidden: HiddenValue?
    /// How many bytes of the text were dropped.
    private var dropped = 0

    init(paths: JSONMask, key: MaskKey) {
        self.paths = paths
        self.key = key
        states = paths.start
    }

    /// Text and notes have been read.
    mutating func drop() {
        dropped += text.count
        text.removeAll(keepingCapacity: true)
        notes.removeAll(keepingCapacity: true)
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(MalformedJSON) {
        var index = 0
        while index < bytes.count {
            switch place {
            case .string: try readString(bytes, &index)
            case .escape: try readEscape(bytes[index], &index)
            case .word: try readWord(bytes, &index)
            default:
                try readStructure(bytes[index])
                index += place == .word ? 0 : 1
            }
        }
    }

    /// Nothing follows. Errors: a value that has no end.
    mutating func finish() throws(MalformedJSON) {
        if place == .word { endWord() }
        guard levels.isEmpty, place == .value else { throw MalformedJSON("it ends in the middle of a value") }
    }

    private mutating func note(_ kind: JSONNote.Kind) {
        notes.append(JSONNote(place: dropped + text.count, kind: kind))
    }

    // MARK: - Structure

    /// Takes the byte, unless a word begins with it.
    private mutating func readStructure(_ byte: UInt8) throws(MalformedJSON) {
        if [0x20, 0x09, 0x0A, 0x0D].contains(byte) { return put(byte) }
        switch place {
        case .value where levels.isEmpty && Self.stands(betweenValues: byte): put(byte)
        case .firstElement where byte == UInt8(ascii: "]"), .firstName where byte == UInt8(ascii: "}"),
            .rest where byte == (levels.last?.isObject == true ? UInt8(ascii: "}") : UInt8(ascii: "]")):
            put(byte)
            levels.removeLast()
            endValue()
        case .value, .firstElement: try beginValue(byte)
        case .firstName, .name:
            guard byte == UInt8(ascii: "\"") else { throw MalformedJSON("a name of a member is no string") }
            beginString(isName: true)
        case .colon:
            guard byte == UInt8(ascii: ":") else { throw MalformedJSON("a member has no colon") }
            put(byte)
            place = .value
        case .rest:
            guard byte == UInt8(ascii: ",") else { throw MalformedJSON("two values have no comma between them") }
            put(byte)
            beginNext()
        case .string, .escape, .word: break
        }
    }

    /// A record separator (RFC 7464), a byte order mark.
    private static func stands(betweenValues byte: UInt8) -> Bool { [0x1E, 0xEF, 0xBB, 0xBF].contains(byte) }

    /// Behind a comma.
    private mutating func beginNext() {
        guard let last = levels.indices.last else { return }
        if levels[last].isObject {
            place = .name
            return
        }
        levels[last].index += 1
        states = element(of: levels[last])
        place = .value
    }

    private func element(of level: Level) -> [UInt64] {
        alive(level.states.indices.map { paths.parts[$0].path.next(level.states[$0], element: level.index) })
    }

    private func alive(_ states: [UInt64]) -> [UInt64] { states.contains { $0 != 0 } ? states : [] }

    private mutating func beginValue(_ byte: UInt8) throws(MalformedJSON) {
        if hidden == nil, !states.isEmpty, let method = paths.method(at: states) {
            hidden = HiddenValue(method, key: key, depth: levels.count)
        }
        switch byte {
        case UInt8(ascii: "\""): beginString(isName: false)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard levels.count < Self.deepest else {
                throw MalformedJSON("it nests deeper than \(Self.deepest) levels")
            }
            hidden?.isContainer = true
            put(byte)
            let level = Level(isObject: byte == UInt8(ascii: "{"), states: hidden == nil ? states : [])
            levels.append(level)
            place = level.isObject ? .firstName : .firstElement
            if !level.isObject { states = element(of: level) }
        default:
            guard Self.isWord(byte) else { throw MalformedJSON("something in it is no value") }
            wordLength = 0
            if hidden == nil { note(.word) }
            place = .word
        }
    }

    /// A value has ended, and with it maybe the one that is hidden.
    private mutating func endValue() {
        if let value = hidden, value.depth == levels.count {
            hidden = nil
            note(.insert(value.masked()))
        }
        place = levels.isEmpty ? .value : .rest
        if levels.isEmpty { states = paths.start }
    }

    // MARK: - Strings

    /// The quotes of a value that is hidden belong to its masked form.
    private var showsQuotes: Bool { hidden?.isContainer ?? true }

    private mutating func beginString(isName: Bool) {
        self.isName = isName
        name = isName && levels.last?.states.isEmpty == false ? [] : nil
        if showsQuotes { put(UInt8(ascii: "\"")) }
        if hidden == nil { note(.open) }
        place = .string
    }

    private mutating func readString(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) throws(MalformedJSON) {
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != 0x5C { index += 1 }
        let content = UnsafeRawBufferPointer(rebasing: bytes[start..<index])
        name?.append(contentsOf: content)
        guard name?.count ?? 0 <= Self.longestName else { throw MalformedJSON("a name of a member is too long") }
        put(content)
        guard index < bytes.count else { return }
        index += 1
        guard bytes[index - 1] == 0x5C else { return endString() }
        escape.begin()
        place = .escape
    }

    private mutating func endString() {
        if hidden == nil { note(.close) }
        if showsQuotes { put(UInt8(ascii: "\"")) }
        guard isName else { return endValue() }
        states = []
        if let name, let level = levels.last {
            let text = String(decoding: name, as: UTF8.self)
            states = alive(level.states.indices.map { paths.parts[$0].path.next(level.states[$0], member: text) })
        }
        name = nil
        place = .colon
    }

    private mutating func readEscape(_ byte: UInt8, _ index: inout Int) throws(MalformedJSON) {
        switch try escape.take(byte) {
        case .goesOn: index += 1
        case .ended(let takesByte):
            if takesByte { index += 1 }
            place = .string
        }
        for (written, value) in escape.done {
            name?.append(contentsOf: value)
            if hidden == nil { note(.escape(count: value.count, written: written)) }
            // Of a container that is hidden the text counts as it was written.
            (hidden?.isContainer == true ? written : value).withUnsafeBytes { put($0) }
        }
        escape.removeDone()
    }

    // MARK: - Words

    /// Numbers, true, false and null.
    private mutating func readWord(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) throws(MalformedJSON) {
        let start = index
        while index < bytes.count, Self.isWord(bytes[index]) { index += 1 }
        wordLength += index - start
        guard wordLength <= Self.longestWord else { throw MalformedJSON("a number in it is too long") }
        put(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
        if index < bytes.count { endWord() }
    }

    private mutating func endWord() {
        if hidden == nil { note(.wordEnd) }
        if hidden?.depth == levels.count { hidden?.isWord = true }
        endValue()
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte.isDigit || byte.isLetter || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(byte)
    }

    private mutating func put(_ byte: UInt8) {
        if hidden == nil { text.append(byte) } else { hidden?.add(byte) }
    }

    private mutating func put(_ bytes: UnsafeRawBufferPointer) {
        if hidden == nil { text.append(contentsOf: bytes) } else { hidden?.add(bytes) }
    }
}
