import NIOCore

/// Takes a chunked body apart (RFC 9112 section 7.1). Extensions are checked and dropped.
struct ChunkReader {
    private enum State {
        case size
        case data(Int)
        case dataEnd
        case trailers(HeadScanner)
        case done
    }

    /// Of one line with a chunk's size; and what all extensions of a body may take together.
    private static let longestLine = 256
    private static let mostExtension = 16 << 10
    private static let longestTrailers = 16 << 10

    private var state = State.size
    private var extensionBytes = 0
    /// The fields behind the last chunk.
    private(set) var trailers: FieldBlock?

    var isDone: Bool { if case .done = state { true } else { false } }

    /// Takes what is there: a piece of the body's data, or nil when more must come or the body is done.
    mutating func next(_ input: inout ByteBuffer) throws(MalformedHTTP) -> ByteBuffer? {
        while true {
            switch state {
            case .size:
                guard let size = try readSize(&input) else { return nil }
                state = size == 0 ? .trailers(HeadScanner()) : .data(size)
            case .data(let rest):
                guard input.readableBytes > 0, let piece = input.readSlice(length: min(rest, input.readableBytes))
                else { return nil }
                state = piece.readableBytes == rest ? .dataEnd : .data(rest - piece.readableBytes)
                return piece
            case .dataEnd:
                guard input.readableBytes > 0 else { return nil }
                // A wrong first byte is wrong whatever follows.
                let view = input.readableBytesView
                guard view.first == 0x0D else { throw MalformedHTTP("a chunk is longer than its size") }
                guard view.count >= 2 else { return nil }
                guard view[view.startIndex + 1] == 0x0A else { throw MalformedHTTP("a chunk's CR stands alone") }
                input.moveReaderIndex(forwardBy: 2)
                state = .size
            case .trailers(var scanner):
                guard input.readableBytes > 0 else { return nil }
                let end = try scanner.end(of: input, limit: Self.longestTrailers, what: "the trailer section")
                guard let end, let bytes = input.readBytes(length: end) else {
                    state = .trailers(scanner)
                    return nil
                }
                let block = try FieldBlock(bytes, from: 0)
                if !block.fields.isEmpty { trailers = block }
                state = .done
            case .done:
                return nil
            }
        }
    }

    private mutating func readSize(_ input: inout ByteBuffer) throws(MalformedHTTP) -> Int? {
        let view = input.readableBytesView
        guard let end = view.firstIndex(of: 0x0A) else {
            guard view.count <= Self.longestLine else { throw MalformedHTTP("a chunk's size line is too long") }
            return nil
        }
        let length = end - view.startIndex + 1
        guard length >= 3, length <= Self.longestLine, view[end - 1] == 0x0D else {
            throw MalformedHTTP("a chunk's size line is malformed")
        }
        let line = view[view.startIndex..<end - 1]
        let digits = line.prefix { $0 != 0x3B }
        guard !digits.isEmpty, digits.count <= 15 else { throw MalformedHTTP("a chunk's size is no number") }
        var size = 0
        for byte in digits {
            guard let value = Octets.hexadecimal(byte) else { throw MalformedHTTP("a chunk's size is no number") }
            size = size << 4 | Int(value)
        }
        let rest = line.dropFirst(digits.count)
        guard rest.allSatisfy(Octets.isFieldValue) else { throw MalformedHTTP("a chunk extension is malformed") }
        extensionBytes += rest.count
        guard extensionBytes <= Self.mostExtension else { throw MalformedHTTP("the chunk extensions are too long") }
        input.moveReaderIndex(forwardBy: length)
        return size
    }
}

/// Writes a piece of a body as one chunk.
func writeChunk(_ data: ByteBuffer, into buffer: inout ByteBuffer) {
    guard data.readableBytes > 0 else { return }
    buffer.writeString(String(data.readableBytes, radix: 16))
    buffer.writeStaticString("\r\n")
    buffer.writeImmutableBuffer(data)
    buffer.writeStaticString("\r\n")
}
