import CZlib

/// Decompresses the messages of one direction of a WebSocket connection (RFC 7692 section 7.2.2), for who reads the record:
/// what a small message becomes is bounded by the caller.
package final class MessageInflater {
    private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    private let stream: UnsafeMutablePointer<z_stream>
    /// Each message begins anew, rather than with what came before it.
    private let forgets: Bool
    /// After an error, or a message that was too long, nothing more can be told.
    private var isBroken = false
    /// Bytes that the last message was inflated to, read or not.
    package private(set) var inflated = 0

    /// - Parameter forgets: `no_context_takeover` was agreed on for this direction.
    package init?(forgets: Bool) {
        self.forgets = forgets
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deinitialize(count: 1)
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// A whole message; nil when it cannot be read, or is longer than `most` bytes.
    package func message(_ compressed: [UInt8], most: Int) -> [UInt8]? {
        inflated = 0
        guard forgets || !isBroken else { return nil }
        isBroken = true
        if forgets, inflateReset(stream) != Z_OK { return nil }
        var message: [UInt8] = []
        var input = compressed + Self.tail
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        let isWhole = input.withUnsafeMutableBufferPointer { input -> Bool in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(clamping: input.count)
            defer { (stream.pointee.next_in, stream.pointee.avail_in) = (nil, 0) }
            while true {
                let (made, code) = step(&piece)
                inflated += made
                guard message.count + made <= most else { return false }
                message += piece.prefix(made)
                switch code {
                case Z_OK, Z_BUF_ERROR:
                    if made < piece.count { return stream.pointee.avail_in == 0 }
                // A sender may end the stream with a final block (section 7.2.3.4), then the next begins anew.
                case Z_STREAM_END: return inflateReset(stream) == Z_OK
                default: return false
                }
            }
        }
        guard isWhole else { return nil }
        isBroken = false
        return message
    }

    private func step(_ piece: inout [UInt8]) -> (made: Int, code: Int32) {
        piece.withUnsafeMutableBufferPointer { output in
            stream.pointee.next_out = output.baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            let code = inflate(stream, Z_SYNC_FLUSH)
            defer { stream.pointee.next_out = nil }
            return (output.count - Int(stream.pointee.avail_out), code)
        }
    }
}
