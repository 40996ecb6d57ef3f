import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import HTTPDialect
import NIOCore
import SessionKernel

/// A dialect between a client and a target that the test plays; everything is decided at once.
struct HTTPBench {
    var dialect: HTTPDialect
    var limits = SessionLimits()
    var masks = MaskSet(rules: [], key: MaskKey(bytes: [1]))
    var credential = TargetCredential(username: "", password: Array("s3cret".utf8), form: .bearer)
    var place = TargetPlace()
    /// Paths that hold this are refused.
    var blockedWord = "blocked"
    var toTarget = ByteBuffer()
    var toClient = ByteBuffer()
    /// What the record holds of input and answer.
    var input = ByteBuffer()
    var answer = ByteBuffer()
    var proofs: [SignInProof] = []
    var assessments: [Assessment] = []
    var outcomes: [Outcome] = []
    var handedOver: ByteBuffer?
    var hasEnded = false
    var faults: [Refusal] = []
    /// Of the last command.
    var standalone: StandaloneCommand?
    var drops = 0
    /// What is waiting for the answer before it.
    private var waiting: [ClientEvent] = []
    private var isOpen = false

    init(limits: SessionLimits = SessionLimits()) {
        self.limits = limits
        dialect = HTTPDialect(HTTPDialect.Settings(isTLS: false, acceptsClearText: true), limits: limits)
        place.authority = "target.example"
        place.credential = .bearer
    }

    mutating func client(_ text: String) { client(Array(text.utf8)) }

    mutating func client(_ bytes: [UInt8]) {
        var events: [ClientEvent] = []
        do throws(DialectFault) {
            try dialect.receive(fromClient: ByteBuffer(bytes: bytes), into: &events)
        } catch {
            take(events)
            return end(error.refusal)
        }
        take(events)
    }

    mutating func end(_ refusal: Refusal) {
        toClient.writeImmutableBuffer(proofs.isEmpty ? dialect.refuseSignIn(refusal) : dialect.abort(refusal))
        toTarget.writeImmutableBuffer(dialect.farewell())
        faults.append(refusal)
        hasEnded = true
    }

    private mutating func take(_ events: [ClientEvent]) {
        for event in events where !hasEnded { take(event) }
    }

    private mutating func take(_ event: ClientEvent) {
        switch event {
        case .signIn(let proof):
            proofs.append(proof)
            var terms = SessionTerms(
                context: SessionContext(
                    session: RecordID(high: 1, low: 1), principal: nil, connection: proof.connection, kind: "http",
                    clientAddress: "192.0.2.7:5000"),
                database: "", targetUser: "", masks: masks, cancelKey: (1, [1]),
                durability: .command, limits: limits, targetTLS: .disable)
            terms.targetPlace = place
            dialect.signedIn(terms)
            _ = try? dialect.openTarget(credential)
            client([])
        case .reply(let bytes): toClient.writeImmutableBuffer(bytes)
        case .handOver(let bytes): handedOver = bytes
        case .fault(let refusal): end(refusal)
        case .command, .inputChunk, .carry:
            waiting.append(event)
            forward()
        case .startTLS, .cancel, .end: break
        }
    }

    /// One command at a time, as the kernel does it.
    private mutating func forward() {
        while let event = waiting.first, !hasEnded {
            switch event {
            case .command(let command):
                guard !isOpen else { return }
                waiting.removeFirst()
                let assessment = dialect.assess(command, analysis: nil)
                assessments.append(assessment)
                standalone = dialect.standalone(command)
                var refusal = assessment.refusal
                if assessment.objects.joined().contains(blockedWord) {
                    refusal = Refusal(message: "not here")
                    refusal?.rules = ["no-blocked"]
                }
                if let refusal {
                    switch dialect.refuse(command, refusal) {
                    case .reply(let bytes): toClient.writeImmutableBuffer(bytes)
                    case .last(let bytes):
                        toClient.writeImmutableBuffer(bytes)
                        hasEnded = true
                    case .substitute, .drop: break
                    }
                } else if let bytes = dialect.submit(.command(command)) {
                    isOpen = true
                    toTarget.writeImmutableBuffer(bytes)
                }
            case .inputChunk(let bytes, let id):
                waiting.removeFirst()
                input.writeImmutableBuffer(bytes)
                if let bytes = dialect.submit(.inputChunk(bytes, of: id)) { toTarget.writeImmutableBuffer(bytes) }
            default: waiting.removeFirst()
            }
        }
    }

    mutating func target(_ text: String) { target(Array(text.utf8)) }

    mutating func target(_ bytes: [UInt8]) {
        var events: [TargetEvent] = []
        do throws(DialectFault) {
            try dialect.receive(fromTarget: ByteBuffer(bytes: bytes), into: &events)
        } catch {
            take(events)
            return end(error.refusal)
        }
        take(events)
    }

    mutating func targetCloses() {
        var events: [TargetEvent] = []
        try? dialect.targetEnded(into: &events)
        take(events)
        if isOpen { end(Refusal(code: "08006", message: "gone")) }
    }

    private mutating func take(_ events: [TargetEvent]) {
        for event in events where !hasEnded {
            switch event {
            case .pass(let bytes): toClient.writeImmutableBuffer(bytes)
            case .chunk(let bytes, _, _):
                toClient.writeImmutableBuffer(bytes)
                answer.writeImmutableBuffer(bytes)
            case .closing(let bytes, _, let outcome), .outcome(let bytes, _, let outcome):
                toClient.writeImmutableBuffer(bytes)
                answer.writeImmutableBuffer(bytes)
                outcomes.append(outcome)
                isOpen = false
            case .dropTarget:
                drops += 1
                _ = try? dialect.openTarget(credential)
            case .end: hasEnded = true
            case .fatal(let refusal): end(refusal)
            case .reply, .startTLS, .ready, .lookup, .answered, .cancel, .unmasked: break
            }
        }
        forward()
    }

    @discardableResult
    mutating func takeClient() -> String {
        defer { toClient.clear() }
        return String(buffer: toClient)
    }

    @discardableResult
    mutating func takeTarget() -> String {
        defer { toTarget.clear() }
        return String(buffer: toTarget)
    }
}

/// A request with what every one has.
func get(_ path: String, _ fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\n\(fields)\r\n"
}

func post(_ path: String, _ body: String, _ fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer t\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
