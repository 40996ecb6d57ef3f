import HTTPContent
import NIOCore
import Testing

@Suite struct ContentDecoderTests {
    static let text = bytes(String(repeating: "Nobody passes uninspected. ", count: 20))
    /// The text as another program's encoder wrote it.
    static let brotli: [UInt8] = [
        0x1b, 0x1b, 0x02, 0x00, 0x44, 0x4f, 0x96, 0xea, 0x43, 0x92, 0xa2, 0x12, 0x20, 0x28, 0xd8, 0x10, 0x14, 0x3e,
        0x0c, 0x56, 0xb5, 0x82, 0x4b, 0xca, 0x1e, 0xbd, 0xb9, 0xcf, 0x2e, 0x2e, 0x23, 0xa7, 0x5d, 0xd7, 0x8d, 0xc0,
    ]

    static func decode(
        _ pieces: [ByteBuffer], _ codings: [ContentCoding], most: Int = 100,
        limits: ContentDecoder.Limits = ContentDecoder.Limits()
    ) throws(ContentFault) -> [UInt8] {
        let decoder = try ContentDecoder(codings, limits: limits)
        var output: [UInt8] = []
        for piece in pieces {
            var input = piece
            while true {
                var part = ByteBuffer()
                let mayHoldMore = try decoder.decode(&input, into: &part, most: most)
                #expect(part.readableBytes <= most)
                output += part.readableBytesView
                if !mayHoldMore { break }
            }
            #expect(input.readableBytes == 0)
        }
        try decoder.finish()
        return output
    }

    static let forms: [(String, [UInt8], [ContentCoding])] = [
        ("identity", text, []),
        ("gzip", deflated(text, windowBits: 31), [.gzip]),
        ("members", deflated(text, windowBits: 31) + deflated([], windowBits: 31), [.gzip]),
        ("zlib", deflated(text, windowBits: 15), [.deflate]),
        ("bare", deflated(text, windowBits: -15), [.deflate]),
        ("brotli", brotli, [.br]),
        ("two", deflated(deflated(text, windowBits: 15), windowBits: 31), [.deflate, .gzip]),
        ("brotli in gzip", deflated(brotli, windowBits: 31), [.br, .gzip]),
    ]

    @Test(arguments: forms) func whateverTheCutTheSameComesOut(
        name: String, coded: [UInt8], codings: [ContentCoding]
    ) throws {
        #expect(!coded.isEmpty)
        for pieces in cuts(of: coded, seed: 7) {
            #expect(try Self.decode(pieces, codings) == Self.text, "\(name)")
        }
    }

    @Test(arguments: forms) func aCutTailIsTruncated(name: String, coded: [UInt8], codings: [ContentCoding]) {
        guard !codings.isEmpty else { return }
        for length in 1..<coded.count {
            // Between two members of gzip the content is whole.
            let pieces = [ByteBuffer(bytes: coded[..<length])]
            if name == "members", (try? Self.decode(pieces, codings)) == Self.text { continue }
            #expect(throws: ContentFault.self, "\(name), \(length) bytes") { try Self.decode(pieces, codings) }
        }
    }

    @Test(arguments: forms) func whatFollowsTheEndIsAFault(name: String, coded: [UInt8], codings: [ContentCoding]) {
        guard !codings.isEmpty else { return }
        #expect(throws: ContentFault.self, "\(name)") {
            try Self.decode([ByteBuffer(bytes: coded + bytes("x"))], codings)
        }
    }

    @Test func emptyContentNeedsNoCoding() throws {
        for codings in [[], [.gzip], [.deflate], [.br], [.gzip, .br]] as [[ContentCoding]] {
            #expect(try Self.decode([], codings) == [])
        }
    }

    @Test func flippedBytesNeverTrap() {
        var random = SeededGenerator(state: 11)
        for (_, coded, codings) in Self.forms where !codings.isEmpty {
            for _ in 0..<300 {
                var broken = coded
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    broken[Int.random(in: broken.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                _ = try? Self.decode([ByteBuffer(bytes: broken)], codings)
            }
        }
    }

    @Test func aBombIsTooLargeAndComesInPieces() {
        // 64 MiB of zeros in 102 bytes, as another program's encoder wrote them.
        let head: [UInt8] = [0xcb, 0xff, 0xff, 0x3f, 0x00, 0x24, 0x00, 0xe2, 0xb1, 0x40, 0x72, 0xef]
        var bomb = deflated([UInt8](repeating: 0, count: 32 << 20), windowBits: 31)
        #expect(bomb.count < 40_000)
        bomb = deflated(bomb, windowBits: 31)
        var limits = ContentDecoder.Limits()
        limits.free = 1 << 20
        do {
            _ = try Self.decode([ByteBuffer(bytes: bomb)], [.gzip, .gzip], most: 64 << 10, limits: limits)
            Issue.record("32 MiB came out of \(bomb.count) bytes")
        } catch {
            #expect(error.kind == .tooLarge)
        }
        _ = try? Self.decode([ByteBuffer(bytes: head)], [.br], limits: limits)
    }

    @Test func codingsAreReadFromFields() {
        #expect(ContentCoding.list([]) == [])
        #expect(ContentCoding.list(["gzip"]) == [.gzip])
        #expect(ContentCoding.list(["x-GZip , br"]) == [.gzip, .br])
        #expect(ContentCoding.list(["identity", "deflate"]) == [.deflate])
        #expect(ContentCoding.list([" , ,"]) == [])
        #expect(ContentCoding.list(["zstd"]) == nil)
        #expect(ContentCoding.list(["gzip;q=1"]) == nil)
        #expect(ContentCoding.list(["gzip, gzip, gzip"]) == nil)
    }
}
