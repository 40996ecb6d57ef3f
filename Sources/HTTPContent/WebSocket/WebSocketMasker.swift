package import NIOCore

/// Masks frames on their way to a server (RFC 6455 section 5.3). The keys are the gateway's own: a client that chose them
/// could choose the bytes on the wire (section 10.3).
package struct WebSocketMasker: Sendable {
    private var remaining: UInt64 = 0
    private var mask: UInt32 = 0
    private var offset = 0

    package init() {}

    /// What was masked so far ends with a frame's end.
    package var isBetweenFrames: Bool { remaining == 0 }

    /// A close frame went through: nothing may follow it.
    package private(set) var isClosed = false

    /// - Parameter frames: without masks, as `WebSocketReader` has checked them, cut anywhere but in a head.
    package mutating func mask(_ frames: ByteBuffer) -> ByteBuffer {
        var (frames, masked) = (frames, ByteBuffer())
        masked.reserveCapacity(frames.readableBytes + WebSocketFrame.longestHead)
        while frames.readableBytes > 0, !isClosed || remaining > 0 {
            if remaining == 0 {
                guard let head = WebSocketHead.read(&frames) else { break }
                mask = UInt32.random(in: 0...UInt32.max)
                (remaining, offset) = (head.length, 0)
                isClosed = head.first & 0x0F == WebSocketOpcode.close.rawValue
                WebSocketFrame.writeHead(head.first, head.length, mask, into: &masked)
            }
            let count = Int(min(UInt64(frames.readableBytes), remaining))
            guard count > 0, var piece = frames.readSlice(length: count) else { continue }
            offset = WebSocketFrame.apply(mask, from: offset, to: &piece)
            remaining -= UInt64(count)
            masked.writeBuffer(&piece)
        }
        return masked
    }
}
