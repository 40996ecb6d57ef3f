package import NIOCore

/// Takes the codings off a content while it streams: however the input is cut, the same bytes come out, at most so many
/// at a time.
///
/// Holds the libraries' state, so it is a class; confined to its session's event loop and not Sendable.
package final class ContentDecoder {
    /// Bounds against content that is made to grow.
    package struct Limits: Sendable {
        /// Bytes of output for each byte of input...
        package var ratio = 1000
        /// ...once so many bytes have come out.
        package var free = 8 << 20

        package init() {}
    }

    private let layers: [any CodingLayer]
    /// What came out of a layer and waits for the next one.
    private var between: [ByteBuffer]
    private let limits: Limits
    private var taken = 0
    private var given = 0

    /// - Parameter codings: in the order in which they were applied, as `ContentCoding.list` tells.
    /// Errors: `tooLarge` when there is no memory for them.
    package init(_ codings: [ContentCoding], limits: Limits = Limits()) throws(ContentFault) {
        var layers: [any CodingLayer] = []
        for coding in codings.reversed() {
            switch coding {
            case .gzip: layers.append(try Inflater(.gzip))
            case .deflate: layers.append(try Inflater(.deflate))
            case .br: layers.append(try BrotliDecoder())
            }
        }
        self.layers = layers
        self.between = Array(repeating: ByteBuffer(), count: layers.count)
        self.limits = limits
    }

    /// Consumes `input` as far as `most` bytes of output reach; the rest of it stays for the next call.
    ///
    /// - Returns: whether more may come without further input: call again then.
    /// Errors: `malformed`; `tooLarge` when the content grows beyond the limits. After an error nothing more is read.
    package func decode(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, most: Int = 64 << 10
    ) throws(ContentFault) -> Bool {
        guard !layers.isEmpty else {
            let count = min(most, input.readableBytes)
            if var slice = input.readSlice(length: count) { output.writeBuffer(&slice) }
            return input.readableBytes > 0
        }
        let before = input.readableBytes
        let begun = output.readableBytes
        let isFull = try pull(from: 0, &input, into: &output, most: most)
        taken += before - input.readableBytes
        given += output.readableBytes - begun
        if given > limits.free, given / max(1, taken) > limits.ratio {
            throw ContentFault(.tooLarge, "The content grows to more than \(limits.ratio) times its size.")
        }
        return isFull || input.readableBytes > 0
    }

    /// Runs layers from the outermost in; true when the output is full, so that a layer may hold more.
    private func pull(
        from layer: Int, _ input: inout ByteBuffer, into output: inout ByteBuffer, most: Int
    ) throws(ContentFault) -> Bool {
        guard layer + 1 < layers.count else { return try layers[layer].run(&input, into: &output, most: most) }
        var room = most
        while room > 0 {
            var middle = between[layer]
            between[layer] = ByteBuffer()
            if middle.readableBytes == 0 {
                let mayHoldMore = try layers[layer].run(&input, into: &middle, most: 16 << 10)
                if middle.readableBytes == 0, !mayHoldMore {
                    return try pull(from: layer + 1, &middle, into: &output, most: room)
                }
            }
            let begun = output.readableBytes
            let isFull = try pull(from: layer + 1, &middle, into: &output, most: room)
            between[layer] = middle
            room -= output.readableBytes - begun
            if isFull { return true }
        }
        return true
    }

    /// The content has ended. Errors: `truncated` when a coding's own end has not come.
    package func finish() throws(ContentFault) {
        for layer in layers where !layer.isAtEnd {
            throw ContentFault(.truncated, "The content ended in the middle of its coding.")
        }
        for rest in between where rest.readableBytes > 0 {
            throw ContentFault(.truncated, "The content ended before it was read.")
        }
    }
}

/// One coding that is taken off.
protocol CodingLayer: AnyObject {
    /// Consumes input until it is used up or `most` bytes came out. Returns whether the output is full.
    func run(_ input: inout ByteBuffer, into output: inout ByteBuffer, most: Int) throws(ContentFault) -> Bool
    /// Nothing is missing: empty content, or the coding's own end was read.
    var isAtEnd: Bool { get }
}
