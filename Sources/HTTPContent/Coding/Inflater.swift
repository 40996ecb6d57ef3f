import CZlib
import NIOCore

/// gzip (RFC 1952, any number of members) and deflate: zlib (RFC 1950) by the letter, bare RFC 1951 as many servers send.
final class Inflater: CodingLayer {
    enum Format {
        case gzip
        case deflate
    }

    private enum State {
        /// The two bytes that tell zlib from bare deflate have not both come.
        case sniffing
        case running
        /// At the end of a member; another may follow in gzip.
        case ended
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private let format: Format
    private var state: State
    /// Bytes that were looked at and not given to zlib yet.
    private var sniffed = ByteBuffer()
    private var hasBegun = false

    init(_ format: Format) throws(ContentFault) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        self.format = format
        state = format == .gzip ? .running : .sniffing
        // 15 + 16: gzip only, with the largest window. For deflate this is set again once its form is known.
        guard inflateInit2_(stream, format == .gzip ? 31 : 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else {
            stream.deinitialize(count: 1)
            stream.deallocate()
            throw ContentFault(.tooLarge, "There is no memory to take off a coding.")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    var isAtEnd: Bool {
        if case .ended = state { return true }
        return !hasBegun
    }

    func run(_ input: inout ByteBuffer, into output: inout ByteBuffer, most: Int) throws(ContentFault) -> Bool {
        if input.readableBytes > 0 { hasBegun = true }
        guard try sniff(&input) else { return false }
        var room = most
        while room > 0 {
            if case .ended = state {
                guard sniffed.readableBytes + input.readableBytes > 0 else { return false }
                guard format == .gzip else { throw Self.trailing }
                guard inflateReset(stream) == Z_OK else { throw Self.broken }
                state = .running
            }
            let isSniffed = sniffed.readableBytes > 0
            let (used, made, code) = step(isSniffed ? sniffed : input, into: &output, most: room)
            if isSniffed { sniffed.moveReaderIndex(forwardBy: used) } else { input.moveReaderIndex(forwardBy: used) }
            room -= made
            switch code {
            case Z_STREAM_END: state = .ended
            case Z_OK, Z_BUF_ERROR: if used == 0, made == 0 { return false }
            default: throw Self.broken
            }
        }
        return true
    }

    /// Tells zlib from bare deflate; false while two bytes have not come.
    private func sniff(_ input: inout ByteBuffer) throws(ContentFault) -> Bool {
        guard case .sniffing = state else { return true }
        while sniffed.readableBytes < 2 {
            guard let byte = input.readInteger(as: UInt8.self) else { return false }
            sniffed.writeInteger(byte)
        }
        // CM = 8, CINFO <= 7, the check of both bytes (RFC 1950 section 2.2).
        let bytes = sniffed.readableBytesView
        let (first, second) = (bytes[bytes.startIndex], bytes[bytes.startIndex + 1])
        let isZlib =
            first & 0x0F == 8 && first >> 4 <= 7 && (UInt16(first) << 8 | UInt16(second)).isMultiple(of: 31)
        guard isZlib || inflateReset2(stream, -15) == Z_OK else { throw Self.broken }
        state = .running
        return true
    }

    private func step(
        _ input: ByteBuffer, into output: inout ByteBuffer, most: Int
    ) -> (used: Int, made: Int, code: Int32) {
        let limit = min(most, 64 << 10)
        var used = 0
        var code = Z_OK
        let made = output.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { space in
            input.withUnsafeReadableBytes { bytes in
                // zlib reads through this pointer only.
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
                let given = min(bytes.count, Int(Int32.max))
                stream.pointee.avail_in = UInt32(given)
                stream.pointee.next_out = space.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(limit)
                code = inflate(stream, Z_NO_FLUSH)
                used = given - Int(stream.pointee.avail_in)
                let made = limit - Int(stream.pointee.avail_out)
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
                return made
            }
        }
        return (used, made, code)
    }

    private static let broken = ContentFault(.malformed, "The content is not what its coding says.")
    private static let trailing = ContentFault(.malformed, "Bytes follow the end of the content's coding.")
}
