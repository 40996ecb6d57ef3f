import HTTPContent
import HTTPDialect
import NIOCore

/// Both sides of HTTP: any bytes, split at places that the input chooses. What goes on of them must be read by these very
/// parsers, and as what was judged.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTP(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let mode = input.first else { return 0 }
    let content = Array(input.dropFirst())
    let length = Int(mode >> 3) * 7 + 1
    var session = FuzzSession()
    let prefix = Array("GET /c/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n".utf8)
    switch mode & 7 {
    case 0: session.client(content, length)
    case 1: session.client(prefix + content, length)
    case 2:
        session.client(prefix + [13, 10], 100)
        session.target(content, length)
        session.targetEnds()
    case 3:
        // Requests and answers in turns.
        for (index, part) in content.split(separator: 0xFF).enumerated() {
            if index.isMultiple(of: 2) {
                session.client(prefix + part, length)
            } else {
                session.target(Array(part), length)
            }
        }
    case 4:
        session.client(prefix + FuzzSession.asking, 100)
        session.target(Array("HTTP/1.1 101 S\r\n".utf8) + content, length)
    case 5, 6:
        session.openWebSocket(prefix, isCompressed: mode & 7 == 6)
        // Each part of 64 bytes begins with whose it is.
        for start in stride(from: 0, to: content.count, by: 64) {
            let part = content[start..<min(start + 64, content.count)]
            if part.first ?? 0 & 1 == 0 {
                session.client(Array(part.dropFirst()), length)
            } else {
                session.target(Array(part.dropFirst()), length)
            }
        }
        session.targetEnds()
        session.checkFrames(isCompressed: mode & 7 == 6)
    default: readRecorded(content, length)
    }
    return 0
}

/// A record that was cut, or is none: reading it must end, and show no more than was asked for.
private func readRecorded(_ content: [UInt8], _ length: Int) {
    let head = Array("HTTP/1.1 101 S\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n".utf8)
    var pieces = [RecordedWebSocket.Piece(isFromClient: false, bytes: head)]
    for start in stride(from: 0, to: content.count, by: length) {
        let part = Array(content[start..<min(start + length, content.count)])
        pieces.append(RecordedWebSocket.Piece(isFromClient: part[0] & 1 == 0, bytes: part))
    }
    guard let (messages, _) = RecordedWebSocket.messages(pieces, limit: 100) else { fatalError("a switch is not seen") }
    precondition(messages.allSatisfy { $0.content.count <= 100 })
    _ = RecordedWebSocket.messages([RecordedWebSocket.Piece(isFromClient: false, bytes: content)], limit: 100)
    _ = RecordedResponse.text(content, limit: 100)
}
