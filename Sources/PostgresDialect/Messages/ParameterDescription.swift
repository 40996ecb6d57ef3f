package import NIOCore

/// The types of a statement's parameters, as the server knows them.
package struct ParameterDescription: Equatable, Sendable {
    package var types: [UInt32]

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let count = body.readInteger(as: UInt16.self), body.readableBytes == Int(count) * 4 else { return nil }
        types = (0..<count).compactMap { _ in body.readInteger(as: UInt32.self) }
    }
}
