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

/// The head of a frame as it came, not judged yet (RFC 6455 section 5.2).
struct WebSocketHead {
    /// FIN, the reserved bits and the opcode.
    let first: UInt8
    /// The seven bits that are the length, or say where it stands.
    let short: UInt8
    let length: UInt64
    /// The masking key; nil without one.
    let mask: UInt32?

    /// Takes a head off `input`; nil, and nothing taken, while it is not whole.
    static func read(_ input: inout ByteBuffer) -> WebSocketHead? {
        var head = input
        guard let first = head.readInteger(as: UInt8.self), let second = head.readInteger(as: UInt8.self) else {
            return nil
        }
        var length = UInt64(second & 0x7F)
        if length == 126 {
            guard let long = head.readInteger(as: UInt16.self) else { return nil }
            length = UInt64(long)
        } else if length == 127 {
            guard let long = head.readInteger(as: UInt64.self) else { return nil }
            length = long
        }
        var mask: UInt32?
        if second & 0x80 != 0 {
            guard let key = head.readInteger(as: UInt32.self) else { return nil }
            mask = key
        }
        input = head
        return WebSocketHead(first: first, short: second & 0x7F, length: length, mask: mask)
    }
}

/// Writing frames (RFC 6455 section 5).
package enum WebSocketFrame {
    /// What no head is longer than.
    package static let longestHead = 14

    /// Appends a frame's head; its payload must follow, masked with `mask` when there is one.
    ///
    /// - Parameter isCompressed: the message is (RFC 7692 section 6): for its first frame only.
    package static func writeHead(
        _ opcode: WebSocketOpcode, isFinal: Bool, isCompressed: Bool = false, length: UInt64, mask: UInt32?,
        into buffer: inout ByteBuffer
    ) {
        writeHead((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue, length, mask, into: &buffer)
    }

    static func writeHead(_ first: UInt8, _ length: UInt64, _ mask: UInt32?, into buffer: inout ByteBuffer) {
        buffer.writeInteger(first)
        let bit: UInt8 = mask == nil ? 0 : 0x80
        switch length {
        case ..<126: buffer.writeInteger(bit | UInt8(length))
        case ...0xFFFF:
            buffer.writeInteger(bit | 126)
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(bit | 127)
            buffer.writeInteger(length)
        }
        if let mask { buffer.writeInteger(mask) }
    }

    /// Appends a whole frame.
    package static func write(
        _ opcode: WebSocketOpcode, isFinal: Bool = true, isCompressed: Bool = false, payload: ByteBuffer, mask: UInt32?,
        into buffer: inout ByteBuffer
    ) {
        writeHead(
            opcode, isFinal: isFinal, isCompressed: isCompressed, length: UInt64(payload.readableBytes), mask: mask,
            into: &buffer)
        var payload = payload
        if let mask { _ = apply(mask, from: 0, to: &payload) }
        buffer.writeBuffer(&payload)
    }

    /// A close frame (section 5.5.1). The reason is cut to what a control frame holds.
    package static func close(_ code: UInt16, _ reason: String) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        var room = 123
        for character in reason {
            room -= character.utf8.count
            guard room >= 0 else { break }
            payload.writeString(String(character))
        }
        var frame = ByteBuffer()
        write(.close, payload: payload, mask: nil, into: &frame)
        return frame
    }

    /// Masks or unmasks in place (section 5.3).
    ///
    /// - Parameter offset: how many bytes of the frame's payload came before, modulo 4.
    /// - Returns: the offset for the bytes that follow.
    package static func apply(_ mask: UInt32, from offset: Int, to buffer: inout ByteBuffer) -> Int {
        let count = buffer.readableBytes
        buffer.withUnsafeMutableReadableBytes { apply(mask, from: offset, to: $0) }
        return (offset &+ count) & 3
    }

    static func apply(_ mask: UInt32, from offset: Int, to bytes: UnsafeMutableRawBufferPointer) {
        // The key turned so that its first byte is for the first of `bytes`, twice: eight bytes at a time.
        let turn = UInt32(truncatingIfNeeded: 8 * (offset & 3))
        let turned = UInt64((mask << turn) | (mask >> (32 - turn)))
        let key = turned << 32 | turned
        var index = 0
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            bytes.storeBytes(of: word ^ key.bigEndian, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < bytes.count {
            bytes[index] ^= UInt8(truncatingIfNeeded: key >> UInt64(56 - 8 * (index & 7)))
            index += 1
        }
    }
}
