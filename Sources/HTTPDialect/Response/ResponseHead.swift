/// A response's line and fields as they came. What could be read in two ways is the target's fault, never passed on.
package struct ResponseHead: Sendable {
    package static let longest = 64 << 10

    package let status: Int
    let reason: ArraySlice<UInt8>
    let block: FieldBlock
    /// As the fields say; what the request's method means for it is the reader's.
    let framing: BodyFraming
    let keepsAlive: Bool

    /// - Parameter bytes: the whole head with its empty line.
    package init(_ bytes: [UInt8]) throws(MalformedHTTP) {
        let lineEnd = try FieldBlock.lineEnd(bytes, from: 0)
        let line = bytes[..<lineEnd]
        guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), line[7] == 0x30 || line[7] == 0x31, line[8] == 0x20,
            line[9..<12].allSatisfy(Octets.isDigit), line.count == 12 || line[12] == 0x20,
            line.dropFirst(12).allSatisfy(Octets.isFieldValue)
        else { throw MalformedHTTP("its status line is malformed") }
        status = line[9..<12].reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        guard (100...599).contains(status) else { throw MalformedHTTP("its status is none of 100 to 599") }
        reason = line.dropFirst(13)
        let block = try FieldBlock(bytes, from: lineEnd + 2)
        self.block = block
        let length = try BodyFraming.contentLength(block)
        let options = block.all(.connection).flatMap(listElements)
        if try BodyFraming.isChunked(block) {
            guard length == nil else { throw MalformedHTTP("it has both Content-Length and Transfer-Encoding") }
            guard line[7] == 0x31 else { throw MalformedHTTP("HTTP/1.0 has no Transfer-Encoding") }
            framing = .chunked
        } else {
            framing = length.map { .length($0) } ?? .untilClose
        }
        let closes = options.contains { $0.isWord("close") }
        keepsAlive = !closes && (line[7] == 0x31 || options.contains { $0.isWord("keep-alive") })
    }
}
