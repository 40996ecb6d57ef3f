package import NIOCore

/// Reads one direction of a WebSocket connection, by the letter of RFC 6455. Of extensions it knows how frames of
/// permessage-deflate look (RFC 7692) where that was agreed on; what is compressed it gives out as it came.
package struct WebSocketReader: Sendable {
    /// Who sends: frames of clients are masked, those of servers are not (section 5.1).
    package enum Sender: Sendable {
        case client
        case server
    }

    package enum Event: Sendable, Equatable {
        /// A message begins: text or binary.
        case begin(WebSocketOpcode, isCompressed: Bool = false)
        /// A frame of the message, `length` bytes of content.
        case frame(length: UInt64, isFinal: Bool)
        /// A piece of the message, unmasked. Pieces do not follow frames.
        case content(ByteBuffer)
        /// The message is whole.
        case end
        /// A control frame, unmasked: close, ping or pong.
        case control(WebSocketOpcode, ByteBuffer)
    }

    package struct Limits: Sendable {
        /// Bytes of a message; 0 = unlimited, since content streams.
        package var message = 0
        /// Frames of one message: empty ones cost work and no bytes.
        package var frames = 1 << 16

        package init(message: Int = 0) {
            self.message = message
        }
    }

    private enum State {
        case head
        /// A message's first head was read, and its `begin` given out.
        case opened(length: UInt64, mask: UInt32?, isFinal: Bool)
        case content(remaining: UInt64, mask: UInt32?, offset: Int, isFinal: Bool)
        case control(WebSocketOpcode, length: Int, mask: UInt32?)
        /// The message's last frame was read and its end is due.
        case ending
        case closed
    }

    private let sender: Sender
    private let limits: Limits
    private let mayBeCompressed: Bool
    private var state = State.head
    /// The kind of the message under way, whose last frame has not come.
    private var message: WebSocketOpcode?
    private var frames = 0
    private var bytes: UInt64 = 0
    /// For text that is not compressed.
    private var text: UTF8Check?

    /// - Parameter mayBeCompressed: permessage-deflate was agreed on.
    package init(_ sender: Sender, limits: Limits = Limits(), mayBeCompressed: Bool = false) {
        self.sender = sender
        self.limits = limits
        self.mayBeCompressed = mayBeCompressed
    }

    /// A close frame has been read: nothing may follow it.
    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// What was given out ends with a frame's end.
    package var isBetweenFrames: Bool {
        switch state {
        case .head, .ending, .closed: true
        case .opened, .content, .control: false
        }
    }

    /// Reads as far as `input` reaches; bytes of an unfinished head or control frame stay in it.
    ///
    /// Errors: as of `next`. What came before one stands in `events`.
    package mutating func read(_ input: inout ByteBuffer, into events: inout [Event]) throws(ContentFault) {
        while let event = try next(&input) { events.append(event) }
    }

    /// What comes next; nil when more bytes must come.
    ///
    /// Errors: `malformed`, `notUTF8`, `tooLarge`. After an error nothing more is to be read.
    package mutating func next(_ input: inout ByteBuffer) throws(ContentFault) -> Event? {
        while true {
            switch state {
            case .head:
                guard let head = WebSocketHead.read(&input) else { return nil }
                if let event = try take(head) { return event }
            case .opened(let length, let mask, let isFinal):
                return try beginFrame(length, mask, isFinal)
            case .content(let remaining, let mask, let offset, let isFinal):
                return try content(&input, remaining, mask, offset, isFinal)
            case .control(let opcode, let length, let mask):
                guard var payload = input.readSlice(length: length) else { return nil }
                if let mask { _ = WebSocketFrame.apply(mask, from: 0, to: &payload) }
                if opcode == .close {
                    try Self.checkClose(payload)
                    state = .closed
                } else {
                    state = .head
                }
                return .control(opcode, payload)
            case .ending:
                state = .head
                message = nil
                return .end
            case .closed:
                guard input.readableBytes == 0 else { throw Self.malformed("Bytes follow the close frame.") }
                return nil
            }
        }
    }

    /// Judges a frame's head; nil where it begins a control frame, which comes whole.
    private mutating func take(_ head: WebSocketHead) throws(ContentFault) -> Event? {
        guard let opcode = WebSocketOpcode(rawValue: head.first & 0x0F) else {
            throw Self.malformed("A frame is of an unknown kind.")
        }
        let isCompressed = head.first & 0x40 != 0
        guard head.first & 0x30 == 0,
            !isCompressed || mayBeCompressed && (opcode == .text || opcode == .binary)
        else { throw Self.malformed("A frame uses an extension that was not agreed on.") }
        guard (head.mask != nil) == (sender == .client) else {
            throw Self.malformed("Frames of clients are masked, and those of servers are not.")
        }
        guard head.length <= UInt64(Int64.max),
            head.short < 126 || head.length > (head.short == 126 ? 125 : 0xFFFF)
        else { throw Self.malformed("A length is not in its shortest form, or no length.") }
        let isFinal = head.first & 0x80 != 0
        if opcode.isControl {
            guard isFinal, head.short <= 125 else {
                throw Self.malformed("A control frame is in parts or too long.")
            }
            state = .control(opcode, length: Int(head.short), mask: head.mask)
            return nil
        }
        if opcode == .continuation {
            guard message != nil else { throw Self.malformed("A frame continues no message.") }
            try count(head.length)
            return try beginFrame(head.length, head.mask, isFinal)
        }
        guard message == nil else { throw Self.malformed("A message begins inside another.") }
        (message, frames, bytes) = (opcode, 0, 0)
        text = opcode == .text && !isCompressed ? UTF8Check() : nil
        try count(head.length)
        state = .opened(length: head.length, mask: head.mask, isFinal: isFinal)
        return .begin(opcode, isCompressed: isCompressed)
    }

    private mutating func count(_ length: UInt64) throws(ContentFault) {
        frames += 1
        let (sum, overflow) = bytes.addingReportingOverflow(length)
        guard frames <= limits.frames, !overflow, limits.message == 0 || sum <= UInt64(limits.message) else {
            throw ContentFault(.tooLarge, "A WebSocket message is over the limit.")
        }
        bytes = sum
    }

    private mutating func beginFrame(_ length: UInt64, _ mask: UInt32?, _ isFinal: Bool) throws(ContentFault) -> Event {
        state = .content(remaining: length, mask: mask, offset: 0, isFinal: isFinal)
        if length == 0 { try endFrame(isFinal) }
        return .frame(length: length, isFinal: isFinal)
    }

    private mutating func endFrame(_ isFinal: Bool) throws(ContentFault) {
        guard isFinal else {
            state = .head
            return
        }
        guard text?.isComplete ?? true else { throw Self.notUTF8 }
        state = .ending
    }

    private mutating func content(
        _ input: inout ByteBuffer, _ remaining: UInt64, _ mask: UInt32?, _ offset: Int, _ isFinal: Bool
    ) throws(ContentFault) -> Event? {
        let count = Int(min(UInt64(input.readableBytes), remaining))
        guard count > 0, var piece = input.readSlice(length: count) else { return nil }
        var offset = offset
        if let mask { offset = WebSocketFrame.apply(mask, from: offset, to: &piece) }
        if var check = text {
            guard piece.withUnsafeReadableBytes({ check.accept($0) }) else { throw Self.notUTF8 }
            text = check
        }
        let left = remaining - UInt64(count)
        state = .content(remaining: left, mask: mask, offset: offset, isFinal: isFinal)
        if left == 0 { try endFrame(isFinal) }
        return .content(piece)
    }

    /// Section 7.4: a code that may be sent, and a reason in UTF-8; or nothing.
    private static func checkClose(_ payload: ByteBuffer) throws(ContentFault) {
        var payload = payload
        guard payload.readableBytes > 0 else { return }
        guard let code = payload.readInteger(as: UInt16.self) else {
            throw malformed("A close frame holds half a code.")
        }
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw malformed("A close frame holds a code that is never sent.")
        }
        var check = UTF8Check()
        guard payload.withUnsafeReadableBytes({ check.accept($0) }), check.isComplete else { throw notUTF8 }
    }

    private static func malformed(_ message: String) -> ContentFault { ContentFault(.malformed, message) }
    private static let notUTF8 = ContentFault(.notUTF8, "A text is not UTF-8.")
}
