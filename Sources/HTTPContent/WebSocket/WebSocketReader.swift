package import NIOCore

/// Reads one direction of a WebSocket connection, by the letter of RFC 6455, without extensions: their offer is taken
/// out of the handshake, so a frame that uses one is a fault.
package struct WebSocketReader: Sendable {
    /// Who sends: frames of clients are masked, those of servers are not (section 5.1).
    package enum Sender: Sendable {
        case client
        case server
    }

    package enum Event: Sendable, Equatable {
        /// A message begins: text or binary.
        case begin(WebSocketOpcode)
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

        package init() {}
    }

    private enum State {
        case head
        case content(remaining: UInt64, mask: UInt32, offset: Int, isFinal: Bool)
        case control(WebSocketOpcode, length: Int, mask: UInt32)
        case closed
    }

    private let sender: Sender
    private let limits: Limits
    private var state = State.head
    /// The kind of the message under way, whose last frame has not come.
    private var message: WebSocketOpcode?
    private var frames = 0
    private var bytes: UInt64 = 0
    private var text = UTF8Check()

    package init(_ sender: Sender, limits: Limits = Limits()) {
        self.sender = sender
        self.limits = limits
    }

    /// A close frame has been read: nothing may follow it.
    package var isClosed: Bool { if case .closed = state { true } else { false } }

    /// Reads as far as `input` reaches; bytes of an unfinished head or control frame stay in it.
    ///
    /// Errors: `malformed`, `tooLarge`. After an error nothing more is read; what came before it stands in `events`.
    package mutating func read(_ input: inout ByteBuffer, into events: inout [Event]) throws(ContentFault) {
        while true {
            switch state {
            case .head:
                guard try readHead(&input, into: &events) else { return }
            case .content(let remaining, let mask, let offset, let isFinal):
                guard try readContent(&input, remaining, mask, offset, isFinal, into: &events) else { return }
            case .control(let opcode, let length, let mask):
                guard var payload = input.readSlice(length: length) else { return }
                if sender == .client { _ = WebSocketFrame.apply(mask, from: 0, to: &payload) }
                if opcode == .close {
                    try Self.checkClose(payload)
                    state = .closed
                } else {
                    state = .head
                }
                events.append(.control(opcode, payload))
            case .closed:
                guard input.readableBytes == 0 else { throw Self.malformed("Bytes follow the close frame.") }
                return
            }
        }
    }

    /// False while the head is not whole.
    private mutating func readHead(
        _ input: inout ByteBuffer, into events: inout [Event]
    ) throws(ContentFault) -> Bool {
        var head = input
        guard let first = head.readInteger(as: UInt8.self), let second = head.readInteger(as: UInt8.self) else {
            return false
        }
        guard first & 0x70 == 0 else { throw Self.malformed("A frame uses an extension that was not agreed on.") }
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else {
            throw Self.malformed("A frame is of an unknown kind.")
        }
        guard (second & 0x80 != 0) == (sender == .client) else {
            throw Self.malformed("Frames of clients are masked, and those of servers are not.")
        }
        let isFinal = first & 0x80 != 0
        let short = second & 0x7F
        if opcode.isControl {
            guard isFinal, short <= 125 else { throw Self.malformed("A control frame is in parts or too long.") }
        }
        var length = UInt64(short)
        if short == 126 {
            guard let long = head.readInteger(as: UInt16.self) else { return false }
            guard long > 125 else { throw Self.malformed("A length is not in its shortest form.") }
            length = UInt64(long)
        } else if short == 127 {
            guard let long = head.readInteger(as: UInt64.self) else { return false }
            guard long > 0xFFFF, long <= UInt64(Int64.max) else {
                throw Self.malformed("A length is not in its shortest form, or no length.")
            }
            length = long
        }
        var mask: UInt32 = 0
        if sender == .client {
            guard let key = head.readInteger(as: UInt32.self) else { return false }
            mask = key
        }
        input = head
        if opcode.isControl {
            state = .control(opcode, length: Int(short), mask: mask)
        } else {
            try begin(opcode, length, into: &events)
            state = .content(remaining: length, mask: mask, offset: 0, isFinal: isFinal)
        }
        return true
    }

    private mutating func begin(
        _ opcode: WebSocketOpcode, _ length: UInt64, into events: inout [Event]
    ) throws(ContentFault) {
        if opcode == .continuation {
            guard message != nil else { throw Self.malformed("A frame continues no message.") }
        } else {
            guard message == nil else { throw Self.malformed("A message begins inside another.") }
            (message, frames, bytes, text) = (opcode, 0, 0, UTF8Check())
            events.append(.begin(opcode))
        }
        frames += 1
        let (sum, overflow) = bytes.addingReportingOverflow(length)
        guard frames <= limits.frames, !overflow, limits.message == 0 || sum <= UInt64(limits.message) else {
            throw ContentFault(.tooLarge, "A WebSocket message is over the limit.")
        }
        bytes = sum
    }

    /// False when `input` is used up.
    private mutating func readContent(
        _ input: inout ByteBuffer, _ remaining: UInt64, _ mask: UInt32, _ offset: Int, _ isFinal: Bool,
        into events: inout [Event]
    ) throws(ContentFault) -> Bool {
        let count = Int(min(UInt64(input.readableBytes), remaining))
        var offset = offset
        if count > 0, var piece = input.readSlice(length: count) {
            if sender == .client { offset = WebSocketFrame.apply(mask, from: offset, to: &piece) }
            if message == .text {
                guard piece.withUnsafeReadableBytes({ text.accept($0) }) else { throw Self.notUTF8 }
            }
            events.append(.content(piece))
        }
        let left = remaining - UInt64(count)
        guard left == 0 else {
            state = .content(remaining: left, mask: mask, offset: offset, isFinal: isFinal)
            return false
        }
        state = .head
        if isFinal {
            guard message != .text || text.isComplete else { throw Self.notUTF8 }
            message = nil
            events.append(.end)
        }
        return true
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
    private static let notUTF8 = ContentFault(.malformed, "A text message is not UTF-8.")
}
