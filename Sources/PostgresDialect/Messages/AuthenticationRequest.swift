package import NIOCore

/// What a server asks for, or that it is content.
package enum AuthenticationRequest: Equatable, Sendable {
    case ok
    case cleartextPassword
    case md5Password(salt: [UInt8])
    case sasl(mechanisms: [String])
    case saslContinue([UInt8])
    case saslFinal([UInt8])
    case unsupported(Int32)

    /// - Parameter message: the whole message, header included. Nil when it is malformed.
    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let kind = body.readInteger(as: Int32.self) else { return nil }
        switch kind {
        case 0 where body.readableBytes == 0:
            self = .ok
        case 3 where body.readableBytes == 0:
            self = .cleartextPassword
        case 5 where body.readableBytes == 4:
            self = .md5Password(salt: Array(body.readableBytesView))
        case 10:
            var mechanisms: [String] = []
            while let name = body.readCText() {
                if name.isEmpty {
                    guard body.readableBytes == 0 else { return nil }
                    self = .sasl(mechanisms: mechanisms)
                    return
                }
                mechanisms.append(name)
            }
            return nil
        case 11:
            self = .saslContinue(Array(body.readableBytesView))
        case 12:
            self = .saslFinal(Array(body.readableBytesView))
        case 0, 3, 5:
            return nil
        default:
            self = .unsupported(kind)
        }
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.authentication) { body in
            switch self {
            case .ok:
                body.writeInteger(Int32(0))
            case .cleartextPassword:
                body.writeInteger(Int32(3))
            case .md5Password(let salt):
                body.writeInteger(Int32(5))
                body.writeBytes(salt)
            case .sasl(let mechanisms):
                body.writeInteger(Int32(10))
                for name in mechanisms { body.writeCString(name.utf8) }
                body.writeInteger(UInt8(0))
            case .saslContinue(let data):
                body.writeInteger(Int32(11))
                body.writeBytes(data)
            case .saslFinal(let data):
                body.writeInteger(Int32(12))
                body.writeBytes(data)
            case .unsupported(let kind):
                body.writeInteger(kind)
            }
        }
    }
}
