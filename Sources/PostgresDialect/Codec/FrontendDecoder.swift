package import NIOCore

/// One piece of what a client sent.
package enum FrontendFrame: Equatable {
    /// A start-up packet: no type byte; the length word is included.
    case startup(ByteBuffer)
    /// A whole message, header included.
    case message(type: UInt8, ByteBuffer)
    /// A message of a command that is larger than `limits.command`; its bytes are skipped.
    case oversized(type: UInt8, length: Int)
    /// Whole CopyData messages or parts of one; a piece that begins a message begins with its whole header.
    case copyData(ByteBuffer)
}

/// Frames the client's bytes, whatever the split, with bounded memory.
package struct FrontendDecoder {
    package enum Phase: Sendable {
        case startup
        case password
        case messages
    }

    package var phase = Phase.startup
    private var input = InputBuffer()
    /// Bytes of an oversized message that are still to be thrown away.
    private var skip = 0
    /// Bytes of a CopyData message that are still to be handed on.
    private var copy = 0

    package init() {}

    package mutating func append(_ bytes: ByteBuffer) { input.append(bytes) }
    package mutating func settle() { input.settle() }
    package var hasBytes: Bool { input.bytes.readableBytes > 0 }

    /// The next piece, or nil until more bytes come.
    package mutating func next(commandLimit: Int) throws(MalformedMessage) -> FrontendFrame? {
        switch phase {
        case .startup: try nextStartup()
        case .password: try nextMessage(commandLimit: commandLimit)
        case .messages: try nextMessage(commandLimit: commandLimit)
        }
    }

    private mutating func nextStartup() throws(MalformedMessage) -> FrontendFrame? {
        guard let length = input.bytes.getInteger(at: input.bytes.readerIndex, as: Int32.self) else { return nil }
        guard length >= 8, length <= Cap.startup else {
            throw MalformedMessage("the start-up packet names the impossible length \(length)")
        }
        return input.bytes.readSlice(length: Int(length)).map { .startup($0) }
    }

    private mutating func nextMessage(commandLimit: Int) throws(MalformedMessage) -> FrontendFrame? {
        if skip > 0 {
            let step = min(skip, input.bytes.readableBytes)
            input.bytes.moveReaderIndex(forwardBy: step)
            skip -= step
            if skip > 0 { return nil }
        }
        if copy > 0 || isCopyData { return try nextCopyData() }
        guard let header = try MessageHeader(at: input.bytes) else {
            try checkType()
            return nil
        }
        let cap = try Cap.of(header.type, in: phase, commandLimit: commandLimit)
        guard header.total - 5 <= cap.bytes else {
            guard cap.isSkippable else {
                throw MalformedMessage(
                    "a message of type \(Self.name(header.type)) has \(header.total) bytes, at most \(cap.bytes) are allowed"
                )
            }
            skip = header.total
            return .oversized(type: header.type, length: header.total)
        }
        return input.bytes.readSlice(length: header.total).map { .message(type: header.type, $0) }
    }

    private var isCopyData: Bool {
        phase == .messages
            && input.bytes.getInteger(at: input.bytes.readerIndex, as: UInt8.self) == FrontendType.copyData
    }

    /// A type that is never right is told before its length has come.
    private func checkType() throws(MalformedMessage) {
        guard let type = input.bytes.getInteger(at: input.bytes.readerIndex, as: UInt8.self) else { return }
        _ = try Cap.of(type, in: phase, commandLimit: 0)
    }

    /// Takes consecutive CopyData messages, and the part of the last one that is there, as one piece.
    private mutating func nextCopyData() throws(MalformedMessage) -> FrontendFrame? {
        var walk = input.bytes
        while walk.readableBytes > 0 {
            if copy == 0 {
                guard walk.getInteger(at: walk.readerIndex, as: UInt8.self) == FrontendType.copyData,
                    let header = try MessageHeader(at: walk)
                else { break }
                copy = header.total
                // The header is never split, so that the other end of the queue can find message boundaries.
            }
            let step = min(copy, walk.readableBytes)
            walk.moveReaderIndex(forwardBy: step)
            copy -= step
        }
        let length = walk.readerIndex - input.bytes.readerIndex
        guard length > 0 else { return nil }
        return input.bytes.readSlice(length: length).map { .copyData($0) }
    }

    static func name(_ type: UInt8) -> String {
        type > 0x20 && type < 0x7F ? "'\(Character(Unicode.Scalar(type)))'" : "0x" + String(type, radix: 16)
    }

    private enum Cap {
        /// PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
        static let startup = 10_000
        /// PostgreSQL's PQ_SMALL_MESSAGE_LIMIT.
        static let small = 10_000
        /// The password message carries a token.
        static let token = 64 << 10

        static func of(_ type: UInt8, in phase: Phase, commandLimit: Int) throws(MalformedMessage) -> (
            bytes: Int, isSkippable: Bool
        ) {
            switch (phase, type) {
            case (.password, FrontendType.password):
                return (token, false)
            case (.messages, FrontendType.query), (.messages, FrontendType.parse), (.messages, FrontendType.bind),
                (.messages, FrontendType.functionCall):
                return (commandLimit, true)
            case (.messages, FrontendType.close), (.messages, FrontendType.describe), (.messages, FrontendType.execute),
                (.messages, FrontendType.flush), (.messages, FrontendType.sync), (.messages, FrontendType.terminate),
                (.messages, FrontendType.copyDone), (.messages, FrontendType.copyFail),
                (.messages, FrontendType.copyData):
                return (small, false)
            default:
                throw MalformedMessage("a message of type \(FrontendDecoder.name(type)) is not expected here")
            }
        }
    }
}
