import HTTPContent
import NIOCore

/// Tells what a body is by its head, takes its codings off, and reads what can be read before any rule is known.
enum BodyContent {
    static func read(
        _ bytes: ByteBuffer, _ block: FieldBlock, limit: Int
    ) throws(ContentFault) -> JudgedBody.Content {
        // A name with an underscore is another field to some targets.
        for field in block.fields where field.kind == .contentType || field.kind == .contentEncoding {
            guard !block.name(field).contains(0x5F) else {
                throw ContentFault(.malformed, "A field that says what it is has an underscore in its name.")
            }
        }
        let types = Array(block.all(.contentType))
        guard types.count == 1, let type = MediaType(types[0]) else {
            throw ContentFault(
                .malformed,
                types.isEmpty ? "It has no Content-Type." : "Its Content-Type can be read in more than one way.")
        }
        guard type.isUTF8 else { throw ContentFault(.malformed, "Its charset is not UTF-8.") }
        let content = try decoded(bytes, block, limit: limit)
        switch type.name {
        case _ where type.isJSON: return .json(content, isLines: false)
        case _ where type.isJSONLines: return .json(content, isLines: true)
        case "application/x-www-form-urlencoded": return .form(try FormField.urlEncoded(content))
        case "multipart/form-data":
            return .form(try FormField.multipart(content, boundary: type.parameters["boundary"] ?? ""))
        case "application/graphql": return .graphQL(content)
        default: throw ContentFault(.malformed, "No rule can look into a body of its Content-Type.")
        }
    }

    /// Without its content codings.
    private static func decoded(
        _ bytes: ByteBuffer, _ block: FieldBlock, limit: Int
    ) throws(ContentFault) -> [UInt8] {
        guard let codings = ContentCoding.list(block.all(.contentEncoding).map(\.text)) else {
            throw ContentFault(.malformed, "Its Content-Encoding cannot be taken off here.")
        }
        if codings.isEmpty { return Array(bytes.readableBytesView) }
        let decoder = try ContentDecoder(codings)
        var (rest, output) = (bytes, ByteBuffer())
        while try decoder.decode(&rest, into: &output) {
            guard output.readableBytes <= limit else { break }
        }
        guard output.readableBytes <= limit else {
            throw ContentFault(.tooLarge, "It is longer than \(limit) bytes without its Content-Encoding.")
        }
        try decoder.finish()
        return Array(output.readableBytesView)
    }
}
