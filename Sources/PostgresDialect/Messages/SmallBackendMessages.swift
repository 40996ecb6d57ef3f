package import NIOCore

/// Process id and secret with which a running command can be cancelled.
package struct BackendKeyData: Equatable, Sendable {
    package var processID: Int32
    package var secret: [UInt8]

    package init(processID: Int32, secret: [UInt8]) {
        self.processID = processID
        self.secret = secret
    }

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let processID = body.readInteger(as: Int32.self), body.readableBytes >= 4, body.readableBytes <= 256
        else { return nil }
        self.init(processID: processID, secret: Array(body.readableBytesView))
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.backendKeyData) { body in
            body.writeInteger(processID)
            body.writeBytes(secret)
        }
    }
}

/// A setting of the server that clients are told of.
package struct ParameterStatus: Equatable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let name = body.readCText(), let value = body.readCText(), body.readableBytes == 0 else { return nil }
        self.init(name: name, value: value)
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.parameterStatus) { body in
            body.writeCString(name.utf8)
            body.writeCString(value.utf8)
        }
    }
}

/// The server's transaction status.
package enum TransactionStatus: UInt8, Sendable {
    case idle = 0x49
    case inTransaction = 0x54
    case failed = 0x45

    /// - Parameter message: a ReadyForQuery, header included.
    package init?(_ message: ByteBuffer) {
        guard message.readableBytes == 6, let byte = message.getInteger(at: message.readerIndex + 5, as: UInt8.self)
        else { return nil }
        self.init(rawValue: byte)
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.readyForQuery) { $0.writeInteger(rawValue) }
    }
}

/// What a server says that cannot speak the asked-for minor version or does not know an option.
package struct NegotiateProtocolVersion: Equatable, Sendable {
    /// The version offered instead. The whole version number goes over the wire, as PostgreSQL and libpq have it.
    package var version: Int32 = 3 << 16
    package var unknownOptions: [String]

    package init(unknownOptions: [String]) {
        self.unknownOptions = unknownOptions
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.negotiateProtocolVersion) { body in
            body.writeInteger(version)
            body.writeInteger(Int32(clamping: unknownOptions.count))
            for option in unknownOptions { body.writeCString(option.utf8) }
        }
    }
}

/// The closing word of a statement, e.g. `INSERT 0 5`.
package struct CommandTag: Equatable, Sendable {
    package var text: String

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let text = body.readCText(), body.readableBytes == 0 else { return nil }
        self.text = text
    }

    /// The last word, when it is a number: rows returned or affected.
    package var rows: Int? {
        text.utf8.lastIndex(of: 0x20).flatMap { Int(text[text.index(after: $0)...]) }
    }
}
