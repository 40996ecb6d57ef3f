/// Masks content without fields as it passes: for any cut of the content the same bytes come out.
///
/// A find of any length is replaced once. `partial` shows a part of finds up to 4 KiB only; `null` counts as `redact`,
/// since a part of a text cannot be null. Not Sendable across uses: it is a value of one session.
package struct StreamMask: Sendable {
    private var stream: StreamScanner
    private var sink: ReplacingSink

    package init(_ scanner: Scanner, key: MaskKey) {
        stream = StreamScanner(scanner)
        sink = ReplacingSink(key: key)
    }

    /// Bytes that wait for what follows; about 9 KiB at most.
    package var heldBytes: Int { stream.heldBytes }

    /// Appends the masked form of as much as can be told yet.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        swap(&sink.output, &output)
        stream.take(bytes, &sink)
        swap(&sink.output, &output)
    }

    /// Appends the rest: nothing follows.
    package mutating func finish(into output: inout [UInt8]) {
        swap(&sink.output, &output)
        stream.finish(&sink)
        swap(&sink.output, &output)
    }
}

/// Puts the masked form in a find's place.
private struct ReplacingSink: StreamSink, Sendable {
    let key: MaskKey
    var output: [UInt8] = []
    private var hash: MaskKey.StreamedHash?
    private var isInside = false

    init(key: MaskKey) { self.key = key }

    mutating func pass(_ bytes: UnsafeRawBufferPointer) { output.append(contentsOf: bytes) }

    mutating func hide(_ bytes: UnsafeRawBufferPointer, _ method: MaskMethod, isEnd: Bool) {
        if isEnd, !isInside {
            _ = (method == .null ? .redact : method).apply(to: bytes, into: &output, key: key)
            return
        }
        // The method is settled at the find's end: it may have met a stricter one's on the way.
        if !isInside { hash = MaskKey.StreamedHash(key) }
        isInside = true
        hash?.update(bytes)
        guard isEnd else { return }
        if method == .hash { hash?.append(to: &output) } else { output.append(contentsOf: MaskMethod.stars) }
        hash = nil
        isInside = false
    }
}
