import HTTPContent
import NIOCore

/// A recorded body as it is read in pieces: without its chunks, and without those of its codings that are known.
struct RecordedBody {
    /// A coding whose content is not what it says it is; the body is then shown in its coding.
    struct NotDecodable: Error {}

    private enum Framing {
        case none
        case length(Int)
        case chunks(ChunkReader)
        case untilEnd
    }

    private var framing: Framing
    private var input = ByteBuffer()
    private let decoder: ContentDecoder?
    /// Bytes of the body as it was sent, without chunks' sizes.
    private(set) var sentBytes = 0

    init(_ framing: BodyFraming, codings: [ContentCoding]) throws {
        self.framing =
            switch framing {
            case .none: .none
            case .length(let length): .length(length)
            case .chunked: .chunks(ChunkReader())
            case .untilClose: .untilEnd
            }
        decoder = codings.isEmpty ? nil : try ContentDecoder(codings)
    }

    mutating func add(_ bytes: ArraySlice<UInt8>, _ body: (ByteBufferView) throws -> Void) throws {
        input.writeBytes(bytes)
        while var piece = try next() {
            sentBytes += piece.readableBytes
            try decode(&piece, body)
        }
        // What follows the end is no part of it.
        if input.readableBytes == 0 || isOver { input.clear() }
    }

    private mutating func next() throws -> ByteBuffer? {
        guard input.readableBytes > 0 else { return nil }
        switch framing {
        case .none: return nil
        case .length(let left):
            let piece = input.readSlice(length: min(left, input.readableBytes))
            framing = .length(left - (piece?.readableBytes ?? 0))
            return left == 0 ? nil : piece
        case .chunks(var reader):
            let piece = try reader.next(&input)
            framing = .chunks(reader)
            return piece
        case .untilEnd: return input.readSlice(length: input.readableBytes)
        }
    }

    private func decode(_ piece: inout ByteBuffer, _ body: (ByteBufferView) throws -> Void) throws {
        guard let decoder else { return try body(piece.readableBytesView) }
        while true {
            var plain = ByteBuffer()
            let hasMore: Bool
            do { hasMore = try decoder.decode(&piece, into: &plain) } catch { throw NotDecodable() }
            if plain.readableBytes > 0 { try body(plain.readableBytesView) }
            if !hasMore { return }
        }
    }

    private var isOver: Bool {
        switch framing {
        case .none: true
        case .length(let left): left == 0
        case .chunks(let reader): reader.isDone
        case .untilEnd: false
        }
    }

    /// Nothing of it is missing.
    var isWhole: Bool {
        switch framing {
        case .none, .untilEnd: true
        case .length(let left): left == 0
        case .chunks(let reader): reader.isDone
        }
    }
}

/// What a body is, learned by reading it once before it is written.
struct BodySurvey {
    private(set) var size = 0
    private(set) var sentBytes = 0
    private(set) var isWhole = true
    private(set) var isText = true
    /// The beginning, at most `most` bytes; the whole body where it is no longer.
    private(set) var beginning: [UInt8] = []
    private(set) var codings: [ContentCoding]

    /// - Parameter codings: nil where one is not known.
    init(
        _ framing: BodyFraming, codings: [ContentCoding]?, keeping most: Int = 0, _ source: RecordedBytes
    ) throws {
        self.codings = codings ?? []
        do {
            try read(framing, most, source)
        } catch is RecordedBody.NotDecodable {
            (self.codings, size, isText, beginning) = ([], 0, true, [])
            try read(framing, most, source)
        } catch let fault as MalformedHTTP {
            // The gateway framed it, so this is a record that was cut and joined; what was read until there counts.
            _ = fault
            isWhole = false
        }
    }

    private mutating func read(_ framing: BodyFraming, _ most: Int, _ source: RecordedBytes) throws {
        var (body, check) = (try RecordedBody(framing, codings: codings), UTF8Check())
        try source { bytes in
            try body.add(bytes[...]) { piece in
                size += piece.count
                if beginning.count < most { beginning += piece.prefix(most - beginning.count) }
                if isText { isText = piece.withUnsafeBytes { check.accept($0) } }
            }
            sentBytes = body.sentBytes
            return true
        }
        isWhole = body.isWhole
        isText = isText && check.isComplete
    }
}
