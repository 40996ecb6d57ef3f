import HTTPContent
import NIOCore

/// One direction of a WebSocket connection: frames pass as they come, each checked before it does, none waiting for its
/// end but small control frames. What comes out has no masks, whoever sent it: that is what the record holds.
struct WebSocketRelay {
    private var reader: WebSocketReader
    private var input = ByteBuffer()
    /// The message's first frame is due.
    private var opening: (opcode: WebSocketOpcode, isCompressed: Bool)?
    /// What came out so far ends with a frame's end, so that a frame of the gateway's own may follow.
    private(set) var isAtBoundary = true
    /// The code of the close frame that came; 1005 where it had none (RFC 6455 section 7.1.5).
    private(set) var closeCode: Int?

    init(_ sender: WebSocketReader.Sender, limits: WebSocketReader.Limits, mayBeCompressed: Bool) {
        reader = WebSocketReader(sender, limits: limits, mayBeCompressed: mayBeCompressed)
    }

    /// What goes on of `bytes`, and what is wrong with what follows that. A faulty frame that began in these bytes stays
    /// behind whole.
    mutating func pass(_ bytes: ByteBuffer) -> (frames: ByteBuffer, fault: ContentFault?) {
        if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
        defer { input.keepRest() }
        var out = ByteBuffer()
        var boundary = isAtBoundary ? 0 : nil
        do throws(ContentFault) {
            while let event = try reader.next(&input) {
                write(event, into: &out)
                if reader.isBetweenFrames { boundary = out.readableBytes }
            }
        } catch {
            if let boundary { out.moveWriterIndex(to: out.readerIndex + boundary) }
            isAtBoundary = boundary != nil
            return (out, error)
        }
        isAtBoundary = boundary == out.readableBytes
        return (out, nil)
    }

    /// The place where a message's content passes.
    private mutating func write(_ event: WebSocketReader.Event, into out: inout ByteBuffer) {
        switch event {
        case .begin(let opcode, let isCompressed):
            opening = (opcode, isCompressed)
        case .frame(let length, let isFinal):
            WebSocketFrame.writeHead(
                opening?.opcode ?? .continuation, isFinal: isFinal, isCompressed: opening?.isCompressed ?? false,
                length: length, mask: nil, into: &out)
            opening = nil
        case .content(let piece):
            if out.readableBytes == 0 { out = piece } else { out.writeImmutableBuffer(piece) }
        case .end: break
        case .control(let opcode, let payload):
            WebSocketFrame.write(opcode, payload: payload, mask: nil, into: &out)
            if opcode == .close {
                closeCode = payload.getInteger(at: payload.readerIndex, as: UInt16.self).map(Int.init) ?? 1005
            }
        }
    }
}
