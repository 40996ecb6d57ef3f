import DataMasking
import HTTPContent
import NIOCore

/// Text in which detectors search.
struct TextMask: ContentMasking {
    private var mask: StreamMask

    init(_ mask: ContentMask) { self.mask = mask.text() }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) {
        var masked: [UInt8] = []
        piece.withUnsafeReadableBytes { mask.take($0, into: &masked) }
        output.writeBytes(masked)
    }

    mutating func finish(into output: inout ByteBuffer) {
        var masked: [UInt8] = []
        mask.finish(into: &masked)
        output.writeBytes(masked)
    }
}

/// JSON values, one or several.
struct JSONBodyMask: ContentMasking {
    private var mask: StreamJSONMask

    init(_ mask: ContentMask) { self.mask = mask.json() }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        var masked: [UInt8] = []
        do throws(MalformedJSON) {
            try piece.withUnsafeReadableBytes { (bytes) throws(MalformedJSON) in try mask.take(bytes, into: &masked) }
        } catch {
            throw Self.fault(error)
        }
        output.writeBytes(masked)
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) {
        var masked: [UInt8] = []
        do throws(MalformedJSON) {
            try mask.finish(into: &masked)
        } catch {
            throw Self.fault(error)
        }
        output.writeBytes(masked)
    }

    private static func fault(_ error: MalformedJSON) -> ContentFault {
        ContentFault(.malformed, "The content is no JSON: \(error.message).")
    }
}

/// Text that may be JSON without saying so, which clients read by what it looks like.
struct SniffingMask: ContentMasking {
    private let mask: ContentMask
    private var content: (any ContentMasking)?
    private var start = ByteBuffer()
    /// Blanks and the first two characters decide.
    private static let longestStart = 1024

    init(_ mask: ContentMask) { self.mask = mask }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) throws(ContentFault) {
        if content != nil {
            try content?.take(piece, into: &output)
            return
        }
        start.writeImmutableBuffer(piece)
        guard let isJSON = Self.isJSON(start.readableBytesView) else {
            if start.readableBytes > Self.longestStart { try begin(isJSON: false, into: &output) }
            return
        }
        try begin(isJSON: isJSON, into: &output)
    }

    mutating func finish(into output: inout ByteBuffer) throws(ContentFault) {
        if content == nil { try begin(isJSON: false, into: &output) }
        try content?.finish(into: &output)
    }

    private mutating func begin(isJSON: Bool, into output: inout ByteBuffer) throws(ContentFault) {
        var content: any ContentMasking = isJSON ? JSONBodyMask(mask) : TextMask(mask)
        try content.take(start, into: &output)
        start = ByteBuffer()
        self.content = content
    }

    /// Whether it begins like an object or an array of something but numbers; nil when more must come.
    static func isJSON(_ text: some Collection<UInt8>) -> Bool? {
        var rest = text.drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
        guard let first = rest.popFirst() else { return nil }
        if first == UInt8(ascii: "{") { return true }
        guard first == UInt8(ascii: "[") else { return false }
        guard let second = rest.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return nil }
        return [UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "]")].contains(second)
    }
}

/// A notice in the place of content that masks cannot look into; it tells what was there.
struct NoticeMask: ContentMasking {
    private let type: String
    private var digest = ContentDigest()

    init(type: String) { self.type = type }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) { digest.update(piece) }

    mutating func finish(into output: inout ByteBuffer) {
        guard digest.count > 0 else { return }
        let what = type.isEmpty ? "" : " of \(type)"
        output.writeString("[masked: \(digest.count) bytes\(what), SHA-256 \(digest.text)]\n")
    }
}

/// A field that a mask names, of any length.
struct NamedFieldMask: ContentMasking {
    private var value: HiddenValue

    init(_ mask: ContentMask, by method: MaskMethod) { value = HiddenValue(method, key: mask.key) }

    mutating func take(_ piece: ByteBuffer, into output: inout ByteBuffer) {
        piece.withUnsafeReadableBytes { value.add($0) }
    }

    mutating func finish(into output: inout ByteBuffer) { output.writeBytes(value.shown() ?? []) }
}
