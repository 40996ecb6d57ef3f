package import NIOCore

/// CopyInResponse or CopyOutResponse: the format of the data that follows.
package struct CopyResponse: Equatable, Sendable {
    package var isBinary: Bool
    package var columnCount: Int

    /// - Parameter message: bytes that begin with the message.
    package init?(_ message: ByteBuffer) {
        var body = message
        guard body.readInteger(as: UInt8.self) != nil, let length = body.readInteger(as: Int32.self),
            let format = body.readInteger(as: UInt8.self), let count = body.readInteger(as: UInt16.self),
            Int(length) == 4 + 3 + Int(count) * 2, body.readableBytes >= Int(count) * 2
        else { return nil }
        isBinary = format == 1
        columnCount = Int(count)
    }

    package static func write(_ type: UInt8, isBinary: Bool, columns: Int, into buffer: inout ByteBuffer) {
        buffer.writeMessage(type) { body in
            body.writeInteger(UInt8(isBinary ? 1 : 0))
            body.writeInteger(UInt16(clamping: columns))
            for _ in 0..<columns { body.writeInteger(Int16(isBinary ? 1 : 0)) }
        }
    }
}
