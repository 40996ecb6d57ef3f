package import NIOCore

/// Bytes that came and are not consumed yet. Grows by what came only, never by a length that a peer names.
package struct InputBuffer {
    package var bytes = ByteBuffer()

    package init() {}

    package mutating func append(_ more: ByteBuffer) {
        if bytes.readableBytes == 0 {
            bytes = more
        } else {
            bytes.writeImmutableBuffer(more)
        }
    }

    /// To be called at the end of a turn: what remains is copied out small, so that slices handed on stay the sole
    /// owners of a read.
    package mutating func settle() {
        if bytes.readableBytes == 0 {
            bytes = ByteBuffer()
        } else if bytes.readerIndex > 0 {
            bytes = bytes.detached()
        }
    }
}
