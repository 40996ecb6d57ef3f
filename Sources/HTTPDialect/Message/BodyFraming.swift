/// How a message's body is delimited (RFC 9112 section 6.3).
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// By the end of the connection; of responses only.
    case untilClose

    /// 1*DIGIT and nothing else, in one field of one value.
    static func contentLength(_ block: FieldBlock) throws(MalformedHTTP) -> Int? {
        var found: Int?
        for field in block.fields where field.kind == .contentLength {
            guard block.name(field).count == 14, !block.name(field).contains(0x5F) else {
                throw MalformedHTTP("a header field's name could be taken for Content-Length")
            }
            guard found == nil else { throw MalformedHTTP("there are two Content-Length fields") }
            let digits = block.value(field)
            guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(Octets.isDigit) else {
                throw MalformedHTTP("the Content-Length is no number")
            }
            found = digits.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        }
        return found
    }

    /// Whether the body is chunked: `chunked` alone is understood.
    static func isChunked(_ block: FieldBlock) throws(MalformedHTTP) -> Bool {
        var isChunked = false
        for field in block.fields where field.kind == .transferEncoding {
            guard !block.name(field).contains(0x5F) else {
                throw MalformedHTTP("a header field's name could be taken for Transfer-Encoding")
            }
            guard !isChunked else { throw MalformedHTTP("there are two Transfer-Encoding fields") }
            guard block.value(field).isWord("chunked") else {
                throw MalformedHTTP("only the transfer coding `chunked` is understood", status: 501)
            }
            isChunked = true
        }
        return isChunked
    }
}
