import DataMasking
import HTTPContent
import NIOCore

/// `multipart/*`: each part by the field's name, or by its own type.
struct MultipartMask: ContentMasking {
    private let mask: ContentMask
    private let depth: Int
    private var reader: MultipartReader
    private var part: (any ContentMasking)?

    /// Nil when the boundary is none.
    init?(boundary: String, _ mask: ContentMask, depth: Int) {
        guard let reader = try? MultipartReader(boundary: boundary) else { return nil }
        self.reader = reader
        self.mask = mask
        self.depth = depth
    }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        var (input, events) = (piece, [MultipartReader.Event]())
        try reader.read(&input, into: &events)
        for event in events { try write(event, into: &output) }
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) { try reader.finish() }

    private mutating func write(_ event: MultipartReader.Event, into output: inout ByteBuffer) throws(ContentFault) {
        switch event {
        case .frame(let bytes): output.writeImmutableBuffer(bytes)
        case .begin(let head): part = try begin(head)
        case .content(let bytes):
            if part == nil { output.writeImmutableBuffer(bytes) } else { try part?.take(bytes, into: &output) }
        case .end:
            try part?.finish(into: &output)
            part = nil
        }
    }

    /// Nil for a part that passes as it is.
    private func begin(_ head: PartHead) throws(ContentFault) -> (any ContentMasking)? {
        if let method = head.name.flatMap(mask.method(ofField:)) { return NamedFieldMask(mask, by: method) }
        let type = head.contentType ?? "text/plain"
        if let reader = BodyMask.reader(BodyKind(Array(type.utf8)[...]), mask, depth: depth + 1) { return reader }
        switch mask.unreadable(type: type) {
        case .allow: return nil
        case .mask: return NoticeMask(type: type)
        case .deny: throw ContentFault(.malformed, "Masks cannot look into a part of it (\(type)).")
        }
    }
}
