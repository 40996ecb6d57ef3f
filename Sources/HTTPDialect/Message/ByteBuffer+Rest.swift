import NIOCore

extension ByteBuffer {
    /// What remains is copied out small, so that a slice handed on is the sole owner of its read.
    mutating func keepRest() {
        if readableBytes == 0 {
            self = ByteBuffer()
        } else if readerIndex > 0 {
            var copy = ByteBuffer()
            copy.reserveCapacity(readableBytes)
            copy.writeImmutableBuffer(self)
            self = copy
        }
    }
}
