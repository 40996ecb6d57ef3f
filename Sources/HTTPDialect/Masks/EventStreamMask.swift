import DataMasking
import HTTPContent
import NIOCore

/// Server-sent events, each masked as a whole when its blank line has come: data that is JSON as JSON, all else as text.
struct EventStreamMask: ContentMasking {
    private let mask: ContentMask
    private var reader = EventStreamReader()

    init(_ mask: ContentMask) { self.mask = mask }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        var (input, events) = (piece, [ServerSentEvent]())
        try reader.read(&input, into: &events)
        for event in events { try write(event, into: &output) }
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) {
        if let event = reader.finish() { try write(event, into: &output) }
    }

    private func write(_ event: ServerSentEvent, into output: inout ByteBuffer) throws(ContentFault) {
        var masked = event
        var isChanged = false
        for index in masked.fields.indices where masked.fields[index].name != "data" {
            let field = masked.fields[index]
            guard let value = text(field.value) else { continue }
            masked.fields[index].value = value
            isChanged = true
        }
        let data = try event.data.flatMap(data)
        output.writeImmutableBuffer(data != nil || isChanged ? masked.replacing(data: data) : event.raw)
    }

    /// Nil for data that stays as it is.
    private func data(_ data: ByteBuffer) throws(ContentFault) -> ByteBuffer? {
        guard SniffingMask.isJSON(data.readableBytesView) == true else { return text(data) }
        var (json, output) = (JSONBodyMask(mask), ByteBuffer())
        do throws(ContentFault) {
            try json.take(data, into: &output)
            try json.finish(into: &output)
        } catch {
            switch mask.unreadable(type: "text/event-stream") {
            case .allow: return text(data)
            case .mask: return ByteBuffer(string: "[masked]")
            case .deny: throw error
            }
        }
        return output == data ? nil : output
    }

    private func text(_ value: ByteBuffer) -> ByteBuffer? {
        guard !mask.scanner.isEmpty else { return nil }
        var text = TextMask(mask)
        var output = ByteBuffer()
        text.take(value, into: &output)
        text.finish(into: &output)
        return output == value ? nil : output
    }
}
