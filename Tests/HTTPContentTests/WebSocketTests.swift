import HTTPContent
import NIOCore
import Testing

@Suite struct WebSocketTests {
    typealias Event = WebSocketReader.Event

    /// Events with the pieces of a message joined, so that cuts can be compared.
    static func read(
        _ pieces: [ByteBuffer], _ sender: WebSocketReader.Sender = .server,
        limits: WebSocketReader.Limits = WebSocketReader.Limits()
    ) throws(ContentFault) -> [Event] {
        var reader = WebSocketReader(sender, limits: limits)
        var events: [Event] = []
        var input = ByteBuffer()
        for piece in pieces {
            input.writeImmutableBuffer(piece)
            try reader.read(&input, into: &events)
        }
        var joined: [Event] = []
        for event in events {
            if case .frame = event { continue }
            if case .content(let more) = event, case .content(var before)? = joined.last {
                before.writeImmutableBuffer(more)
                joined[joined.count - 1] = .content(before)
            } else {
                joined.append(event)
            }
        }
        return joined
    }

    static func frame(
        _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, mask: UInt32? = nil
    ) -> [UInt8] {
        var buffer = ByteBuffer()
        WebSocketFrame.write(
            opcode, isFinal: isFinal, payload: ByteBuffer(bytes: payload), mask: mask, into: &buffer)
        return Array(buffer.readableBytesView)
    }

    // RFC 6455 section 5.7.
    @Test func examplesOfTheSpecification() throws {
        let hello = ByteBuffer(string: "Hello")
        let message: [Event] = [.begin(.text), .content(hello), .end]
        #expect(try Self.read([ByteBuffer(bytes: [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])]) == message)
        let masked: [UInt8] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        #expect(try Self.read([ByteBuffer(bytes: masked)], .client) == message)
        #expect(Self.frame(.text, bytes("Hello"), mask: 0x37fa_213d) == masked)
        let parts: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f]
        #expect(try Self.read([ByteBuffer(bytes: parts)]) == message)
        #expect(
            try Self.read([ByteBuffer(bytes: [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])]) == [.control(.ping, hello)])
        for length in [256, 65_536] {
            let payload = [UInt8](repeating: 1, count: length)
            let bytes = Self.frame(.binary, payload)
            #expect(bytes.prefix(2) == (length == 256 ? [0x82, 0x7E] : [0x82, 0x7F]))
            #expect(try Self.read([ByteBuffer(bytes: bytes)])[1] == .content(ByteBuffer(bytes: payload)))
        }
    }

    @Test func whateverTheCutTheSameEvents() throws {
        let stream =
            Self.frame(.text, bytes("Grüße, "), isFinal: false, mask: 0x0102_0304)
            + Self.frame(.ping, bytes("are you there"), mask: 0xFFFF_FFFF)
            + Self.frame(.continuation, [], isFinal: false, mask: 0)
            + Self.frame(.continuation, bytes("世界"), mask: 0xA0B0_C0D0)
            + Self.frame(.binary, [UInt8](0...255), mask: 7) + Self.frame(.text, [], mask: 9)
            + Self.frame(.close, [0x03, 0xE8] + bytes("bye"), mask: 0x1111_1111)
        let expected = try Self.read([ByteBuffer(bytes: stream)], .client)
        #expect(expected.count == 11)
        #expect(expected.contains(.content(ByteBuffer(bytes: [UInt8](0...255)))))
        for pieces in cuts(of: stream, seed: 3) { #expect(try Self.read(pieces, .client) == expected) }
    }

    static let wrong: [(String, [UInt8], WebSocketReader.Sender)] = [
        ("a server's frame is masked", frame(.text, [65], mask: 1), .server),
        ("a client's frame is not masked", frame(.text, [65]), .client),
        ("RSV1", [0xC1, 0x01, 65], .server), ("RSV2", [0xA1, 0x01, 65], .server), ("RSV3", [0x91, 0x01, 65], .server),
        ("opcode 3", [0x83, 0], .server), ("opcode 7", [0x87, 0], .server), ("opcode 11", [0x8B, 0], .server),
        ("opcode 15", [0x8F, 0], .server),
        ("a ping in parts", [0x09, 0], .server), ("a long ping", [0x89, 126, 0, 126], .server),
        ("a close of 126 bytes", [0x88, 126, 0, 126], .server),
        ("a length of 16 bits that needs 7", [0x82, 126, 0, 125], .server),
        ("a length of 64 bits that needs 16", [0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .server),
        ("a length with the top bit", [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], .server),
        ("nothing to continue", [0x80, 0x01, 65], .server),
        ("a message in a message", [0x01, 0x01, 65, 0x81, 0x01, 65], .server),
        ("nothing to continue after the end", [0x81, 0x01, 65, 0x80, 0x01, 65], .server),
        ("half a close code", [0x88, 0x01, 0x03], .server), ("close 999", [0x88, 2, 0x03, 0xE7], .server),
        ("close 1004", [0x88, 2, 0x03, 0xEC], .server), ("close 1005", [0x88, 2, 0x03, 0xED], .server),
        ("close 1006", [0x88, 2, 0x03, 0xEE], .server), ("close 1015", [0x88, 2, 0x03, 0xF7], .server),
        ("close 2999", [0x88, 2, 0x0B, 0xB7], .server), ("close 5000", [0x88, 2, 0x13, 0x88], .server),
        ("a reason that is not UTF-8", [0x88, 3, 0x03, 0xE8, 0xFF], .server),
        ("bytes after close", [0x88, 0, 0x81, 0x01, 65], .server),
        ("text that is not UTF-8", [0x81, 1, 0xFF], .server), ("half a character", [0x81, 1, 0xC3], .server),
        ("a surrogate", [0x81, 3, 0xED, 0xA0, 0x80], .server), ("overlong", [0x81, 2, 0xC0, 0x80], .server),
        ("overlong of three", [0x81, 3, 0xE0, 0x80, 0x80], .server),
        ("beyond Unicode", [0x81, 4, 0xF4, 0x90, 0x80, 0x80], .server),
    ]

    @Test(arguments: wrong) func whatTheSpecificationForbids(
        name: String, stream: [UInt8], sender: WebSocketReader.Sender
    ) {
        for pieces in cuts(of: stream, seed: 5) {
            #expect(throws: ContentFault.self, "\(name)") { try Self.read(pieces, sender) }
        }
    }

    @Test func aCharacterMayLieInTwoFrames() throws {
        let stream = Self.frame(.text, [0xC3], isFinal: false) + Self.frame(.continuation, [0xBC])
        #expect(
            try Self.read([ByteBuffer(bytes: stream)]) == [.begin(.text), .content(ByteBuffer(string: "ü")), .end])
    }

    @Test func limitsHold() {
        var limits = WebSocketReader.Limits()
        limits.message = 10
        let long =
            Self.frame(.binary, [1, 2, 3, 4, 5, 6], isFinal: false) + Self.frame(.continuation, [1, 2, 3, 4, 5])
        #expect(throws: ContentFault.self) { try Self.read([ByteBuffer(bytes: long)], limits: limits) }
        limits = WebSocketReader.Limits()
        limits.frames = 100
        let flood =
            Self.frame(.binary, [], isFinal: false)
            + (0..<100).flatMap { _ in Self.frame(.continuation, [], isFinal: false) }
        #expect(throws: ContentFault.self) { try Self.read([ByteBuffer(bytes: flood)], limits: limits) }
    }

    /// Every way to write UTF-8 that the standard library takes, and no other.
    @Test func utf8IsWhatItIs() {
        var random = SeededGenerator(state: 23)
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...5, using: &random)
            let heads: [UInt8] = [
                0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5,
            ]
            let sample = (0..<count).map { _ in heads.randomElement(using: &random) ?? 0 }
            var check = UTF8Check()
            let isFine = sample.allSatisfy { byte in withUnsafeBytes(of: byte) { check.accept($0) } }
            #expect((isFine && check.isComplete) == (String(validating: sample, as: UTF8.self) != nil), "\(sample)")
        }
    }
}
