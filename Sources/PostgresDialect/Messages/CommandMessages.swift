package import NIOCore

/// Query: a text, one or more statements.
package struct QueryMessage: Equatable, Sendable {
    package var text: [UInt8]

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let text = body.readCString(), body.readableBytes == 0 else { return nil }
        self.text = text
    }

    package static func encoded(_ text: some Collection<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(FrontendType.query) { $0.writeCString(text) }
        return buffer
    }
}

/// Parse: makes a prepared statement.
package struct ParseMessage: Equatable, Sendable {
    package var statement: String
    package var text: [UInt8]
    /// Declared types; 0 or missing means inferred.
    package var parameterTypes: [UInt32]

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let statement = body.readCName(), let text = body.readCString(),
            let count = body.readInteger(as: UInt16.self),
            body.readableBytes == Int(count) * 4
        else { return nil }
        self.statement = statement
        self.text = text
        parameterTypes = (0..<count).compactMap { _ in body.readInteger(as: UInt32.self) }
    }

    package static func encoded(statement: String, text: some Collection<UInt8>, types: [UInt32] = []) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(FrontendType.parse) { body in
            body.writeCString(statement.utf8)
            body.writeCString(text)
            body.writeInteger(UInt16(clamping: types.count))
            for type in types { body.writeInteger(type) }
        }
        return buffer
    }
}

/// Bind: makes a portal of a prepared statement and parameters.
package struct BindMessage: Equatable, Sendable {
    package var portal: String
    package var statement: String
    package var parameterFormats: [Int16]
    /// Slices of the message; nil for NULL.
    package var parameters: [ByteBuffer?]
    package var resultFormats: [Int16]

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let portal = body.readCName(), let statement = body.readCName(),
            let parameterFormats = Self.formats(&body), let count = body.readInteger(as: UInt16.self),
            // Each parameter takes four bytes at least: nothing is reserved for a count that cannot be.
            body.readableBytes >= Int(count) * 4
        else { return nil }
        var parameters: [ByteBuffer?] = []
        parameters.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let length = body.readInteger(as: Int32.self) else { return nil }
            if length == -1 {
                parameters.append(nil)
            } else {
                guard length >= 0, let value = body.readSlice(length: Int(length)) else { return nil }
                parameters.append(value)
            }
        }
        guard let resultFormats = Self.formats(&body), body.readableBytes == 0 else { return nil }
        guard parameterFormats.count <= 1 || parameterFormats.count == parameters.count else { return nil }
        self.portal = portal
        self.statement = statement
        self.parameterFormats = parameterFormats
        self.parameters = parameters
        self.resultFormats = resultFormats
    }

    private static func formats(_ body: inout ByteBuffer) -> [Int16]? {
        guard let count = body.readInteger(as: UInt16.self), body.readableBytes >= Int(count) * 2 else { return nil }
        return (0..<count).compactMap { _ in body.readInteger(as: Int16.self) }
    }

    /// Portal and statement only: enough for framing.
    static func names(_ message: ByteBuffer) -> (portal: String, statement: String)? {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let portal = body.readCName(), let statement = body.readCName() else { return nil }
        return (portal, statement)
    }

    package static func encoded(
        portal: String = "", statement: String = "", formats: [Int16] = [], parameters: [[UInt8]?] = [],
        resultFormats: [Int16] = []
    ) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(FrontendType.bind) { body in
            body.writeCString(portal.utf8)
            body.writeCString(statement.utf8)
            body.writeInteger(UInt16(clamping: formats.count))
            for format in formats { body.writeInteger(format) }
            body.writeInteger(UInt16(clamping: parameters.count))
            for parameter in parameters {
                body.writeInteger(parameter.map { Int32(clamping: $0.count) } ?? -1)
                if let parameter { body.writeBytes(parameter) }
            }
            body.writeInteger(UInt16(clamping: resultFormats.count))
            for format in resultFormats { body.writeInteger(format) }
        }
        return buffer
    }
}

/// The statement or portal that a Describe or Close is about.
package struct NamedTarget: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case statement = 0x53
        case portal = 0x50
    }

    package var kind: Kind
    package var name: String

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let kind = body.readInteger(as: UInt8.self).flatMap(Kind.init(rawValue:)), let name = body.readCName(),
            body.readableBytes == 0
        else { return nil }
        self.kind = kind
        self.name = name
    }

    package static func encoded(_ type: UInt8, _ kind: Kind, _ name: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(type) { body in
            body.writeInteger(kind.rawValue)
            body.writeCString(name.utf8)
        }
        return buffer
    }
}

/// Execute: runs a portal, up to a number of rows.
package struct ExecuteMessage: Equatable, Sendable {
    package var portal: String
    /// 0 = all.
    package var maximumRows: Int32

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let portal = body.readCName(), let rows = body.readInteger(as: Int32.self), body.readableBytes == 0 else {
            return nil
        }
        self.portal = portal
        maximumRows = rows
    }

    package static func encoded(portal: String = "", maximumRows: Int32 = 0) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMessage(FrontendType.execute) { body in
            body.writeCString(portal.utf8)
            body.writeInteger(maximumRows)
        }
        return buffer
    }
}

/// FunctionCall: runs a function by its OID.
package struct FunctionCallMessage: Equatable, Sendable {
    package var function: UInt32

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let function = body.readInteger(as: UInt32.self), body.readableBytes >= 6 else { return nil }
        self.function = function
    }
}
