import NIOCore
import SessionKernel

/// Frames a client's bytes: heads, and the bodies behind them.
struct RequestReader {
    private enum State {
        case head(HeadScanner)
        case body(Body)
        /// Nothing more is read from this client.
        case stopped
    }

    /// A body under way.
    struct Body {
        fileprivate enum Form {
            case rest(Int)
            case chunks(ChunkReader)
        }

        fileprivate var form: Form
        var isDone: Bool {
            switch form {
            case .rest(let rest): rest == 0
            case .chunks(let reader): reader.isDone
            }
        }
        var trailers: FieldBlock? { if case .chunks(let reader) = form { reader.trailers } else { nil } }
    }

    private(set) var input = ByteBuffer()
    private var state = State.head(HeadScanner())
    /// An empty line before a request line was skipped (RFC 9112 section 2.2 asks to bear one).
    private var skippedLine = false

    var isStopped: Bool { if case .stopped = state { true } else { false } }
    var isInBody: Bool { if case .body = state { true } else { false } }

    mutating func append(_ bytes: ByteBuffer) {
        if case .stopped = state { return }
        if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
    }

    mutating func settle() {
        input.keepRest()
    }

    mutating func stop() {
        state = .stopped
        input = ByteBuffer()
    }

    /// The next request's head with its empty line; nil while it has not come, or a body has not ended.
    mutating func head() throws(MalformedHTTP) -> [UInt8]? {
        guard case .head(var scanner) = state else { return nil }
        if !skippedLine, input.readableBytes >= 2, input.readableBytesView.prefix(2).elementsEqual([0x0D, 0x0A]) {
            input.moveReaderIndex(forwardBy: 2)
            skippedLine = true
        }
        // A lone CR may still become that line.
        if !skippedLine, input.readableBytes == 1, input.readableBytesView.first == 0x0D { return nil }
        let end = try scanner.end(of: input, limit: RequestHead.longest, what: "the header")
        state = .head(scanner)
        guard let end else { return nil }
        skippedLine = false
        return input.readBytes(length: end)
    }

    /// From here on the body of that framing is read.
    mutating func beginBody(_ framing: BodyFraming) {
        switch framing {
        case .length(let length): state = .body(Body(form: .rest(length)))
        case .chunked: state = .body(Body(form: .chunks(ChunkReader())))
        case .none, .untilClose: state = .body(Body(form: .rest(0)))
        }
    }

    /// The next piece of the body, at most `limit` bytes; nil when more must come or it is done.
    mutating func bodyPiece(limit: Int) throws(MalformedHTTP) -> ByteBuffer? {
        guard case .body(var body) = state else { return nil }
        defer { state = .body(body) }
        switch body.form {
        case .rest(let rest):
            let length = min(rest, limit, input.readableBytes)
            guard length > 0, let piece = input.readSlice(length: length) else { return nil }
            body.form = .rest(rest - length)
            return piece
        case .chunks(var reader):
            let piece = try reader.next(&input)
            body.form = .chunks(reader)
            return piece
        }
    }

    /// The body, once it was read to its end; then the next head may come.
    mutating func finishedBody() -> Body? {
        guard case .body(let body) = state, body.isDone else { return nil }
        state = .head(HeadScanner())
        return body
    }
}
