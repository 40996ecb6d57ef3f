import DataMasking
import HTTPContent
import NIOCore

/// The body of a request as the record holds it where masks are: read like an answer's, however the target gets it.
enum MaskedRequestBody {
    /// - Parameter body: what of it came with the command, as it is framed for the target.
    /// - Returns: without coding, framed as `body` is; nil when masks are not about it.
    static func of(_ body: [UInt8], _ request: OpenRequest, _ mask: ContentMask) -> [UInt8]? {
        guard !body.isEmpty else { return nil }
        let block = request.parsed.head.block
        let codings = block.all(.contentEncoding).map(\.text)
        let isChunked = request.framing == .chunked
        let content = isChunked ? joined(body) : ByteBuffer(bytes: body)
        var output = ByteBuffer()
        switch BodyMask.plan(contentType: block.first(.contentType), codings: codings, mask) {
        case .pass: return nil
        case .deny(let reason): output.writeString("[masked: \(reason)]")
        case .mask(var reader), .replace(var reader):
            do throws(ContentFault) {
                try reader.take(content, into: &output)
                // What is longer goes on as input chunks, of which the record has digests.
                if request.isWhole { try reader.finish(into: &output) }
            } catch {
                output = ByteBuffer(string: "[masked: \(content.readableBytes) bytes. \(error.message)]")
            }
        }
        guard isChunked else { return Array(output.readableBytesView) }
        var framed = ByteBuffer()
        if output.readableBytes > 0 { writeChunk(output, into: &framed) }
        if request.isWhole { framed.writeStaticString("0\r\n\r\n") }
        return Array(framed.readableBytesView)
    }

    /// What stands in the place of a field that would not be true of the masked body: maybe nothing. Nil for other fields.
    static func field(_ name: ArraySlice<UInt8>, length: Int) -> [UInt8]? {
        switch FieldKind(name) {
        case .contentLength: Array("Content-Length: \(length)\r\n".utf8)
        case .contentEncoding: []
        default: FieldKind.isDigest(name) ? [] : nil
        }
    }

    private static func joined(_ body: [UInt8]) -> ByteBuffer {
        var (reader, input, content) = (ChunkReader(), ByteBuffer(bytes: body), ByteBuffer())
        while let piece = (try? reader.next(&input)) ?? nil { content.writeImmutableBuffer(piece) }
        return content
    }
}
