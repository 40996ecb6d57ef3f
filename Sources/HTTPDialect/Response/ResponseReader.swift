import NIOCore

/// Reads a target's answers, one at a time.
struct ResponseReader {
    enum Event {
        /// A head that more heads follow (1xx).
        case interim(ResponseHead)
        case head(ResponseHead)
        /// The answer to an upgrade, to be checked: from here on all is `data`, of the other protocol.
        case switched(ResponseHead)
        case data(ByteBuffer)
        /// The body's end. `isClean`: the connection may be used again.
        case end(trailers: FieldBlock?, isClean: Bool)
    }

    private enum State {
        /// Nothing was asked.
        case idle
        case head(HeadScanner)
        case length(Int)
        case chunks(ChunkReader)
        case untilClose
        case tunnel
        /// The body has ended and its event is due.
        case ended(FieldBlock?)
    }

    private var input = ByteBuffer()
    private var state = State.idle
    private var isHead = false
    private var mayUpgrade = false
    private var keepsAlive = false
    /// Interim heads of one answer.
    private var interims = 0
    /// A part of the answer was passed on.
    private(set) var hasBegun = false

    /// Bytes came that nothing was asked for.
    var hasStray: Bool { if case .idle = state { input.readableBytes > 0 } else { false } }

    mutating func begin(_ request: OpenRequest) {
        begin(isHead: request.isHead, mayUpgrade: request.parsed.head.webSocket != nil)
    }

    mutating func begin(isHead: Bool, mayUpgrade: Bool = false) {
        state = .head(HeadScanner())
        self.isHead = isHead
        self.mayUpgrade = mayUpgrade
        interims = 0
        hasBegun = false
    }

    mutating func append(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
    }

    mutating func settle() {
        input.keepRest()
    }

    /// What comes next; nil when more bytes must come.
    mutating func next() throws(MalformedHTTP) -> Event? {
        switch state {
        case .idle: return nil
        case .head(var scanner):
            let end = try scanner.end(of: input, limit: ResponseHead.longest, what: "its header")
            state = .head(scanner)
            guard let end, let bytes = input.readBytes(length: end) else { return nil }
            return try take(ResponseHead(bytes))
        case .length(let rest):
            guard input.readableBytes > 0, let data = input.readSlice(length: min(rest, input.readableBytes)) else {
                return nil
            }
            state = data.readableBytes == rest ? .ended(nil) : .length(rest - data.readableBytes)
            return .data(data)
        case .chunks(var reader):
            let data = try reader.next(&input)
            state = reader.isDone ? .ended(reader.trailers) : .chunks(reader)
            if let data { return .data(data) }
            return reader.isDone ? try next() : nil
        case .untilClose, .tunnel:
            guard input.readableBytes > 0, let data = input.readSlice(length: input.readableBytes) else { return nil }
            return .data(data)
        case .ended(let trailers):
            state = .idle
            hasBegun = false
            return .end(trailers: trailers, isClean: keepsAlive && input.readableBytes == 0)
        }
    }

    private mutating func take(_ head: ResponseHead) throws(MalformedHTTP) -> Event {
        guard head.status >= 200 else {
            if head.status == 101 { return try takeSwitch(head) }
            interims += 1
            guard interims <= 16 else { throw MalformedHTTP("it sends interim responses without end") }
            state = .head(HeadScanner())
            return .interim(head)
        }
        keepsAlive = head.keepsAlive
        hasBegun = true
        if isHead || head.status == 204 || head.status == 304 {
            state = .ended(nil)
        } else {
            switch head.framing {
            case .length(0), .none: state = .ended(nil)
            case .length(let length): state = .length(length)
            case .chunked: state = .chunks(ChunkReader())
            case .untilClose:
                state = .untilClose
                keepsAlive = false
            }
        }
        return .head(head)
    }

    private mutating func takeSwitch(_ head: ResponseHead) throws(MalformedHTTP) -> Event {
        guard mayUpgrade else { throw MalformedHTTP("it switched protocols without being asked") }
        state = .tunnel
        keepsAlive = false
        return .switched(head)
    }

    /// The target's connection has ended: whether that was the answer's end, too.
    mutating func closed() -> Bool {
        guard case .untilClose = state else { return false }
        state = .ended(nil)
        return true
    }

    /// The answer is over by the gateway's will.
    mutating func drop() {
        state = .idle
        hasBegun = false
        input = ByteBuffer()
    }
}
