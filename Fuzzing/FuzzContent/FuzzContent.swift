import HTTPContent
import NIOCore

/// The readers of HTTP content: any bytes, whole and cut at places that the input chooses, must read the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzContent(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let mode = input.first else { return 0 }
    let content = Array(input.dropFirst())
    let whole = [ByteBuffer(bytes: content)]
    let step = Int(mode >> 3) * 3 + 1
    let cut = stride(from: 0, to: content.count, by: step).map {
        ByteBuffer(bytes: content[$0..<min(content.count, $0 + step)])
    }
    // Nil where a limit ended the reading: how much was read by then depends on the cut.
    let read: ([ByteBuffer]) -> [String]?
    switch mode & 7 {
    case 0: read = { eventStream($0) }
    case 1: read = { webSocket($0, .client) }
    case 2: read = { webSocket($0, .server) }
    case 3: read = { multipart($0) }
    case 4: read = { decoded($0, [.gzip]) }
    case 5: read = { decoded($0, [.deflate, .gzip]) }
    case 6: read = { decoded($0, [.br]) }
    default:
        _ = try? URLEncodedForm.read(content)
        judge(content)
        return 0
    }
    if let one = read(whole), let other = read(cut) { precondition(one == other, "cut and whole differ") }
    return 0
}

/// What guards read of bodies: whatever the bytes, reading ends, and what nests or has names is closed and told.
private func judge(_ content: [UInt8]) {
    _ = MediaType(content)
    for isLines in [false, true] {
        var reader = JSONTokenReader(content, isLines: isLines)
        var depth = 0
        while let token = try? reader.token() {
            switch token {
            case .beginObject, .beginArray: depth += 1
            case .endObject, .endArray: depth -= 1
            case .key(let text), .string(let text):
                precondition(String(validating: reader.text(text), as: UTF8.self) != nil, "a text is not UTF-8")
            case .number(let range): precondition(!range.isEmpty, "a number is empty")
            case .bool, .null: break
            }
            precondition((0...JSONTokenReader.deepest).contains(depth), "the depth is wrong")
        }
    }
    if let document = try? GraphQLDocument(content) {
        precondition(!document.operations.isEmpty, "a document has no operation")
        precondition(document.operations.allSatisfy { !$0.fields.isEmpty }, "an operation asks for nothing")
    }
}

private func eventStream(_ pieces: [ByteBuffer]) -> [String]? {
    var reader = EventStreamReader(limit: 4096)
    var events: [ServerSentEvent] = []
    for piece in pieces {
        var piece = piece
        guard (try? reader.read(&piece, into: &events)) != nil else { return nil }
    }
    if let rest = reader.finish() { events.append(rest) }
    return events.map { "\($0.fields) \($0.raw.readableBytes)" }
}

private func webSocket(_ pieces: [ByteBuffer], _ sender: WebSocketReader.Sender) -> [String]? {
    var reader = WebSocketReader(sender, mayBeCompressed: pieces.first?.readableBytesView.first ?? 0 > 0x7F)
    var events: [WebSocketReader.Event] = []
    var rest = ByteBuffer()
    var hasFailed = false
    for piece in pieces where !hasFailed {
        rest.writeImmutableBuffer(piece)
        hasFailed = (try? reader.read(&rest, into: &events)) == nil
    }
    var seen: [String] = []
    var content = 0
    for event in events {
        switch event {
        case .begin(let opcode, let isCompressed): seen.append("begin \(opcode) \(isCompressed)")
        case .content(let bytes): content += bytes.readableBytes
        case .control(let opcode, let bytes): seen.append("\(opcode) \(bytes.readableBytes)")
        case .frame(let length, let isFinal): seen.append("frame \(length) \(isFinal)")
        case .end: seen.append("end")
        }
    }
    // A piece with a fault in it is given up whole.
    return seen + [hasFailed ? "fault" : "\(content)"]
}

private func multipart(_ pieces: [ByteBuffer]) -> [String]? {
    guard var reader = try? MultipartReader(boundary: "b") else { return nil }
    var events: [MultipartReader.Event] = []
    for piece in pieces {
        var piece = piece
        do throws(ContentFault) {
            try reader.read(&piece, into: &events)
        } catch {
            return error.kind == .tooLarge ? nil : ["fault"]
        }
    }
    guard (try? reader.finish()) != nil else { return ["truncated"] }
    var content = 0
    return events.compactMap { event in
        switch event {
        case .begin(let head): return "\(head)"
        case .content(let bytes):
            content += bytes.readableBytes
            return nil
        case .end: return "\(content)"
        case .frame: return nil
        }
    }
}

private func decoded(_ pieces: [ByteBuffer], _ codings: [ContentCoding]) -> [String]? {
    var limits = ContentDecoder.Limits()
    limits.free = 256 << 10
    guard let decoder = try? ContentDecoder(codings, limits: limits) else { return [] }
    var count = 0
    do throws(ContentFault) {
        for piece in pieces {
            var piece = piece
            var mayHoldMore = true
            while mayHoldMore {
                var output = ByteBuffer()
                mayHoldMore = try decoder.decode(&piece, into: &output, most: 8 << 10)
                count += output.readableBytes
            }
        }
        try decoder.finish()
    } catch {
        return error.kind == .tooLarge ? nil : ["fault"]
    }
    return ["\(count)"]
}
