package import NIOCore

/// What NOTIFY sends to those that listen.
package struct NotificationResponse: Equatable, Sendable {
    package var processID: Int32
    package var channel: [UInt8]
    package var payload: [UInt8]

    package init(processID: Int32, channel: [UInt8], payload: [UInt8]) {
        self.processID = processID
        self.channel = channel
        self.payload = payload
    }

    /// - Parameter message: the whole message, header included. Nil when it is malformed.
    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let processID = body.readInteger(as: Int32.self), let channel = body.readCString(),
            let payload = body.readCString(), body.readableBytes == 0
        else { return nil }
        self.init(processID: processID, channel: channel, payload: payload)
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.notification) { body in
            body.writeInteger(processID)
            body.writeCString(channel)
            body.writeCString(payload)
        }
    }
}
