package import NIOCore

/// One block of an event stream: the lines up to and with a blank one (WHATWG HTML section 9.2.5).
package struct ServerSentEvent: Sendable, Equatable {
    /// One line. A comment has no name.
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: ByteBuffer

        package init(name: String, value: ByteBuffer) {
            self.name = name
            self.value = value
        }
    }

    /// The bytes as they came, to pass on what nobody edits.
    package var raw: ByteBuffer
    /// Its lines in order; more than one may be `data`.
    package var fields: [Field]
    /// False for the rest of a stream that ended without a blank line: browsers drop it, other clients may not.
    package var isComplete: Bool

    /// The event's data: its data lines, joined by line feeds; nil when there are none.
    package var data: ByteBuffer? {
        var joined: ByteBuffer?
        for field in fields where field.name == "data" {
            if joined == nil {
                joined = field.value
            } else {
                joined?.writeInteger(UInt8(ascii: "\n"))
                joined?.writeImmutableBuffer(field.value)
            }
        }
        return joined
    }

    /// The last value of the field, as text; nil when absent or not UTF-8.
    package func text(_ name: String) -> String? {
        guard let value = fields.last(where: { $0.name == name })?.value else { return nil }
        return String(validating: value.readableBytesView, as: UTF8.self)
    }

    /// The block with its lines written anew, and other data in place of its own unless `data` is nil.
    package func replacing(data: ByteBuffer?) -> ByteBuffer {
        var bytes = ByteBuffer()
        var isWritten = false
        for field in fields {
            guard let data, field.name == "data" else {
                Self.write(field.name, field.value.readableBytesView, into: &bytes)
                continue
            }
            if !isWritten {
                isWritten = true
                Self.writeData(data, into: &bytes)
            }
        }
        if let data, !isWritten { Self.writeData(data, into: &bytes) }
        if isComplete { bytes.writeInteger(UInt8(ascii: "\n")) }
        return bytes
    }

    /// One line for each line of the data, so that nothing in it can begin a line of its own.
    private static func writeData(_ data: ByteBuffer, into bytes: inout ByteBuffer) {
        let lines = data.readableBytesView.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
        }
        for line in lines { write("data", line, into: &bytes) }
    }

    private static func write(_ name: String, _ value: ByteBufferView, into bytes: inout ByteBuffer) {
        bytes.writeString(name)
        bytes.writeString(name.isEmpty ? ":" : ": ")
        bytes.writeBytes(value)
        bytes.writeInteger(UInt8(ascii: "\n"))
    }
}
