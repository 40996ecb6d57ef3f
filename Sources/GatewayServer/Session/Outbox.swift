import NIOCore

/// What goes out on one channel of a session: bytes are gathered, small ones into one buffer, and flushed once.
struct Outbox {
    /// Up to so many bytes are copied together; a system call for each would cost more.
    private static let gathered = 16 << 10

    private(set) var channel: (any Channel)?
    private var bytes = ByteBuffer()
    private var mustFlush = false

    init(_ channel: (any Channel)? = nil) {
        self.channel = channel
    }

    mutating func write(_ more: ByteBuffer) {
        guard channel != nil, more.readableBytes > 0 else { return }
        mustFlush = true
        if bytes.readableBytes == 0 {
            bytes = more
        } else if bytes.readableBytes + more.readableBytes <= Self.gathered {
            bytes.writeImmutableBuffer(more)
        } else {
            channel?.write(bytes, promise: nil)
            bytes = more
        }
    }

    /// The state is settled before the channel is called: a write that fails closes it, which calls back at once.
    mutating func takeFlush() -> (any Channel, ByteBuffer)? {
        guard mustFlush, let channel else { return nil }
        mustFlush = false
        defer { bytes = ByteBuffer() }
        return (channel, bytes)
    }

    /// Takes the channel out, e.g. before it is closed.
    mutating func take() -> (any Channel)? {
        defer { self = Outbox() }
        return channel
    }
}
