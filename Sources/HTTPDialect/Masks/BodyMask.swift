import DataMasking
import HTTPContent
import NIOCore

/// Masks the content of one body as it passes: however it is cut, the same bytes come out.
protocol ContentMasking {
    /// Appends the masked form of as much as can be told yet. Errors: content that cannot be read; nothing more is then.
    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault)
    /// Appends the rest: nothing follows.
    mutating func finish(into output: inout ByteBuffer) throws(ContentFault)
}

/// One body on its way through the masks: its codings taken off, its content masked, sent on without coding.
struct BodyMask {
    private let decoder: ContentDecoder?
    private var content: any ContentMasking

    /// What becomes of a body.
    enum Plan {
        /// As it is.
        case pass
        case mask(BodyMask)
        /// A notice stands in for it.
        case replace(BodyMask)
        /// Not at all, and why.
        case deny(String)
    }

    /// - Parameters:
    ///   - contentType: the value of Content-Type; nil when there is none.
    ///   - codings: the values of Content-Encoding.
    ///   - isPartial: only a part of the content comes.
    static func plan(
        contentType: ArraySlice<UInt8>?, codings: [String], isPartial: Bool = false, _ mask: ContentMask
    ) -> Plan {
        guard mask.readsBodies else { return .pass }
        let type = BodyKind.type(contentType)
        let kind = BodyKind(contentType)
        guard !isPartial, kind != .binary, let codings = ContentCoding.list(codings),
            let content = reader(kind, mask, depth: 0), let decoder = decoder(codings)
        else {
            switch mask.unreadable(type: type) {
            case .allow: return .pass
            case .mask: return .replace(BodyMask(decoder: nil, content: NoticeMask(type: type)))
            case .deny: return .deny("Masks cannot look into it\(type.isEmpty ? "" : " (\(type))").")
            }
        }
        return .mask(BodyMask(decoder: codings.isEmpty ? nil : decoder, content: content))
    }

    /// Content of hardly any server grows like this; what is made to is refused.
    private static func decoder(_ codings: [ContentCoding]) -> ContentDecoder? {
        var limits = ContentDecoder.Limits()
        limits.ratio = 200
        return try? ContentDecoder(codings, limits: limits)
    }

    /// Nil for what cannot be read.
    static func reader(_ kind: BodyKind, _ mask: ContentMask, depth: Int) -> (any ContentMasking)? {
        switch kind {
        case .json: JSONBodyMask(mask)
        case .text: mask.readsJSON ? SniffingMask(mask) : TextMask(mask)
        case .events: EventStreamMask(mask)
        case .form: FormMask(mask)
        case .multipart(let boundary): depth > 2 ? nil : MultipartMask(boundary: boundary, mask, depth: depth)
        case .binary: nil
        }
    }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        guard let decoder else { return try content.take(piece, into: &output) }
        var input = piece
        var mayHoldMore = true
        while mayHoldMore {
            var decoded = ByteBuffer()
            mayHoldMore = try decoder.decode(&input, into: &decoded)
            if decoded.readableBytes > 0 { try content.take(decoded, into: &output) }
        }
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) {
        try decoder?.finish()
        try content.finish(into: &output)
    }
}
