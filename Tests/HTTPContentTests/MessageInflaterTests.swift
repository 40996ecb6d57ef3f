import HTTPContent
import NIOCore
import Testing

@Suite struct MessageInflaterTests {
    /// RFC 7692 section 7.2.3, "Hello" each time.
    static let samples: [[UInt8]] = [
        [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ]

    @Test(arguments: samples) func samplesOfTheSpecification(_ sample: [UInt8]) throws {
        let inflater = try #require(MessageInflater(forgets: false))
        #expect(inflater.message(sample, most: 5) == Array("Hello".utf8))
        #expect(inflater.message([0x00], most: 5) == [])
        #expect(inflater.message(sample, most: 5) == Array("Hello".utf8))
    }

    @Test func whatIsTooLongOrBrokenIsNotRead() throws {
        for (bytes, most) in [(Self.samples[0], 4), ([0xFF, 0xFF], 100)] {
            let inflater = try #require(MessageInflater(forgets: false))
            #expect(inflater.message(bytes, most: most) == nil, "\(bytes)")
            #expect(inflater.message(Self.samples[0], most: 100) == nil)
            let forgetful = try #require(MessageInflater(forgets: true))
            #expect(forgetful.message(bytes, most: most) == nil)
            #expect(forgetful.message(Self.samples[0], most: 100) == Array("Hello".utf8))
        }
    }

    @Test func maskedFramesAreTheSameWhateverTheCut() throws {
        var plain = ByteBuffer()
        for length in [0, 1, 7, 8, 9, 125, 126, 65_535, 65_536] {
            WebSocketFrame.write(
                .binary, payload: ByteBuffer(bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0) }), mask: nil,
                into: &plain)
        }
        for step in [1, 3, 100, 4096, plain.readableBytes] {
            var (masker, all, masked) = (WebSocketMasker(), plain, ByteBuffer())
            // A head is never cut: the reader before it gives heads out whole.
            var reader = WebSocketReader(.server)
            while let event = try reader.next(&all) {
                var piece = ByteBuffer()
                switch event {
                case .frame(let length, let isFinal):
                    WebSocketFrame.writeHead(.binary, isFinal: isFinal, length: length, mask: nil, into: &piece)
                    masked.writeImmutableBuffer(masker.mask(piece))
                case .content(var content):
                    while let part = content.readSlice(length: min(step, content.readableBytes)), part.readableBytes > 0
                    {
                        masked.writeImmutableBuffer(masker.mask(part))
                    }
                default: continue
                }
            }
            #expect(masker.isBetweenFrames && !masker.isClosed)
            let (seen, expected) = (
                try WebSocketTests.read([masked], .client), try WebSocketTests.read([plain], .server)
            )
            #expect(seen == expected && seen.count == 26)
        }
        var masker = WebSocketMasker()
        let close = masker.mask(WebSocketFrame.close(1000, ""))
        #expect(masker.isClosed && close.readableBytes == 8)
        #expect(masker.mask(plain).readableBytes == 0)
    }
}
