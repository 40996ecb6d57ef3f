import AuditLedger
import DataMasking
import GatewayCore
import HTTPContent
import HTTPDialect
import NIOCore
import SessionKernel

/// The dialect between two sides that the input plays; everything is decided at once.
struct FuzzSession {
    static let asking = Array(
        ("Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n").utf8)

    private var dialect: HTTPDialect
    private var limits = SessionLimits()
    private var isOver = false
    /// What went each way since the WebSocket was opened.
    private var toTarget = ByteBuffer()
    private var toClient = ByteBuffer()

    init() {
        limits.command = 4096
        limits.message = 1000
        dialect = HTTPDialect(.init(isTLS: false, acceptsClearText: true), limits: limits)
    }

    mutating func openWebSocket(_ prefix: [UInt8], isCompressed: Bool) {
        client(prefix + Self.asking, 1000)
        let extensions = isCompressed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : ""
        target(
            Array(
                ("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\(extensions)"
                    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n").utf8), 1000)
        precondition(dialect.isOpenEnded && !isOver)
        toTarget.clear()
        toClient.clear()
    }

    /// Whatever one side sends, the other gets frames that are right, up to where it ends.
    func checkFrames(isCompressed: Bool) {
        for (bytes, sender) in [(toTarget, WebSocketReader.Sender.client), (toClient, .server)] {
            var reader = WebSocketReader(sender, mayBeCompressed: isCompressed)
            var bytes = bytes
            do throws(ContentFault) {
                while try reader.next(&bytes) != nil {}
            } catch {
                fatalError("a frame went out that is wrong: \(error.message)")
            }
        }
    }

    mutating func client(_ bytes: [UInt8], _ length: Int) {
        for start in stride(from: 0, to: bytes.count, by: length) where !isOver {
            receive(ByteBuffer(bytes: bytes[start..<min(start + length, bytes.count)]))
        }
    }

    private mutating func receive(_ bytes: ByteBuffer) {
        var events: [ClientEvent] = []
        var refusal: Refusal?
        do throws(DialectFault) {
            try dialect.receive(fromClient: bytes, into: &events)
        } catch {
            refusal = error.refusal
        }
        for event in events where !isOver { take(event) }
        if let refusal { end(refusal) }
    }

    private mutating func end(_ refusal: Refusal) {
        guard !isOver else { return }
        toClient.writeImmutableBuffer(dialect.abort(refusal))
        toTarget.writeImmutableBuffer(dialect.farewell())
        isOver = true
    }

    private mutating func take(_ event: ClientEvent) {
        switch event {
        case .signIn(let proof):
            var terms = SessionTerms(
                context: SessionContext(
                    session: RecordID(high: 1, low: 1), principal: nil, connection: proof.connection, kind: "http",
                    clientAddress: "192.0.2.7:5000"),
                database: "", targetUser: "", masks: MaskSet(rules: [], key: MaskKey(bytes: [1])), cancelKey: (1, [1]),
                durability: .command, limits: limits, targetTLS: .disable)
            terms.targetPlace.authority = "target"
            dialect.signedIn(terms)
            _ = try? dialect.openTarget(TargetCredential(username: "", password: [0x73], form: .bearer))
            receive(ByteBuffer())
        case .command(let command):
            let assessment = dialect.assess(command, analysis: nil)
            _ = dialect.standalone(command)
            if assessment.refusal != nil || command.id.number.isMultiple(of: 3) {
                _ = dialect.refuse(command, Refusal(message: "no"))
            } else if let bytes = dialect.submit(.command(command)) {
                check(bytes)
                toTarget.writeImmutableBuffer(bytes)
            }
        case .inputChunk(let bytes, let id):
            if let bytes = dialect.submit(.inputChunk(bytes, of: id)) { toTarget.writeImmutableBuffer(bytes) }
        case .fault(let refusal): end(refusal)
        case .reply, .startTLS, .cancel, .end, .carry, .handOver: break
        }
    }

    /// A head that this parser would refuse, or read differently, must not go out.
    private func check(_ bytes: ByteBuffer) {
        let all = Array(bytes.readableBytesView)
        guard let end = all.indices.first(where: { all[$0...].starts(with: [13, 10, 13, 10]) }),
            let head = try? RequestHead(Array(all[..<(end + 4)]))
        else { fatalError("a request went out that cannot be read") }
        let path = head.target.prefix { $0 != UInt8(ascii: "?") }
        guard let again = try? RequestPath(path), again.encoded == Array(path) else {
            fatalError("a path went out that is not in its one form")
        }
    }

    mutating func target(_ bytes: [UInt8], _ length: Int) {
        for start in stride(from: 0, to: bytes.count, by: length) where !isOver {
            var events: [TargetEvent] = []
            var refusal: Refusal?
            do throws(DialectFault) {
                try dialect.receive(
                    fromTarget: ByteBuffer(bytes: bytes[start..<min(start + length, bytes.count)]), into: &events)
            } catch {
                refusal = error.refusal
            }
            for event in events { take(event) }
            if let refusal { end(refusal) }
        }
    }

    private mutating func take(_ event: TargetEvent) {
        switch event {
        case .chunk(let bytes, _, _), .closing(let bytes, _, _), .pass(let bytes): toClient.writeImmutableBuffer(bytes)
        case .end, .fatal: isOver = true
        case .dropTarget: _ = try? dialect.openTarget(TargetCredential(username: "", password: [0x73], form: .bearer))
        default: break
        }
    }

    /// The target's connection ends.
    mutating func targetEnds() {
        guard !isOver else { return }
        var events: [TargetEvent] = []
        try? dialect.targetEnded(into: &events)
        for event in events { take(event) }
    }
}
