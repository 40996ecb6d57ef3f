package import NIOCore
package import SessionKernel

/// The fields of an ErrorResponse or NoticeResponse, in the order they came.
package struct ErrorFields: Equatable, Sendable {
    package enum Field {
        static let severity = UInt8(ascii: "S")
        static let severityUnlocalised = UInt8(ascii: "V")
        static let code = UInt8(ascii: "C")
        static let message = UInt8(ascii: "M")
        static let detail = UInt8(ascii: "D")
        static let hint = UInt8(ascii: "H")
        static let `where` = UInt8(ascii: "W")
        static let internalQuery = UInt8(ascii: "q")
        static let schema = UInt8(ascii: "s")
        static let table = UInt8(ascii: "t")
        static let column = UInt8(ascii: "c")
        static let constraint = UInt8(ascii: "n")
        static let dataType = UInt8(ascii: "d")
        static let position = UInt8(ascii: "P")
        static let internalPosition = UInt8(ascii: "p")
        static let file = UInt8(ascii: "F")
        static let line = UInt8(ascii: "L")
        static let routine = UInt8(ascii: "R")
        /// Names of objects that the error is about.
        static let names = [schema, table, column, constraint, dataType]
    }

    package struct Entry: Equatable, Sendable {
        package var field: UInt8
        package var value: [UInt8]
    }

    package var entries: [Entry]

    /// - Parameter message: the whole message, header included. Nil when it is malformed.
    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        entries = []
        while let field = body.readInteger(as: UInt8.self) {
            if field == 0 {
                guard body.readableBytes == 0 else { return nil }
                return
            }
            guard let value = body.readCString() else { return nil }
            entries.append(Entry(field: field, value: value))
        }
        return nil
    }

    /// The session ends with it.
    var isFatal: Bool {
        ["FATAL", "PANIC"].contains(text(Field.severityUnlocalised) ?? text(Field.severity))
    }

    package init(severity: String, _ refusal: Refusal) {
        func entry(_ field: UInt8, _ text: String?) -> Entry? {
            // A zero byte would end the field early.
            text.map { Entry(field: field, value: $0.utf8.filter { $0 != 0 }) }
        }
        entries = [
            entry(Field.severity, severity), entry(Field.severityUnlocalised, severity),
            entry(Field.code, refusal.code),
            entry(Field.message, refusal.message), entry(Field.detail, refusal.detail), entry(Field.hint, refusal.hint),
        ].compactMap { $0 }
    }

    package subscript(field: UInt8) -> [UInt8]? {
        entries.first { $0.field == field }?.value
    }

    package func text(_ field: UInt8) -> String? {
        self[field].map { String(decoding: $0, as: UTF8.self) }
    }

    package var code: String? { text(Field.code) }
    package var message: String? { text(Field.message) }

    package func write(as type: UInt8, into buffer: inout ByteBuffer) {
        buffer.writeMessage(type) { body in
            for entry in entries {
                body.writeInteger(entry.field)
                body.writeCString(entry.value)
            }
            body.writeInteger(UInt8(0))
        }
    }

    /// A refusal as an ErrorResponse.
    static func error(_ refusal: Refusal, severity: String = "ERROR") -> ByteBuffer {
        var buffer = ByteBuffer()
        ErrorFields(severity: severity, refusal).write(as: BackendType.error, into: &buffer)
        return buffer
    }
}
