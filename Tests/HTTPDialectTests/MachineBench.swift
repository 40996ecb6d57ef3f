import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import HTTPDialect
import NIOCore
import SQLAnalysis
import SessionKernel

/// The whole machine with this dialect; ledger, desk and target are the test's.
struct MachineBench {
    struct Judge: CommandJudge {
        func cachedAnalysis(of text: [UInt8]) -> SQLAnalysis? { nil }

        func verdict(on subject: CommandSubject) -> Verdict? {
            let path = (subject.request?.path ?? []).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
            if path.contains("blocked") { return Verdict(kind: .block, rules: ["no-blocked"], message: "Not here.") }
            guard path.contains("held") else { return .allow }
            return Verdict(kind: .hold, rules: ["ask"], hold: HoldTerms(groups: ["dba"]))
        }
    }

    var machine = SessionMachine(
        dialect: HTTPDialect(HTTPDialect.Settings(isTLS: false, acceptsClearText: true)))
    var drafts: [EntryDraft] = []
    var last: RecordNumber = 0
    /// Bytes of recorded chunks, by direction.
    var answer = ""
    var input = ""
    var toClient = ""
    var toTarget = ""
    /// The same, where it is no text.
    var bytesToClient = ByteBuffer()
    var bytesToTarget = ByteBuffer()
    var durability = Durability.command
    var dials = 0
    var targetCloses = 0
    var clientIsClosed = false
    var handedOver: String?
    var approvals: [ExchangeID] = []
    var withdrawn: [ExchangeID] = []
    var poisons: [String] = []
    var reads = true

    init() { run { $0.started(signInSeconds: 10) } }

    mutating func run(_ body: (inout SessionMachine) -> [SessionAction]) {
        for action in body(&machine) {
            switch action {
            case .sendToClient(let bytes):
                toClient += String(buffer: bytes)
                bytesToClient.writeImmutableBuffer(bytes)
            case .sendToTarget(let bytes):
                toTarget += String(buffer: bytes)
                bytesToTarget.writeImmutableBuffer(bytes)
            case .verify(let proof): grant(proof)
            case .dial: dials += 1
            case .record(let number, let draft):
                last = number
                drafts.append(draft)
            case .recordChunk(let number, _, let direction, let bytes, _):
                last = number
                if direction == .answer { answer += String(buffer: bytes) } else { input += String(buffer: bytes) }
            case .requestApproval(let id, _): approvals.append(id)
            case .withdrawApproval(let id): withdrawn.append(id)
            case .closeTarget: targetCloses += 1
            case .closeClient: clientIsClosed = true
            case .handOver(let bytes): handedOver = String(buffer: bytes)
            case .poisoned(let text): poisons.append(text)
            case .readClient(let isOn): reads = isOn
            default: break
            }
        }
    }

    private mutating func grant(_ proof: SignInProof) {
        let context = SessionContext(
            session: RecordID(high: 1, low: 1), principal: nil, connection: proof.connection, kind: "http",
            clientAddress: "192.0.2.7:5000")
        var terms = SessionTerms(
            context: context, database: "", targetUser: "", masks: MaskSet(rules: [], key: MaskKey(bytes: [1])),
            cancelKey: (1, [1]), durability: durability, limits: SessionLimits(), targetTLS: .disable)
        terms.targetPlace.authority = "target.example"
        run { $0.signInGranted(terms, judge: Judge(), opening: nil) }
    }

    mutating func client(_ text: String) { run { $0.clientBytes(ByteBuffer(string: text)) } }
    mutating func target(_ text: String) { run { $0.targetBytes(ByteBuffer(string: text)) } }
    mutating func client(_ bytes: [UInt8]) { run { $0.clientBytes(ByteBuffer(bytes: bytes)) } }
    mutating func target(_ bytes: [UInt8]) { run { $0.targetBytes(ByteBuffer(bytes: bytes)) } }
    mutating func durable() { run { [last] in $0.durable(through: last) } }

    mutating func connect() {
        run { $0.targetConnected(TargetCredential(username: "", password: Array("s3cret".utf8), form: .bearer)) }
    }

    var types: [String] { drafts.map(\.type.rawValue) }
}
