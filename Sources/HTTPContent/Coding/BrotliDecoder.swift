import CBrotli
import NIOCore

/// Brotli (RFC 7932), without the large windows that no browser accepts: at most 16 MiB of window.
final class BrotliDecoder: CodingLayer {
    private let state: OpaquePointer
    private var hasBegun = false
    private var hasEnded = false

    init() throws(ContentFault) {
        guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else {
            throw ContentFault(.tooLarge, "There is no memory to take off a coding.")
        }
        self.state = state
    }

    deinit {
        BrotliDecoderDestroyInstance(state)
    }

    var isAtEnd: Bool { hasEnded || !hasBegun }

    func run(_ input: inout ByteBuffer, into output: inout ByteBuffer, most: Int) throws(ContentFault) -> Bool {
        if input.readableBytes > 0 { hasBegun = true }
        guard !hasEnded else {
            guard input.readableBytes == 0 else {
                throw ContentFault(.malformed, "Bytes follow the end of the content's coding.")
            }
            return false
        }
        var room = most
        while room > 0 {
            let limit = min(room, 64 << 10)
            var used = 0
            var result = BROTLI_DECODER_RESULT_ERROR
            let made = output.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { space in
                input.withUnsafeReadableBytes { bytes in
                    var availableIn = bytes.count
                    var nextIn = bytes.bindMemory(to: UInt8.self).baseAddress
                    var availableOut = limit
                    var nextOut = space.bindMemory(to: UInt8.self).baseAddress
                    result = BrotliDecoderDecompressStream(
                        state, &availableIn, &nextIn, &availableOut, &nextOut, nil)
                    used = bytes.count - availableIn
                    return limit - availableOut
                }
            }
            input.moveReaderIndex(forwardBy: used)
            room -= made
            switch result {
            case BROTLI_DECODER_RESULT_SUCCESS:
                hasEnded = true
                return try run(&input, into: &output, most: 0)
            case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: return false
            case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: continue
            default: throw ContentFault(.malformed, "The content is not what its coding says.")
            }
        }
        return true
    }
}
