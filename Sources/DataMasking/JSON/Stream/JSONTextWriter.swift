import GatewayCore

/// Puts JSON together again from the reader's text, of which the scanner says what passes and what is hidden, and from the
/// reader's notes. What passes comes out as it was written.
struct JSONTextWriter: StreamSink, Sendable {
    var output: [UInt8] = []

    private enum Region {
        case structure
        case string
        case word
    }

    /// A find of which more than one piece comes, or that goes beyond one string.
    private struct OpenFind {
        var method: MaskMethod
        var hash: MaskKey.StreamedHash
        /// Bytes of it in the string under way.
        var count = 0
        /// Its own form would show a part of the neighbour.
        var isSpanning = false
    }

    private let key: MaskKey
    private var notes: [JSONNote] = []
    private var nextNote = 0
    /// In the text.
    private var position = 0
    private var region = Region.structure
    private var escapeLeft = 0
    private var escapeWritten: [UInt8] = []
    private var isEscapeShown = true
    private var word: [UInt8] = []
    private var wordMethod: MaskMethod?
    private var find: OpenFind?

    init(key: MaskKey) { self.key = key }

    /// Notes on text that comes next.
    mutating func note(_ more: [JSONNote]) {
        if nextNote == notes.count {
            notes.removeAll(keepingCapacity: true)
            nextNote = 0
        }
        notes += more
    }

    mutating func pass(_ bytes: UnsafeRawBufferPointer) { walk(bytes, hiddenBy: nil) }

    mutating func hide(_ bytes: UnsafeRawBufferPointer, _ method: MaskMethod, isEnd: Bool) {
        if find == nil {
            settle()
            if isEnd, region == .string, staysInString(bytes.count) { return replace(bytes, by: method) }
            find = OpenFind(method: method, hash: MaskKey.StreamedHash(key))
        }
        // It may have met a stricter one's on the way.
        find?.method = method
        walk(bytes, hiddenBy: method)
        if isEnd { endFind() }
    }

    /// Notes up to here are heeded; not before it is known whether a find goes on beyond them.
    mutating func settle() {
        guard find == nil else { return }
        heedNotes()
    }

    // MARK: - Text

    private mutating func walk(_ bytes: UnsafeRawBufferPointer, hiddenBy method: MaskMethod?) {
        var rest = bytes
        while !rest.isEmpty {
            heedNotes()
            var count = nextNote < notes.count ? min(rest.count, notes[nextNote].place - position) : rest.count
            if escapeLeft > 0 { count = min(count, escapeLeft) }
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            position += count
            switch region {
            case .structure:
                output.append(contentsOf: piece)
                if method != nil { find?.isSpanning = true }
            case .word:
                word.append(contentsOf: piece)
                guard let method else { break }
                find?.isSpanning = true
                if wordMethod.map({ $0.strictness < method.strictness }) ?? true { wordMethod = method }
            case .string:
                if method != nil {
                    find?.hash.update(piece)
                    find?.count += count
                }
                if escapeLeft > 0 {
                    passEscape(count, isShown: method == nil)
                } else if method == nil {
                    output.append(contentsOf: piece)
                }
            }
        }
    }

    /// A character that was written as an escape and is hidden in part is hidden.
    private mutating func passEscape(_ count: Int, isShown: Bool) {
        escapeLeft -= count
        if !isShown { isEscapeShown = false }
        if escapeLeft == 0, isEscapeShown { output += escapeWritten }
    }

    private mutating func heedNotes() {
        while nextNote < notes.count, notes[nextNote].place <= position {
            heed(notes[nextNote].kind)
            nextNote += 1
        }
    }

    private mutating func heed(_ note: JSONNote.Kind) {
        switch note {
        case .open: region = .string
        case .close:
            if let find {
                if find.count > 0 { output += MaskMethod.stars }
                self.find?.count = 0
                self.find?.isSpanning = true
            }
            region = .structure
        case .escape(let count, let written):
            (escapeLeft, escapeWritten, isEscapeShown) = (count, written, true)
        case .word:
            region = .word
            word.removeAll(keepingCapacity: true)
            wordMethod = nil
        case .wordEnd:
            endWord()
            region = .structure
        case .insert(let bytes): output += bytes
        }
    }

    // MARK: - Finds

    private func staysInString(_ count: Int) -> Bool {
        for note in notes[nextNote...] {
            if note.place >= position + count { return true }
            if case .close = note.kind { return false }
        }
        return true
    }

    /// A find in one piece, in one string.
    private mutating func replace(_ bytes: UnsafeRawBufferPointer, by method: MaskMethod) {
        var masked: [UInt8] = []
        // A part of a string cannot be null.
        _ = (method == .null ? .redact : method).apply(to: bytes, into: &masked, key: key)
        find = OpenFind(method: method, hash: MaskKey.StreamedHash(key))
        walk(bytes, hiddenBy: method)
        find = nil
        JSONString.appendContent(masked, into: &output)
    }

    private mutating func endFind() {
        guard let ended = find else { return }
        find = nil
        guard region == .string, ended.count > 0 else { return }
        if ended.method == .hash, !ended.isSpanning {
            ended.hash.append(to: &output)
        } else {
            output += MaskMethod.stars
        }
    }

    private mutating func endWord() {
        guard let method = wordMethod, let first = word.first, first.isDigit || first == UInt8(ascii: "-") else {
            output += word
            return
        }
        var masked: [UInt8] = []
        if word.withUnsafeBytes({ method.apply(to: $0, into: &masked, key: key) }) {
            JSONString.append(masked, into: &output)
        } else {
            output += Array("null".utf8)
        }
    }
}
