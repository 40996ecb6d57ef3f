import NIOCore
import SessionKernel

/// Consecutive answer bytes that will go on as one event: a slice of what was read, or a buffer when something was
/// rewritten.
struct OutputRun {
    /// Its reader index is the place up to which messages were taken.
    var source: ByteBuffer
    /// The same bytes with the reader index left behind: slices are cut out of it.
    private let whole: ByteBuffer
    private var start: Int
    private var rewritten: ByteBuffer?
    /// Whose data is in the run.
    var exchange: ExchangeID?
    /// Something in it can carry data, so it must be recorded.
    var isData = false
    var rows = 0

    init(_ source: ByteBuffer) {
        self.source = source
        whole = source
        start = source.readerIndex
    }

    var isEmpty: Bool { source.readerIndex == start && (rewritten?.readableBytes ?? 0) == 0 }

    /// Takes the next `count` bytes as they are.
    mutating func keep(_ count: Int) { source.moveReaderIndex(forwardBy: count) }

    /// Takes the next `count` bytes and puts nothing in their place.
    mutating func drop(_ count: Int) {
        settle()
        source.moveReaderIndex(forwardBy: count)
        start = source.readerIndex
    }

    /// Takes the next `count` bytes; what `write` writes stands in for them.
    mutating func replace(_ count: Int, _ write: (inout ByteBuffer) -> Void) {
        settle()
        var output = rewritten.take() ?? ByteBuffer()
        write(&output)
        rewritten = output
        source.moveReaderIndex(forwardBy: count)
        start = source.readerIndex
    }

    /// Moves what was kept so far into the rewritten buffer.
    private mutating func settle() {
        guard source.readerIndex > start, let piece = whole.getSlice(at: start, length: source.readerIndex - start)
        else { return }
        if rewritten == nil {
            rewritten = ByteBufferAllocator().buffer(capacity: source.readableBytes + piece.readableBytes)
        }
        rewritten?.writeImmutableBuffer(piece)
        start = source.readerIndex
    }

    /// The bytes of the run; a new one begins.
    mutating func take() -> ByteBuffer {
        defer {
            start = source.readerIndex
            rewritten = nil
            exchange = nil
            isData = false
            rows = 0
        }
        guard rewritten != nil else {
            return whole.getSlice(at: start, length: source.readerIndex - start) ?? ByteBuffer()
        }
        settle()
        return rewritten ?? ByteBuffer()
    }

    /// Ends the run as an event, when there is anything in it.
    mutating func flush(into events: inout [TargetEvent]) {
        guard !isEmpty else { return }
        let (isData, exchange, rows) = (isData, exchange, rows)
        let bytes = take()
        events.append(isData ? .chunk(bytes, of: exchange, rows: rows) : .pass(bytes))
    }
}
