import AccessPolicy
import DataMasking
import Foundation
import GatewayCore
import HTTPContent
import HTTPDialect
import NIOCore
import SessionKernel
import Testing

private typealias Event = WebSocketReader.Event

/// The key and its answer of RFC 6455 section 1.3.
private let handshake =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    + "Sec-WebSocket-Version: 13\r\n"
private let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

private func agreed(_ fields: String = "") -> String {
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\(accept)\(fields)\r\n"
}

private func frame(
    _ opcode: WebSocketOpcode, _ text: String, isFinal: Bool = true, isCompressed: Bool = false, mask: UInt32? = nil
) -> [UInt8] {
    frame(opcode, Array(text.utf8), isFinal: isFinal, isCompressed: isCompressed, mask: mask)
}

private func frame(
    _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false, mask: UInt32? = nil
) -> [UInt8] {
    var buffer = ByteBuffer()
    WebSocketFrame.write(
        opcode, isFinal: isFinal, isCompressed: isCompressed, payload: ByteBuffer(bytes: payload), mask: mask,
        into: &buffer)
    return Array(buffer.readableBytesView)
}

/// What the other side reads, pieces joined.
private func read(_ bytes: ByteBuffer, _ sender: WebSocketReader.Sender, mayBeCompressed: Bool = false) -> [Event] {
    var (reader, bytes, events) = (
        WebSocketReader(sender, mayBeCompressed: mayBeCompressed), bytes, [WebSocketReader.Event]()
    )
    try? reader.read(&bytes, into: &events)
    var joined: [WebSocketReader.Event] = []
    for event in events {
        if case .content(let more) = event, case .content(var before)? = joined.last {
            before.writeImmutableBuffer(more)
            joined[joined.count - 1] = .content(before)
        } else {
            joined.append(event)
        }
    }
    return joined
}

private func message(_ text: String) -> [Event] {
    let content = ByteBuffer(string: text)
    return [.begin(.text), .frame(length: UInt64(content.readableBytes), isFinal: true), .content(content), .end]
}

/// A close frame's code, where it is the last frame.
private func closeCode(_ bytes: ByteBuffer, _ sender: WebSocketReader.Sender) -> Int? {
    guard case .control(.close, let payload)? = read(bytes, sender).last else { return nil }
    return payload.getInteger(at: payload.readerIndex, as: UInt16.self).map(Int.init)
}

/// Both sides have agreed, and what they said until then is forgotten.
private func opened(
    _ request: String = "", _ answer: String = "", limits: SessionLimits = SessionLimits()
) -> HTTPBench {
    var bench = HTTPBench(limits: limits)
    bench.client(get("/c/chat", handshake + request))
    bench.target(agreed(answer))
    #expect(bench.takeClient().hasPrefix("HTTP/1.1 101 "))
    bench.takeTarget()
    bench.answer.clear()
    return bench
}

@Suite struct WebSocketTests {
    // MARK: - The handshake

    @Test func theTargetGetsTheHandshakeAnew() {
        var bench = HTTPBench()
        bench.client(
            get(
                "/c/chat",
                handshake
                    + "Sec-WebSocket-Protocol: chat, super\r\nSec-WebSocket-Protocol: third\r\nOrigin: http://a\r\n"
                    + "Sec_WebSocket_Extensions: other\r\nSec-WebSocket-Extensions: x-own, permessage-deflate; "
                    + "client_max_window_bits; server_max_window_bits=\"10\", permessage-deflate; what=1\r\n"))
        let sent = bench.takeTarget()
        #expect(
            sent.contains(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, super, third\r\n"
                    + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_max_window_bits\r\n"
            ))
        #expect(sent.contains("Origin: http://a\r\n") && sent.contains("Authorization: Bearer s3cret"))
        for word in ["x-own", "other", "keep-alive", "what"] { #expect(!sent.contains(word)) }
        bench.target(agreed("Sec-WebSocket-Protocol: super\r\nX-Own: 1\r\n"))
        let answer = bench.takeClient()
        #expect(answer.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        for field in ["Connection: Upgrade\r\n", "Upgrade: websocket\r\n", accept, "Sec-WebSocket-Protocol: super\r\n"]
        {
            #expect(answer.components(field) == 1, "\(field)")
        }
        #expect(answer.contains("X-Own: 1") && !bench.hasEnded)
    }

    static let notAgreed = [
        agreed("").replacing(accept, ""), agreed("").replacing("xOo=", "xOO="), agreed(accept),
        agreed("").replacing("Upgrade: websocket", "Upgrade: h2c"), agreed("Upgrade: h2c\r\n"),
        agreed("").replacing("Connection: Upgrade", "Connection: keep-alive"),
        agreed("Sec-WebSocket-Protocol: chat\r\n"), agreed("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        agreed("Sec-WebSocket-Extensions: x-other\r\n"),
    ]

    @Test(arguments: notAgreed) func anAnswerThatDoesNotAgreeIsNone(_ answer: String) {
        var bench = HTTPBench()
        bench.client(get("/c/chat", handshake))
        bench.target(Array(answer.utf8) + frame(.text, "early"))
        let got = bench.takeClient()
        #expect(got.hasPrefix("HTTP/1.1 502 ") && !got.contains("early"))
        #expect(bench.hasEnded)
    }

    @Test func aSwitchThatWasNotAskedForIsNone() {
        var bench = HTTPBench()
        bench.client(get("/c/x"))
        bench.target(agreed())
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 502 ") && bench.hasEnded)
    }

    static let offers: [(String, String, Bool)] = [
        ("permessage-deflate", "permessage-deflate", true),
        ("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=8", true),
        ("permessage-deflate", "permessage-deflate; client_max_window_bits=8", false),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=8", true),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits", false),
        ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=10", false),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=10", false),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate", false),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate", false),
        ("permessage-deflate; server_no_context_takeover, permessage-deflate", "permessage-deflate", true),
        ("permessage-deflate", "permessage-deflate, permessage-deflate", false),
        ("permessage-deflate", "permessage-deflate; x=1", false),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=16", false),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=07", false),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate", false),
    ]

    @Test(arguments: offers)
    func compressionIsAgreedOn(offer: String, answer: String, isFine: Bool) {
        var bench = HTTPBench()
        bench.client(get("/c/chat", handshake + "Sec-WebSocket-Extensions: \(offer)\r\n"))
        bench.target(agreed("Sec-WebSocket-Extensions: \(answer)\r\n"))
        #expect(bench.takeClient().hasPrefix(isFine ? "HTTP/1.1 101 " : "HTTP/1.1 502 "))
        #expect(bench.hasEnded == !isFine)
    }

    static let wrongHandshakes: [(String, Int)] = [
        (handshake.replacing("Version: 13", "Version: 8"), 426), (handshake.replacing("Version: 13", "Other: 1"), 426),
        (handshake + "Sec-WebSocket-Version: 13\r\n", 426), (handshake.replacing("ub25jZQ==", "ub25j"), 400),
        (handshake.replacing("Sec-WebSocket-Key", "X-Key"), 400),
        (handshake + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400),
        (handshake + "Content-Length: 2\r\n", 400),
        (handshake + "Transfer-Encoding: chunked\r\n", 400), (handshake + "Sec-WebSocket-Protocol: a b\r\n", 400),
        (handshake + "Sec-WebSocket-Protocol: a, a\r\n", 400),
    ]

    @Test(arguments: wrongHandshakes)
    func aWrongHandshakeIsRefused(fields: String, status: Int) {
        var bench = HTTPBench()
        bench.client(get("/c/chat", fields))
        let got = bench.takeClient()
        #expect(got.hasPrefix("HTTP/1.1 \(status) "))
        #expect(got.contains("Sec-WebSocket-Version: 13\r\n") == (status == 426))
        #expect(bench.hasEnded && bench.takeTarget() == "")
    }

    static let otherUpgrades: [String] = [
        get("/c/x", "Upgrade: websocket\r\n"),
        get("/c/x", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n"),
        get("/c/x", "Connection: Upgrade\r\nUpgrade: TLS/1.3, IRC/6.9\r\n"),
        get("/c/x", handshake).replacing("HTTP/1.1", "HTTP/1.0"), post("/c/x", "", handshake),
        get("/c/x", handshake.replacing("websocket", "websockets")),
    ]

    @Test(arguments: otherUpgrades)
    func anotherUpgradeIsLeftOut(_ request: String) {
        var bench = HTTPBench()
        bench.client(request)
        let sent = bench.takeTarget().lowercased()
        #expect(sent.hasPrefix("get /x ") || sent.hasPrefix("post /x "))
        for word in ["upgrade", "sec-websocket", "http2-settings"] { #expect(!sent.contains(word), "\(word)") }
        bench.target("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(bench.takeClient().hasSuffix("\r\n\r\nok"))
    }

    @Test func anAskingAnsweredOtherwiseLeavesNoConnection() {
        var bench = HTTPBench()
        bench.client(get("/c/chat", handshake))
        bench.target("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        #expect(bench.takeClient() == "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        #expect(bench.hasEnded)
        bench.client(get("/c/smuggled"))
        #expect(!bench.takeTarget().contains("smuggled"))
    }

    @Test func nothingIsSaidBeforeTheTargetHasAgreed() {
        var bench = HTTPBench()
        bench.client(get("/c/chat", handshake) + get("/c/smuggled"))
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 400 ") && bench.hasEnded && bench.takeTarget() == "")
        bench = HTTPBench()
        bench.client(get("/c/chat", handshake))
        bench.takeTarget()
        bench.client(get("/c/smuggled"))
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 400 ") && bench.hasEnded && bench.takeTarget() == "")
    }

    @Test func masksAndHTTP2TargetsHaveNone() {
        var bench = HTTPBench()
        bench.masks = MaskSet(rules: [MaskRule(detect: Detector.allCases)], key: MaskKey(bytes: [1]))
        bench.client(get("/c/chat", handshake))
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 501 ") && bench.hasEnded && bench.takeTarget() == "")
        bench = HTTPBench()
        bench.place.speaksHTTP2 = true
        bench.client(get("/c/chat", handshake))
        #expect(bench.takeClient().hasPrefix("HTTP/1.1 501 ") && bench.hasEnded && bench.takeTarget() == "")
    }

    @Test func aWebSocketIsWhateverARuleIsAbout() {
        var bench = HTTPBench()
        bench.client(get("/c/chat", handshake))
        #expect(bench.assessments.first?.subject.classes == [.select, .insert, .update, .delete])
        #expect(bench.assessments.first?.classes == ["read", "write"])
    }

    // MARK: - Messages

    @Test func messagesPassBothWays() {
        var bench = opened()
        bench.client(frame(.text, "hello", mask: 0x0102_0304))
        #expect(read(bench.toTarget, .client) == message("hello"))
        // The key on the wire is the gateway's own, and the record has none.
        #expect(bench.toTarget.getInteger(at: bench.toTarget.readerIndex + 2, as: UInt32.self) != 0x0102_0304)
        #expect(Array(bench.input.readableBytesView) == frame(.text, "hello"))
        bench.target(frame(.text, "HELLO"))
        #expect(Array(bench.toClient.readableBytesView) == frame(.text, "HELLO"))
        #expect(bench.answer == bench.toClient)
        #expect(bench.dialect.isOpenEnded && bench.dialect.isAtBoundary)
    }

    @Test func whateverTheCutTheSamePasses() {
        let deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        func parts(_ mask: UInt32?) -> [UInt8] {
            let text = frame(.text, "Grüße, ", isFinal: false, mask: mask) + frame(.ping, "there?", mask: mask)
            let rest =
                frame(.continuation, "世界", mask: mask) + frame(.binary, [UInt8](repeating: 7, count: 300), mask: mask)
            let more =
                frame(.text, [0xF2, 0x48, 0x05, 0x00], isCompressed: true, mask: mask) + frame(.pong, "", mask: mask)
            return text + rest + more + frame(.close, [0x03, 0xE9] + Array("bye".utf8), mask: mask)
        }
        let (client, target) = (parts(0xA1B2_C3D4), parts(nil))
        for cut in 0...client.count {
            var bench = opened(deflate, deflate)
            bench.client(Array(client[..<cut]))
            bench.client(Array(client[cut...]))
            #expect(read(bench.toTarget, .client, mayBeCompressed: true).count == 17)
            #expect(Array(bench.input.readableBytesView) == target, "cut at \(cut)")
            for byte in target.prefix(cut) { bench.target([byte]) }
            bench.target(Array(target.dropFirst(cut)))
            #expect(Array(bench.answer.readableBytesView) == target)
            #expect(bench.outcomes.map(\.tag) == ["closed 1001"] && bench.faults.isEmpty && bench.hasEnded)
        }
    }

    @Test func aFrameDoesNotWaitForItsEnd() {
        var bench = opened()
        bench.target(Array(frame(.binary, [UInt8](repeating: 1, count: 100_000)).prefix(1000)))
        #expect(bench.toClient.readableBytes == 1000)
        #expect(!bench.dialect.isAtBoundary)
        bench.client(Array(frame(.binary, [UInt8](repeating: 1, count: 100_000), mask: 1).prefix(1000)))
        #expect(bench.toTarget.readableBytes == 1000)
    }

    @Test func closingIsBothSides() {
        var bench = opened()
        bench.client(frame(.close, [0x03, 0xE8], mask: 5))
        #expect(closeCode(bench.toTarget, .client) == 1000)
        #expect(bench.outcomes.isEmpty)
        bench.target(frame(.close, [0x03, 0xE8]))
        #expect(closeCode(bench.toClient, .server) == 1000)
        #expect(bench.outcomes.map(\.kind) == [.success] && bench.outcomes.first?.code == "101")
        #expect(bench.hasEnded)
        // The target says it first, and then closes its connection.
        bench = opened()
        bench.target(frame(.close, []))
        bench.client(frame(.close, [], mask: 5))
        #expect(bench.outcomes.isEmpty)
        bench.targetCloses()
        #expect(bench.outcomes.map(\.tag) == ["closed 1005"] && bench.hasEnded)
    }

    @Test func aTargetThatVanishesIsToldOf() {
        var bench = opened()
        bench.targetCloses()
        #expect(closeCode(bench.toClient, .server) == 1014)
        #expect(bench.outcomes.map(\.kind) == [.interrupted] && bench.hasEnded)
        bench = opened()
        bench.target([0x81, 0x05, 0x68])
        bench.takeClient()
        bench.targetCloses()
        #expect(bench.toClient.readableBytes == 0)
    }

    // MARK: - The gateway's own end of it

    static let endings: [(String, Int)] = [
        ("57P01", 1001), ("57P05", 1008), ("28000", 1008), ("57014", 1008), ("58030", 1011), ("XX000", 1011),
    ]

    @Test(arguments: endings)
    func theGatewayEndsItInItsOwnWords(code: String, close: Int) {
        var bench = opened()
        bench.end(Refusal(code: code, message: String(repeating: "Ü", count: 100)))
        #expect(closeCode(bench.toClient, .server) == close)
        #expect(closeCode(bench.toTarget, .client) == close)
        // In the middle of a frame there is no place for words; behind a close frame neither.
        bench = opened()
        bench.client([0x81, 0x85, 0, 0, 0, 0, 0x68])
        bench.target([0x81, 0x05, 0x68])
        bench.toTarget.clear()
        bench.toClient.clear()
        bench.end(Refusal(code: code, message: "no"))
        #expect(bench.toClient.readableBytes == 0 && bench.toTarget.readableBytes == 0)
        bench = opened()
        bench.client(frame(.close, [], mask: 1))
        bench.toTarget.clear()
        bench.end(Refusal(code: code, message: "no"))
        #expect(closeCode(bench.toClient, .server) == close && bench.toTarget.readableBytes == 0)
    }

    static let wrong: [(String, [UInt8], Int)] = [
        ("not masked", frame(.text, "hi"), 1002), ("RSV1", [0xC1, 0x80, 0, 0, 0, 0], 1002),
        ("RSV3", [0x91, 0x80, 0, 0, 0, 0], 1002), ("opcode 3", [0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a ping in parts", [0x09, 0x80, 0, 0, 0, 0], 1002),
        ("nothing to continue", frame(.continuation, "x", mask: 1), 1002),
        ("close 1005", frame(.close, [0x03, 0xED], mask: 1), 1002),
        ("half a close code", frame(.close, [3], mask: 1), 1002),
        ("text that is none", frame(.text, [0xFF], mask: 1), 1007),
        ("text that is none, later", frame(.text, [0x61, 0xC3], mask: 9), 1007),
        ("a reason that is no text", frame(.close, [0x03, 0xE8, 0xFF], mask: 1), 1007),
        ("over the limit", frame(.binary, [UInt8](repeating: 1, count: 1001), mask: 1), 1009),
        ("over the limit by its length", [0x82, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009),
        ("a request", Array(get("/c/smuggled").utf8), 1002),
    ]

    @Test(arguments: wrong) func whatIsWrongEndsItOnBothSides(name: String, bytes: [UInt8], code: Int) {
        var limits = SessionLimits()
        limits.message = 1000
        // At once, behind a good frame in the same read, and byte by byte.
        for good in [[], frame(.text, "good", mask: 3)] {
            var bench = opened(limits: limits)
            bench.client(good + bytes)
            #expect(bench.faults.map(\.code) == [String(code)], "\(name)")
            #expect(closeCode(bench.toClient, .server) == code)
            #expect(closeCode(bench.toTarget, .client) == code)
            let before = good.isEmpty ? [] : message("good")
            #expect(Array(read(bench.toTarget, .client).dropLast()) == before, "\(name)")
        }
        var bench = opened(limits: limits)
        for byte in bytes where !bench.hasEnded { bench.client([byte]) }
        #expect(bench.faults.map(\.code) == [String(code)], "\(name)")
        #expect(closeCode(bench.toClient, .server) == code)
    }

    @Test func aTargetIsHeldToTheSame() {
        let wrong: [([UInt8], Int)] = [
            (frame(.text, "hi", mask: 1), 1002), (frame(.text, [0xFF]), 1007),
            (frame(.text, "x", isCompressed: true), 1002), (frame(.close, []) + frame(.text, "more"), 1002),
        ]
        for (bytes, code) in wrong {
            var bench = opened()
            bench.target(frame(.text, "good") + bytes)
            #expect(bench.faults.map(\.code) == [String(code)])
            #expect(closeCode(bench.toTarget, .client) == code)
            #expect(read(bench.toClient, .server).starts(with: message("good")))
            // A close frame that came is the last word.
            #expect(closeCode(bench.toClient, .server) == (bytes.first == 0x88 ? nil : code))
        }
    }

    @Test func aMessageWithoutEndIsTooLong() {
        var limits = SessionLimits()
        limits.message = 1000
        var bench = opened(limits: limits)
        bench.client(frame(.binary, [UInt8](repeating: 0, count: 900), isFinal: false, mask: 1))
        bench.client(frame(.continuation, [UInt8](repeating: 0, count: 101), isFinal: false, mask: 1))
        #expect(bench.faults.map(\.code) == ["1009"])
    }

    @Test func heldAndSentAgainItIsTheSame() {
        let other = handshake.replacing("dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA==")
        let commands = [handshake, other, handshake + "Sec-WebSocket-Protocol: a\r\n"].map { fields in
            var bench = HTTPBench()
            bench.client(get("/c/chat", fields))
            return bench.standalone
        }
        #expect(commands[0] != nil && commands[0] == commands[1] && commands[0] != commands[2])
    }
}

extension String {
    fileprivate func replacing(_ text: String, _ other: String) -> String {
        guard let range = range(of: text) else { return self }
        return replacingCharacters(in: range, with: other)
    }

    fileprivate func components(_ text: String) -> Int { components(separatedBy: text).count - 1 }
}
