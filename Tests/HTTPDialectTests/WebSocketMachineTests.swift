import AuditLedger
import GatewayCore
import HTTPContent
import HTTPDialect
import NIOCore
import SessionKernel
import Testing

/// The kernel's promises with a WebSocket through it.
@Suite struct WebSocketMachineTests {
    private static let asking =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        + "Sec-WebSocket-Version: 13\r\n"
    private static let agreed =
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

    private static func frame(_ opcode: WebSocketOpcode, _ payload: [UInt8], mask: UInt32? = nil) -> [UInt8] {
        var buffer = ByteBuffer()
        WebSocketFrame.write(opcode, payload: ByteBuffer(bytes: payload), mask: mask, into: &buffer)
        return Array(buffer.readableBytesView)
    }

    private static func opened(_ durability: Durability = .command) -> MachineBench {
        var bench = MachineBench()
        bench.durability = durability
        bench.client(get("/c/chat", asking))
        bench.durable()
        bench.connect()
        bench.target(agreed)
        bench.durable()
        #expect(bench.toClient.hasPrefix("HTTP/1.1 101 ") && bench.types == ["command.allowed"])
        bench.bytesToClient.clear()
        bench.bytesToTarget.clear()
        return bench
    }

    private static func kinds(_ bytes: ByteBuffer, _ sender: WebSocketReader.Sender) -> [String] {
        var (reader, bytes, events) = (WebSocketReader(sender), bytes, [WebSocketReader.Event]())
        try? reader.read(&bytes, into: &events)
        return events.compactMap { event in
            switch event {
            case .content(let bytes): String(buffer: bytes)
            case .control(let opcode, let bytes):
                "\(opcode) \(bytes.getInteger(at: bytes.readerIndex, as: UInt16.self) ?? 0)"
            default: nil
            }
        }
    }

    @Test func p1_framesAreRecordedBeforeTheyPass() {
        var bench = Self.opened(.strict)
        bench.client(Self.frame(.text, Array("up".utf8), mask: 7))
        bench.target(Self.frame(.text, Array("down".utf8)))
        #expect(bench.input.hasSuffix("up") && bench.answer.hasSuffix("down"))
        #expect(bench.bytesToTarget.readableBytes == 0 && bench.bytesToClient.readableBytes == 0)
        bench.durable()
        #expect(
            Self.kinds(bench.bytesToTarget, .client) == ["up"] && Self.kinds(bench.bytesToClient, .server) == ["down"])
    }

    @Test func p2_theLastCloseFrameWaitsForTheOutcome() {
        var bench = Self.opened()
        #expect(!bench.machine.isIdle)
        bench.client(Self.frame(.close, [0x03, 0xE8], mask: 7))
        bench.target(Self.frame(.close, [0x03, 0xE8]))
        #expect(bench.types.last == "command.outcome" && bench.drafts.last?.outcome?.tag == "closed 1000")
        #expect(bench.bytesToClient.readableBytes == 0 && !bench.clientIsClosed)
        bench.durable()
        #expect(Self.kinds(bench.bytesToClient, .server) == ["close 1000"] && bench.clientIsClosed)
    }

    @Test(arguments: [Durability.command, .strict]) func whatIsFinePassesBeforeWhatIsWrong(_ durability: Durability) {
        var bench = Self.opened(durability)
        bench.client(Self.frame(.text, Array("fine".utf8), mask: 7) + Self.frame(.text, [0xFF], mask: 7))
        bench.durable()
        bench.client(Self.frame(.text, Array("late".utf8), mask: 7))
        bench.durable()
        #expect(Self.kinds(bench.bytesToTarget, .client) == ["fine", "close 1007"])
        #expect(Self.kinds(bench.bytesToClient, .server) == ["close 1007"])
        #expect(bench.input.hasSuffix("fine"))
        #expect(bench.drafts.last?.outcome?.kind == .interrupted && bench.drafts.last?.outcome?.code == "1007")
        #expect(bench.clientIsClosed && bench.poisons == [])
    }

    @Test func aLockEndsItOnBothSides() {
        var bench = Self.opened()
        bench.run { $0.abort(.locked, Refusal(code: "28000", message: "This session was locked.")) }
        bench.durable()
        #expect(Self.kinds(bench.bytesToTarget, .client) == ["close 1008"])
        #expect(Self.kinds(bench.bytesToClient, .server) == ["close 1008"])
        #expect(bench.clientIsClosed && bench.drafts.last?.outcome?.kind == .interrupted)
    }

    @Test func aClientThatIsGoneIsTheTargetsToKnow() {
        var bench = Self.opened()
        bench.run { $0.clientClosed() }
        #expect(Self.kinds(bench.bytesToTarget, .client) == ["close 1001"])
        #expect(bench.targetCloses == 1)
    }

    @Test func aLedgerThatFailsEndsIt() {
        var bench = Self.opened(.strict)
        bench.target(Self.frame(.text, Array("never".utf8)))
        bench.run { $0.ledgerFailed() }
        #expect(Self.kinds(bench.bytesToClient, .server) == ["close 1011"])
        bench = Self.opened()
        bench.target([0x81, 0x05, 0x68])
        bench.run { $0.ledgerFailed() }
        #expect(bench.bytesToClient.readableBytes == 3)
    }

    @Test func nothingIsSaidWhileItIsHeld() {
        var bench = MachineBench()
        bench.client(get("/c/held", Self.asking))
        bench.durable()
        #expect(bench.approvals.count == 1)
        bench.client(Self.frame(.text, Array("early".utf8), mask: 7))
        bench.durable()
        #expect(bench.withdrawn.count == 1 && bench.toClient.hasPrefix("HTTP/1.1 400 ") && bench.dials == 0)
        #expect(bench.clientIsClosed && bench.poisons == [])
    }
}
