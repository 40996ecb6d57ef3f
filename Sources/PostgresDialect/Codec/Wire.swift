package import NIOCore

/// The largest message length either side may name: PostgreSQL's own bound (1 GiB less one).
package let maximumMessageLength = 0x3FFF_FFFF

extension ByteBuffer {
    /// Reads up to the next zero byte and takes that away as well; nil when there is none.
    package mutating func readCString() -> [UInt8]? {
        guard let end = indexOfZero() else { return nil }
        let bytes = readBytes(length: end)
        moveReaderIndex(forwardBy: 1)
        return bytes
    }

    /// The same as text; bytes that are not UTF-8 are repaired, so compare names by their bytes where it matters.
    package mutating func readCText() -> String? {
        readCString().map { String(decoding: $0, as: UTF8.self) }
    }

    /// A name, which must be UTF-8: two names must never look like one.
    mutating func readCName() -> String? {
        readCString().flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The offset from the reader index of the next zero byte.
    private func indexOfZero() -> Int? {
        withUnsafeReadableBytes { bytes in bytes.firstIndex(of: 0) }
    }

    package mutating func writeCString(_ bytes: some Collection<UInt8>) {
        writeBytes(bytes)
        writeInteger(UInt8(0))
    }

    /// Writes type, length and what `body` writes. The length counts itself but not the type.
    package mutating func writeMessage(_ type: UInt8, _ body: (inout ByteBuffer) -> Void) {
        writeInteger(type)
        writeLengthPrefixed(body)
    }

    /// A length that counts itself, then what `body` writes.
    package mutating func writeLengthPrefixed(_ body: (inout ByteBuffer) -> Void) {
        let start = writerIndex
        writeInteger(Int32(0))
        body(&self)
        setInteger(Int32(clamping: writerIndex - start), at: start)
    }

    /// A message without a body.
    package mutating func writeEmptyMessage(_ type: UInt8) {
        writeInteger(type)
        writeInteger(Int32(4))
    }

    /// A copy in storage of its own, so that a small remnant does not keep a big buffer alive.
    func detached() -> ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }
}

/// Type and length of the message at the reader index.
package struct MessageHeader: Equatable, Sendable {
    package var type: UInt8
    /// Bytes of the whole message, type byte and length word included.
    package var total: Int

    /// Nil while fewer than five bytes are there. Throws on a length that cannot be right, before anything is allocated
    /// for it.
    package init?(at buffer: ByteBuffer) throws(MalformedMessage) {
        let start = buffer.readerIndex
        guard let type = buffer.getInteger(at: start, as: UInt8.self),
            let length = buffer.getInteger(at: start + 1, as: Int32.self)
        else { return nil }
        guard length >= 4, length <= maximumMessageLength else {
            throw MalformedMessage("a message names the impossible length \(length)")
        }
        self.type = type
        self.total = Int(length) + 1
    }
}

/// What was wrong with bytes of a peer; the side is added where it is known.
package struct MalformedMessage: Error, Sendable {
    package var message: String

    package init(_ message: String) {
        self.message = message
    }
}
