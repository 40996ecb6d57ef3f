import AccessPolicy
import AuditLedger
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// A protocol of lines, small enough to read and rich enough to need every event of the seam.
///
/// Client: `T` TLS, `K key` cancel, `U connection token` sign in, `C text` a command of its own, `E text` and `P text`
/// commands of a pipeline
/// (P prepares) that ends with `S`, `I data` more bytes of the last command, `X` goodbye.
/// Target: `G` greeting, `T` TLS, `D data` a row (streamed), `N text` a notice, `L` a lookup is needed, `O token` and
/// `F token code` the end of
/// an answer, `Z` answers `S`, `B` fatal, `Q token rows` (`!`: none) the answer to the gateway's own question. In rows and notices the digit 4 is secret.
struct ToyDialect: Dialect {
    static let lineLimit = 20_000
    private static let newline = UInt8(ascii: "\n")

    private enum Expected {
        case exchange(ExchangeID, ToyText)
        case substitute(ByteBuffer)
        case sync
        case refusal(ByteBuffer)
        case question
    }

    private var clientBytes: [UInt8] = []
    private var targetBytes: [UInt8] = []
    private var isSignedIn = false
    private var lastExchange: UInt64 = 0
    private var expected: [Expected] = []
    private var texts: [ExchangeID: ToyText] = [:]
    private var commandKinds: [ExchangeID: UInt8] = [:]
    private var dropped: Set<ExchangeID> = []
    private var isSkipping = false
    private var segmentIsOpen = false
    private var isInRow = false
    private var waitsForLookup = false
    private(set) var isInTransaction = false

    var isAtBoundary: Bool { !isInRow }
    var cancelRequest: ByteBuffer? { ByteBuffer(string: "!cancel\n") }

    /// All commands say what they do; those with the verb `here` mean something in their session only.
    func standalone(_ command: Command) -> StandaloneCommand? {
        texts[command.id]?.verb == "here" ? nil : StandaloneCommand(command: command.bytes)
    }

    // MARK: - The client's side

    mutating func receive(fromClient bytes: ByteBuffer, into events: inout [ClientEvent]) throws(DialectFault) {
        clientBytes.append(contentsOf: bytes.readableBytesView)
        while let end = clientBytes.firstIndex(of: Self.newline) {
            let line = Array(clientBytes[...end])
            clientBytes.removeFirst(end + 1)
            try take(clientLine: line, into: &events)
        }
        if clientBytes.count > Self.lineLimit { throw DialectFault(.client, "54000", "line too long") }
    }

    private mutating func take(clientLine line: [UInt8], into events: inout [ClientEvent]) throws(DialectFault) {
        let text = String(decoding: line.dropFirst(2).dropLast(), as: UTF8.self)
        switch (line[0], isSignedIn) {
        case (UInt8(ascii: "T"), false): events.append(.startTLS(reply: ByteBuffer(string: "T\n")))
        case (UInt8(ascii: "K"), false): events.append(.cancel(key: Array(text.utf8)))
        case (UInt8(ascii: "U"), false):
            isSignedIn = true
            let words = text.split(separator: " ")
            guard words.count == 2 else { throw DialectFault(.client, "08P01", "bad sign-in") }
            events.append(
                .signIn(
                    SignInProof(connection: String(words[0]), database: "", token: Array(words[1].utf8), isTLS: false)))
        case (UInt8(ascii: "C"), true), (UInt8(ascii: "E"), true), (UInt8(ascii: "P"), true):
            guard let toy = ToyText(text) else { throw DialectFault(.client, "08P01", "bad command") }
            lastExchange += 1
            let id = ExchangeID(lastExchange)
            texts[id] = toy
            commandKinds[id] = line[0]
            events.append(
                .command(
                    Command(
                        id: id, weight: line[0] == UInt8(ascii: "P") ? .preparing : .effective,
                        text: toy.analysis == "n" ? nil : Array(text.utf8), bytes: ByteBuffer(bytes: line),
                        continues: toy.verdict == "d" && lastExchange > 1 ? ExchangeID(lastExchange - 1) : nil)))
        case (UInt8(ascii: "I"), true):
            guard lastExchange > 0 else { throw DialectFault(.client, "08P01", "input before a command") }
            events.append(.inputChunk(ByteBuffer(bytes: line), of: ExchangeID(lastExchange)))
        case (UInt8(ascii: "S"), true): events.append(.carry(ByteBuffer(bytes: line), of: nil))
        case (UInt8(ascii: "V"), true): if isAtBoundary { events.append(.reply(ByteBuffer(string: "V\n"))) }
        case (UInt8(ascii: "X"), _): events.append(.end)
        default: throw DialectFault(.client, "08P01", "unknown line")
        }
    }

    mutating func clientTLSEstablished() {}
    mutating func signedIn(_ terms: SessionTerms) {}

    mutating func refuseSignIn(_ refusal: Refusal) -> ByteBuffer {
        ByteBuffer(string: "A \(refusal.code)\n")
    }

    // MARK: - The target's side

    mutating func openTarget(_ credential: TargetCredential) throws(DialectFault) -> ByteBuffer {
        guard credential.password != nil else { throw DialectFault(.target, "28000", "no password") }
        return ByteBuffer(string: "U \(credential.username)\n")
    }

    mutating func targetTLSEstablished(channelBinding: [UInt8]?) throws(DialectFault) -> ByteBuffer {
        ByteBuffer(string: "U again\n")
    }

    mutating func receive(fromTarget bytes: ByteBuffer, into events: inout [TargetEvent]) throws(DialectFault) {
        targetBytes.append(contentsOf: bytes.readableBytesView)
        try takeTargetBytes(into: &events)
    }

    mutating func resume(with answer: LookupAnswer, into events: inout [TargetEvent]) throws(DialectFault) {
        waitsForLookup = false
        try takeTargetBytes(into: &events)
    }

    private mutating func takeTargetBytes(into events: inout [TargetEvent]) throws(DialectFault) {
        while !waitsForLookup, let first = targetBytes.first {
            if isInRow || first == UInt8(ascii: "D") {
                guard case .exchange(let id, _)? = expected.first else {
                    throw DialectFault(.target, "08P01", "row of nothing")
                }
                let end = targetBytes.firstIndex(of: Self.newline)
                let piece = Array(targetBytes[...(end ?? targetBytes.count - 1)])
                targetBytes.removeFirst(piece.count)
                events.append(.chunk(Self.masked(piece), of: id, rows: isInRow ? 0 : 1))
                isInRow = end == nil
            } else {
                guard let end = targetBytes.firstIndex(of: Self.newline) else {
                    if targetBytes.count > Self.lineLimit { throw DialectFault(.target, "54000", "line too long") }
                    return
                }
                let line = Array(targetBytes[...end])
                targetBytes.removeFirst(line.count)
                try take(targetLine: line, into: &events)
            }
        }
    }

    private static func masked(_ bytes: [UInt8]) -> ByteBuffer {
        ByteBuffer(bytes: bytes.map { $0 == UInt8(ascii: "4") ? UInt8(ascii: "#") : $0 })
    }

    private mutating func take(targetLine line: [UInt8], into events: inout [TargetEvent]) throws(DialectFault) {
        switch line[0] {
        case UInt8(ascii: "G"): events.append(.ready(greeting: ByteBuffer(bytes: line)))
        case UInt8(ascii: "T"): events.append(.startTLS)
        case UInt8(ascii: "Y"): events.append(.reply(ByteBuffer(string: "y\n")))
        case UInt8(ascii: "N"): events.append(.chunk(Self.masked(line), of: nil, rows: 0))
        case UInt8(ascii: "B"): events.append(.fatal(Refusal(code: "XX001", message: "fatal")))
        case UInt8(ascii: "L"):
            waitsForLookup = true
            events.append(.lookup(.columns([])))
        case UInt8(ascii: "O"), UInt8(ascii: "F"):
            let words = String(decoding: line.dropLast(), as: UTF8.self).split(separator: " ")
            switch expected.first {
            case .exchange(let id, let toy)?:
                expected.removeFirst()
                guard words.count >= 2, words[1] == toy.token else {
                    throw DialectFault(.target, "08P01", "another answer")
                }
                let isError = line[0] == UInt8(ascii: "F")
                if !isError, toy.verb == "begin" { isInTransaction = true }
                if !isError, toy.verb == "commit" { isInTransaction = false }
                events.append(
                    .outcome(
                        ByteBuffer(bytes: line), of: id,
                        Outcome(
                            kind: isError ? .error : .success, code: isError ? String(words.last ?? "") : nil,
                            tag: toy.token)))
            case .substitute(let refusal)?:
                expected.removeFirst()
                events.append(.pass(refusal))
            case .sync?, .refusal?, .question?, nil: throw DialectFault(.target, "08P01", "an answer to nothing")
            }
        case UInt8(ascii: "Q"):
            guard case .question? = expected.first else {
                throw DialectFault(.target, "08P01", "an answer to no question")
            }
            expected.removeFirst()
            let rows = Int(String(decoding: line.dropLast(), as: UTF8.self).split(separator: " ").last ?? "")
            events.append(.answered(.rows(rows.map { .rows($0) } ?? .unknown("no rows told"))))
        case UInt8(ascii: "Z"):
            while let item = expected.first {
                expected.removeFirst()
                switch item {
                case .exchange(let id, let toy):
                    events.append(.outcome(ByteBuffer(), of: id, Outcome(kind: .skipped, tag: toy.token)))
                case .substitute, .question: break
                case .refusal(let bytes): events.append(.pass(bytes))
                case .sync:
                    events.append(.pass(ByteBuffer(bytes: line)))
                    return passRefusals(into: &events)
                }
            }
            throw DialectFault(.target, "08P01", "a sync of nothing")
        default: throw DialectFault(.target, "08P01", "unknown line")
        }
        passRefusals(into: &events)
    }

    private mutating func passRefusals(into events: inout [TargetEvent]) {
        while case .refusal(let bytes)? = expected.first {
            expected.removeFirst()
            events.append(.pass(bytes))
        }
    }

    // MARK: - Decisions

    mutating func assess(_ command: Command, analysis: SQLAnalysis?) -> Assessment {
        let toy = texts[command.id]
        let text = Array((toy?.text ?? "").utf8)
        return Assessment(
            subject: CommandSubject(classes: [.select], text: text), classes: ["select"],
            content: [ContentItem(.text, text)],
            refusal: toy?.verdict == "f" ? Refusal(code: "0A000", message: "forbidden") : nil,
            isDecided: toy?.verdict == "d")
    }

    mutating func ask(_ question: TargetQuestion, about command: Command) -> Asking {
        guard let toy = texts[command.id], !segmentIsOpen, !isSkipping else {
            return .known(question.unknown("pipelined"))
        }
        guard expected.isEmpty else { return .wait }
        let text = "?rows \(toy.token) \(toy.verb)"
        return .send(ByteBuffer(string: "Q \(text)\n"), text: Array(text.utf8))
    }

    mutating func submit(_ item: Submission) -> ByteBuffer? {
        switch item {
        case .question(let bytes):
            expected.append(.question)
            return bytes
        case .command(let command):
            guard !isSkipping, let toy = texts[command.id] else {
                dropped.insert(command.id)
                return nil
            }
            if commandKinds[command.id] != UInt8(ascii: "C") { segmentIsOpen = true }
            expected.append(.exchange(command.id, toy))
            return command.bytes
        case .carry(let bytes, _):
            isSkipping = false
            segmentIsOpen = false
            expected.append(.sync)
            return bytes
        case .inputChunk(let bytes, let id):
            return dropped.contains(id) ? nil : bytes
        }
    }

    mutating func refuse(_ command: Command, _ refusal: Refusal) -> RefusalPlan {
        dropped.insert(command.id)
        guard !isSkipping else { return .drop }
        let token = texts[command.id]?.token ?? "?"
        let words = ByteBuffer(string: "R \(token) \(refusal.code)\n")
        let isPipelined = commandKinds[command.id] != UInt8(ascii: "C")
        if isPipelined { isSkipping = true }
        if isInTransaction || isPipelined && segmentIsOpen {
            let text = "!fail \(token)"
            expected.append(.substitute(words))
            return .substitute(ByteBuffer(string: "\(isPipelined ? "E" : "C") \(text)\n"), text: text)
        }
        if expected.isEmpty { return .reply(words) }
        expected.append(.refusal(words))
        return .drop
    }

    mutating func holdNotice(_ notice: HoldNotice) -> ByteBuffer? {
        isAtBoundary ? ByteBuffer(string: "H \(notice.approvalID)\n") : nil
    }

    mutating func abort(_ refusal: Refusal) -> ByteBuffer {
        isAtBoundary ? ByteBuffer(string: "A \(refusal.code)\n") : ByteBuffer()
    }

    mutating func farewell() -> ByteBuffer {
        ByteBuffer(string: "X\n")
    }
}
