package import NIOCore

/// What a client sends first, before any message with a type byte.
package enum StartupPacket: Equatable, Sendable {
    case sslRequest
    case gssEncRequest
    /// Process id and secret, as given with BackendKeyData; up to 256 bytes of secret since protocol 3.2.
    case cancelRequest(key: [UInt8])
    case startup(StartupMessage)

    static let sslCode: Int32 = 80_877_103
    static let gssCode: Int32 = 80_877_104
    static let cancelCode: Int32 = 80_877_102

    /// - Parameter packet: the whole packet, length word included.
    package init(_ packet: ByteBuffer) throws(MalformedMessage) {
        var body = packet
        guard body.readInteger(as: Int32.self) != nil, let code = body.readInteger(as: Int32.self) else {
            throw MalformedMessage("the start-up packet is too short")
        }
        switch code {
        case Self.sslCode, Self.gssCode:
            guard body.readableBytes == 0 else { throw MalformedMessage("the encryption request has bytes too many") }
            self = code == Self.sslCode ? .sslRequest : .gssEncRequest
        case Self.cancelCode:
            guard body.readableBytes >= 8, body.readableBytes <= 4 + 256 else {
                throw MalformedMessage("the cancel request has an impossible length")
            }
            self = .cancelRequest(key: Array(body.readableBytesView))
        default:
            self = .startup(try StartupMessage(version: code, body: body))
        }
    }
}

/// Protocol version and parameters.
package struct StartupMessage: Equatable, Sendable {
    package var major: UInt16
    package var minor: UInt16
    /// In the client's order; a name may come twice, the last one counts.
    package var parameters: [(name: String, value: String)]

    package init(major: UInt16 = 3, minor: UInt16 = 0, parameters: [(name: String, value: String)]) {
        self.major = major
        self.minor = minor
        self.parameters = parameters
    }

    package static func == (one: StartupMessage, other: StartupMessage) -> Bool {
        one.major == other.major && one.minor == other.minor && one.parameters.elementsEqual(other.parameters, by: ==)
    }

    package init(version: Int32, body: ByteBuffer) throws(MalformedMessage) {
        let bits = UInt32(bitPattern: version)
        major = UInt16(bits >> 16)
        minor = UInt16(bits & 0xFFFF)
        parameters = []
        guard major == 3 else { throw MalformedMessage("protocol \(major).\(minor) is not supported, only 3.0 is") }
        var body = body
        while let name = body.readCString() {
            if name.isEmpty {
                guard body.readableBytes == 0 else { throw MalformedMessage("bytes follow the start-up parameters") }
                return
            }
            guard let value = body.readCString() else { break }
            // A name or value that is not UTF-8 would reach the target in another spelling than was judged.
            guard let name = String(validating: name, as: UTF8.self),
                let value = String(validating: value, as: UTF8.self)
            else {
                throw MalformedMessage("a start-up parameter is not UTF-8")
            }
            parameters.append((name, value))
        }
        throw MalformedMessage("the start-up parameters do not end")
    }

    /// The last value of a parameter.
    package subscript(name: String) -> String? {
        parameters.last { $0.name == name }?.value
    }

    package func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeLengthPrefixed { body in
            body.writeInteger(major)
            body.writeInteger(minor)
            for (name, value) in parameters {
                body.writeCString(name.utf8)
                body.writeCString(value.utf8)
            }
            body.writeInteger(UInt8(0))
        }
        return buffer
    }

    /// A request without parameters: for encryption (8 bytes) or to cancel.
    package static func request(code: Int32, key: [UInt8] = []) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeLengthPrefixed { body in
            body.writeInteger(code)
            body.writeBytes(key)
        }
        return buffer
    }
}
