import DataMasking
import HTTPContent
import NIOCore

/// What masks make of the answer under way.
struct AnswerMasking {
    /// Nil when no mask is about it.
    private(set) var mask: ContentMask?
    /// A notice stands in for the body.
    private(set) var isReplaced = false
    /// The head, as long as it is not known whether its body can be read: until all that came with it was.
    private(set) var heldHead: ResponseHead?
    private(set) var isHeadSent = false
    private var body: BodyMask?
    /// What comes behind the held head.
    private var held = ByteBuffer()

    /// Whether the body that the client gets is another than the target's.
    var changesBody: Bool { body != nil }

    init() {}

    /// - Parameter mask: nil for none.
    init(_ head: ResponseHead, _ request: OpenRequest, _ mask: ContentMask?) throws(AnswerFault) {
        guard let mask else { return }
        self.mask = mask
        guard head.status >= 200, head.status != 204, head.status != 304 else { return }
        let block = head.block
        let plan = BodyMask.plan(
            contentType: block.first(.contentType), codings: block.all(.contentEncoding).map(\.text),
            isPartial: head.status == 206, mask)
        switch plan {
        case .pass: return
        case .mask(let body): self.body = body
        case .replace(let body): (self.body, isReplaced) = (body, true)
        case .deny(let reason):
            // Nothing of a body comes.
            guard !request.isHead, head.framing != .length(0) else { return }
            throw .denied(reason)
        }
        if !request.isHead { heldHead = head }
    }

    mutating func sentHead() {
        heldHead = nil
        isHeadSent = true
    }

    /// - Returns: what goes on; nil for nothing yet. Errors: a body that cannot be read.
    mutating func take(_ data: ByteBuffer) throws(AnswerFault) -> ByteBuffer? {
        guard body != nil else { return data }
        var masked = ByteBuffer()
        do throws(ContentFault) { try body?.take(data, into: &masked) } catch { throw .denied(error.message) }
        guard heldHead != nil else { return masked }
        held.writeImmutableBuffer(masked)
        return nil
    }

    /// - Returns: what is left at the body's end.
    mutating func finish() throws(AnswerFault) -> ByteBuffer {
        var masked = takeHeld()
        do throws(ContentFault) { try body?.finish(into: &masked) } catch { throw .denied(error.message) }
        return masked
    }

    mutating func takeHeld() -> ByteBuffer {
        defer { held = ByteBuffer() }
        return held
    }
}

extension HTTPDialect.Pending {
    /// The masked form takes the piece's place.
    mutating func mask(_ piece: inout ByteBuffer) throws(MalformedHTTP) {
        guard mask != nil else { return }
        var masked = ByteBuffer()
        do throws(ContentFault) { try mask?.take(piece, into: &masked) } catch { throw MalformedHTTP(error) }
        piece = masked
    }

    /// What masks still hold at the body's end; nil without masks.
    mutating func maskRest() throws(MalformedHTTP) -> ByteBuffer? {
        guard mask != nil else { return nil }
        var masked = ByteBuffer()
        do throws(ContentFault) { try mask?.finish(into: &masked) } catch { throw MalformedHTTP(error) }
        return masked.readableBytes > 0 ? masked : nil
    }
}
