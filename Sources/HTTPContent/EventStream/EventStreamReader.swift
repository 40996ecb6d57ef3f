package import NIOCore

/// Cuts an event stream into its blocks: whatever the cut of the input, the same blocks, and each as soon as its blank
/// line is there.
package struct EventStreamReader: Sendable {
    /// Most bytes of one block.
    package static let defaultLimit = 1 << 20

    private enum LineEnd {
        case lf
        case cr
        case crlf
    }

    private let limit: Int
    /// The block under way.
    private var held = ByteBuffer()
    /// How far `held` was looked through, and where the line under way begins; from its reader index.
    private var scanned = 0
    private var lineStart = 0
    private var lastEnd: LineEnd?
    private var isAtStart = true

    package init(limit: Int = defaultLimit) {
        self.limit = limit
    }

    /// Consumes all of `input`. Errors: `tooLarge` for a block over the limit; nothing more is read after that.
    package mutating func read(
        _ input: inout ByteBuffer, into events: inout [ServerSentEvent]
    ) throws(ContentFault) {
        held.writeBuffer(&input)
        while let end = nextBlankLine() {
            guard let block = held.readSlice(length: end) else { return }
            events.append(event(block, isComplete: true))
            scanned = 0
            lineStart = 0
        }
        held.discardReadBytes()
        guard held.readableBytes <= limit else {
            throw ContentFault(.tooLarge, "An event is over the limit of \(limit) bytes.")
        }
    }

    /// The stream has ended: what came after the last blank line, if anything.
    package mutating func finish() -> ServerSentEvent? {
        guard held.readableBytes > 0 else { return nil }
        defer { held = ByteBuffer() }
        return event(held, isComplete: false)
    }

    /// How many bytes the block under way has, with its blank line; nil when that has not come.
    private mutating func nextBlankLine() -> Int? {
        var (scanned, lineStart, lastEnd) = (self.scanned, self.lineStart, self.lastEnd)
        let found: Int? = held.withUnsafeReadableBytes { bytes in
            while scanned < bytes.count {
                let byte = bytes[scanned]
                let isBlank = scanned == lineStart
                guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                    scanned += 1
                    continue
                }
                if byte == UInt8(ascii: "\n") {
                    lastEnd = .lf
                } else if isBlank, lastEnd == .cr {
                    // Lines of this stream end in CR alone: waiting for a byte behind it would delay the event.
                } else {
                    guard scanned + 1 < bytes.count else { return nil }
                    lastEnd = bytes[scanned + 1] == UInt8(ascii: "\n") ? .crlf : .cr
                }
                scanned += lastEnd == .crlf ? 2 : 1
                lineStart = scanned
                if isBlank { return scanned }
            }
            return nil
        }
        (self.scanned, self.lineStart, self.lastEnd) = (scanned, lineStart, lastEnd)
        return found
    }

    private mutating func event(_ raw: ByteBuffer, isComplete: Bool) -> ServerSentEvent {
        var bytes = raw.readableBytesView
        if isAtStart {
            isAtStart = false
            // One leading byte order mark is no part of the first line.
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        }
        var fields: [ServerSentEvent.Field] = []
        // An empty line between CR and LF is none either.
        for line in bytes.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            fields.append(Self.field(line))
        }
        return ServerSentEvent(raw: raw, fields: fields, isComplete: isComplete)
    }

    private static func field(_ line: ByteBufferView) -> ServerSentEvent.Field {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            return .init(name: String(decoding: line, as: UTF8.self), value: ByteBuffer())
        }
        var value = line[(colon + 1)...]
        if colon > line.startIndex, value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        return .init(
            name: String(decoding: line[..<colon], as: UTF8.self), value: ByteBuffer(ByteBufferView(value)))
    }
}
