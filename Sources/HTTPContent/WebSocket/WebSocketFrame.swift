package import NIOCore

/// What a frame is (RFC 6455 section 5.2).
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    package var isControl: Bool { rawValue >= 0x8 }
}

/// Writing frames (RFC 6455 section 5).
package enum WebSocketFrame {
    /// Appends a frame's head; its payload must follow, masked with `mask` when there is one.
    package static func writeHead(
        _ opcode: WebSocketOpcode, isFinal: Bool, length: Int, mask: UInt32?, into buffer: inout ByteBuffer
    ) {
        buffer.writeInteger((isFinal ? 0x80 : 0) | opcode.rawValue)
        let bit: UInt8 = mask == nil ? 0 : 0x80
        switch length {
        case ..<126: buffer.writeInteger(bit | UInt8(max(0, length)))
        case ...0xFFFF:
            buffer.writeInteger(bit | 126)
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(bit | 127)
            buffer.writeInteger(UInt64(length))
        }
        if let mask { buffer.writeInteger(mask) }
    }

    /// Appends a whole frame.
    package static func write(
        _ opcode: WebSocketOpcode, isFinal: Bool = true, payload: ByteBuffer, mask: UInt32?,
        into buffer: inout ByteBuffer
    ) {
        writeHead(opcode, isFinal: isFinal, length: payload.readableBytes, mask: mask, into: &buffer)
        var payload = payload
        if let mask { _ = apply(mask, from: 0, to: &payload) }
        buffer.writeBuffer(&payload)
    }

    /// Masks or unmasks in place (section 5.3).
    ///
    /// - Parameter offset: how many bytes of the frame's payload came before, modulo 4.
    /// - Returns: the offset for the bytes that follow.
    package static func apply(_ mask: UInt32, from offset: Int, to buffer: inout ByteBuffer) -> Int {
        let count = buffer.readableBytes
        let key = (
            UInt8(truncatingIfNeeded: mask >> 24), UInt8(truncatingIfNeeded: mask >> 16),
            UInt8(truncatingIfNeeded: mask >> 8), UInt8(truncatingIfNeeded: mask)
        )
        buffer.withUnsafeMutableReadableBytes { bytes in
            for index in 0..<count {
                switch (offset &+ index) & 3 {
                case 0: bytes[index] ^= key.0
                case 1: bytes[index] ^= key.1
                case 2: bytes[index] ^= key.2
                default: bytes[index] ^= key.3
                }
            }
        }
        return (offset &+ count) & 3
    }
}
