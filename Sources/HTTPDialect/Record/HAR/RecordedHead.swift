import HTTPContent
import NIOCore

/// The line and fields of a recorded message, with the values hidden that a record never shows.
struct RecordedHead {
    /// A request's method, target and version; a response's version, status and reason.
    let line: [String]
    let fields: [(name: String, value: String)]
    let framing: BodyFraming
    let codings: [ContentCoding]?
    /// Bytes of it, with the empty line.
    let length: Int

    /// The head that `bytes` begin with; nil when it is none, or not whole.
    init?(_ bytes: [UInt8]) {
        var scanner = HeadScanner()
        guard
            let end = (try? scanner.end(of: ByteBuffer(bytes: bytes), limit: 4 * ResponseHead.longest, what: ""))
                ?? nil,
            let lineEnd = try? FieldBlock.lineEnd(Array(bytes[..<end]), from: 0),
            let block = try? FieldBlock(Array(bytes[..<end]), from: lineEnd + 2)
        else { return nil }
        line = bytes[..<lineEnd].split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard line.count >= 2 else { return nil }
        fields = block.fields.map { field in
            (block.name(field).text, field.kind == .setCookie ? "[hidden]" : block.value(field).text)
        }
        let length = (try? BodyFraming.contentLength(block)) ?? nil
        framing = (try? BodyFraming.isChunked(block)) == true ? .chunked : length.map { .length($0) } ?? .untilClose
        codings = ContentCoding.list(block.all(.contentEncoding).map { String(decoding: $0, as: UTF8.self) })
        self.length = end
    }

    func first(_ name: String) -> String? { fields.first { $0.name.lowercased() == name }?.value }
}
