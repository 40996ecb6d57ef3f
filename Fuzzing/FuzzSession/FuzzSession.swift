import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel

/// The whole dialect under the kernel. The input is a script: bytes of either side, verdicts, durability, endings.
///
/// A poisoned machine is a finding: no input from outside may bring one about.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSession(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let mode = input.first else { return 0 }
    var session = FuzzedSession(mode)
    var position = 1
    while position + 1 < input.count {
        let (operation, length) = (input[position], Int(input[position + 1]))
        position += 2
        let body = Array(input[position..<min(position + length, input.count)])
        position += body.count
        session.step(operation, body)
    }
    return 0
}

private struct FuzzedSession {
    private var machine: SessionMachine
    private var lastRecord: RecordNumber = 0

    init(_ mode: UInt8) {
        machine = SessionMachine(dialect: PostgresDialect(offersTLS: false, acceptsClearText: true))
        run(machine.started(signInSeconds: 10))
        var client = StartupMessage(parameters: [("user", "a")]).encoded()
        client.writeMessage(FrontendType.password) { $0.writeCString("t".utf8) }
        run(machine.clientBytes(client))
        let opening = EntryDraft(.sessionOpen)
        run(machine.signInGranted(Self.terms(isMasked: mode & 1 == 0), judge: Judge(), opening: opening))
        run(machine.targetConnected(TargetCredential(username: "app", password: nil)))
        var greeting = ByteBuffer()
        AuthenticationRequest.ok.write(into: &greeting)
        TransactionStatus.idle.write(into: &greeting)
        run(machine.targetBytes(greeting))
        run(machine.durable(through: lastRecord))
    }

    mutating func step(_ operation: UInt8, _ body: [UInt8]) {
        switch operation % 12 {
        case 0, 1, 2: run(machine.clientBytes(ByteBuffer(bytes: body)))
        case 3, 4, 5: run(machine.targetBytes(ByteBuffer(bytes: body)))
        case 6, 7: run(machine.durable(through: lastRecord))
        case 8: run(machine.cancelRequested())
        case 9: run(machine.cancelFinished())
        case 10: run(machine.lookedUp(LookupAnswer(columns: nil)))
        default:
            switch body.first {
            case 0: run(machine.clientClosed())
            case 1: run(machine.targetClosed())
            case 2: run(machine.ledgerFailed())
            default: run(machine.durable(through: lastRecord))
            }
        }
    }

    private mutating func run(_ actions: [SessionAction]) {
        for action in actions {
            switch action {
            case .record(let number, _), .recordChunk(let number, _, _, _, _): lastRecord = max(lastRecord, number)
            case .poisoned(let text): fatalError("poisoned: \(text)")
            default: break
            }
        }
    }

    private struct Judge: CommandJudge {
        func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? { nil }
        func verdict(on subject: CommandSubject) throws(GatewayError) -> Verdict? {
            Verdict(kind: subject.text.count % 3 == 0 ? .block : .allow)
        }
    }

    private static func terms(isMasked: Bool) -> SessionTerms {
        var rules: [MaskRule] = []
        if isMasked, let column = ColumnPattern("email") {
            rules = [MaskRule(columns: [column]), MaskRule(detect: [.email])]
        }
        return SessionTerms(
            context: SessionContext(
                session: RecordID(high: 1, low: 1), principal: nil, connection: "c", kind: "postgres",
                clientAddress: "127.0.0.1:1"),
            database: "d", targetUser: "app", masks: MaskSet(rules: rules, key: MaskKey(bytes: [1])),
            cancelKey: (1, [1, 2, 3, 4]),
            durability: .command, limits: SessionLimits(), targetTLS: .disable)
    }
}
