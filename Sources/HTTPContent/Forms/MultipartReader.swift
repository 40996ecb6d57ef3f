package import NIOCore

/// Reads `multipart/form-data` as it streams (RFC 2046 section 5.1, RFC 7578), so strictly that every reader behind it
/// sees the same parts: what looks like a boundary to a lenient reader only is a fault.
package struct MultipartReader: Sendable {
    package enum Event: Sendable, Equatable {
        /// Delimiters, heads, preamble and epilogue: passed on as they are.
        case frame(ByteBuffer)
        case begin(PartHead)
        /// A piece of a part's content.
        case content(ByteBuffer)
        case end
    }

    /// Most bytes of a part's head, before the first part, and after the last.
    package static let headLimit = 16 << 10
    /// Most parts.
    package static let partLimit = 1000

    private enum State {
        case preamble
        /// Behind a boundary: the rest of its line.
        case delimiter
        case head
        case content
        case epilogue
    }

    /// `--` and the boundary.
    private let dash: [UInt8]
    private var state = State.preamble
    private var held = ByteBuffer()
    private var parts = 0
    /// Bytes before the first part, or after the last.
    private var outside = 0
    /// The two bytes that were passed on right before `held`.
    private var last: (UInt8, UInt8) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))

    /// - Parameter boundary: the parameter of the Content-Type, without quotes. Errors: `malformed` when it is none.
    package init(boundary: String) throws(ContentFault) {
        let allowed = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                true
            default: "'()+_,-./:=?".utf8.contains(byte)
            }
        }
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(allowed) else {
            throw ContentFault(.malformed, "The boundary of the parts is none (RFC 2046 section 5.1.1).")
        }
        dash = Array("--".utf8) + Array(boundary.utf8)
    }

    /// Consumes all of `input`; what cannot be told apart yet is kept, at most a head or a line.
    /// Errors: `malformed`, `tooLarge`. Nothing more is read after that.
    package mutating func read(_ input: inout ByteBuffer, into events: inout [Event]) throws(ContentFault) {
        held.writeBuffer(&input)
        while try step(into: &events) {}
        held.discardReadBytes()
    }

    /// The content has ended. Errors: `truncated` without the closing delimiter.
    package mutating func finish() throws(ContentFault) {
        guard case .epilogue = state else { throw ContentFault(.truncated, "The last part has no end.") }
    }

    /// False when more input is needed.
    private mutating func step(into events: inout [Event]) throws(ContentFault) -> Bool {
        switch state {
        case .preamble, .content: return try readToDelimiter(into: &events)
        case .delimiter: return try readDelimiterEnd(into: &events)
        case .head: return try readHead(into: &events)
        case .epilogue:
            let count = held.readableBytes
            outside += count
            guard outside <= Self.headLimit else { throw Self.tooLarge("after the last part") }
            if let rest = held.readSlice(length: count), count > 0 { events.append(.frame(rest)) }
            return false
        }
    }

    /// Passes on what is surely before the next delimiter.
    private mutating func readToDelimiter(into events: inout [Event]) throws(ContentFault) -> Bool {
        let isContent = if case .content = state { true } else { false }
        let bytes = held.readableBytesView
        var at = bytes.startIndex
        while let dashAt = bytes[at...].firstIndex(of: UInt8(ascii: "-")) {
            let rest = bytes[dashAt...]
            let count = min(rest.count, dash.count)
            guard rest.prefix(count).elementsEqual(dash.prefix(count)) else {
                at = dashAt + 1
                continue
            }
            let before = byte(at: dashAt - 1, in: bytes)
            let start = lineStart(of: dashAt, in: bytes)
            guard rest.count >= dash.count else {
                // Perhaps a delimiter: everything before its line end can go.
                try pass(upTo: start ?? dashAt, isContent, into: &events)
                return false
            }
            guard let start else {
                // At the start of a line that only some readers take for one: bare LF or CR before the boundary.
                guard before != UInt8(ascii: "\n"), before != UInt8(ascii: "\r") else {
                    throw PartHead.malformed("A boundary follows a line end that is not CRLF.")
                }
                at = dashAt + 1
                continue
            }
            try pass(upTo: start, isContent, into: &events)
            if isContent { events.append(.end) }
            state = .delimiter
            return true
        }
        // A line end at the very end may belong to a delimiter.
        var end = bytes.endIndex
        if end > bytes.startIndex, bytes[end - 1] == UInt8(ascii: "\n") { end -= 1 }
        if end > bytes.startIndex, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        try pass(upTo: end, isContent, into: &events)
        return false
    }

    /// Where the CRLF before `index` begins; the very start of the body counts as a line's start. Nil without one.
    private func lineStart(of index: Int, in bytes: ByteBufferView) -> Int? {
        guard byte(at: index - 1, in: bytes) == UInt8(ascii: "\n"),
            byte(at: index - 2, in: bytes) == UInt8(ascii: "\r")
        else { return nil }
        return max(bytes.startIndex, index - 2)
    }

    /// A byte of `held`, or one that was passed on right before it.
    private func byte(at index: Int, in bytes: ByteBufferView) -> UInt8? {
        if index >= bytes.startIndex { return bytes[index] }
        return index == bytes.startIndex - 1 ? last.1 : index == bytes.startIndex - 2 ? last.0 : nil
    }

    private mutating func pass(
        upTo end: Int, _ isContent: Bool, into events: inout [Event]
    ) throws(ContentFault) {
        let count = end - held.readerIndex
        guard count > 0, let piece = held.readSlice(length: count) else { return }
        let view = piece.readableBytesView
        last = (view.count > 1 ? view[view.endIndex - 2] : last.1, view[view.endIndex - 1])
        events.append(isContent ? .content(piece) : .frame(piece))
        guard !isContent else { return }
        outside += count
        guard outside <= Self.headLimit else { throw Self.tooLarge("before the first part") }
    }

    /// CRLF `--boundary` stands at the start of `held`; what follows must be a line end, or `--`.
    private mutating func readDelimiterEnd(into events: inout [Event]) throws(ContentFault) -> Bool {
        let bytes = held.readableBytesView
        let hasLineEnd = bytes.first == UInt8(ascii: "\r")
        let end = bytes.startIndex + (hasLineEnd ? 2 : 0) + dash.count
        guard bytes.endIndex >= end + 2 else { return false }
        let isLast: Bool
        switch (bytes[end], bytes[end + 1]) {
        case (UInt8(ascii: "\r"), UInt8(ascii: "\n")): isLast = false
        case (UInt8(ascii: "-"), UInt8(ascii: "-")): isLast = true
        // Padding is allowed, and readers differ on it.
        default: throw PartHead.malformed("A boundary is followed by more than its line end.")
        }
        if let frame = held.readSlice(length: end + 2 - bytes.startIndex) { events.append(.frame(frame)) }
        if isLast {
            state = .epilogue
            outside = 0
        } else {
            parts += 1
            guard parts <= Self.partLimit else { throw ContentFault(.tooLarge, "There are too many parts.") }
            state = .head
        }
        return true
    }

    private mutating func readHead(into events: inout [Event]) throws(ContentFault) -> Bool {
        let bytes = held.readableBytesView
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let feed = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            guard feed > start, bytes[feed - 1] == UInt8(ascii: "\r"),
                !bytes[start..<feed - 1].contains(UInt8(ascii: "\r"))
            else { throw PartHead.malformed("A line of a part's head does not end in CRLF.") }
            let line = bytes[start..<feed - 1]
            start = feed + 1
            guard let first = line.first else {
                let head = try PartHead(lines: lines)
                if let frame = held.readSlice(length: start - bytes.startIndex) { events.append(.frame(frame)) }
                events.append(.begin(head))
                // A boundary right here would be one to some readers only: the head's last line end is not its own.
                last = (0, UInt8(ascii: "\n"))
                state = .content
                return true
            }
            guard first != UInt8(ascii: " "), first != UInt8(ascii: "\t") else {
                throw PartHead.malformed("A line of a part's head is folded.")
            }
            lines.append(Array(line))
        }
        guard bytes.count <= Self.headLimit else { throw Self.tooLarge("in the head of a part") }
        return false
    }

    private static func tooLarge(_ place: String) -> ContentFault {
        ContentFault(.tooLarge, "There are more than \(headLimit) bytes \(place).")
    }
}
