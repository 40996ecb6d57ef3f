package import AccessPolicy
import GatewayCore
import NIOCore
package import SessionKernel

/// Questions of the gateway's own in the client's session: asked while the server is idle, so that names, rights and the
/// transaction's snapshot are those of the command that waits, and answered without the client seeing anything of it.
extension PostgresDialect {
    package mutating func ask(_ question: TargetQuestion, about command: Command) -> Asking {
        guard let note = notes.last, note.id == command.id else {
            return .known(question.unknown("nothing is known of it"))
        }
        if isUnsynced || dropsUntilSync { return .known(question.unknown("it comes behind others in a pipeline")) }
        guard queue.isEmpty else { return .wait }
        guard status != .failed else { return .known(question.unknown("the transaction has failed")) }
        switch question {
        case .searchPath: return askForPath()
        case .rows: return askForRows(note)
        }
    }

    mutating func submit(question bytes: ByteBuffer) -> ByteBuffer? {
        guard let asked else { return nil }
        for _ in 0..<asked.answers { queue.append(.own) }
        return bytes
    }

    /// A message of the server that answers the question; nil when it is another's.
    mutating func ownAnswer(
        _ header: MessageHeader, _ run: inout OutputRun, _ events: inout [TargetEvent]
    ) throws(DialectFault) -> Bool? {
        guard asked != nil, case .own? = queue.head()?.kind, Self.answersOwn.contains(header.type) else { return nil }
        guard header.total <= Self.smallMessageLimit else {
            guard header.type == BackendType.dataRow else { throw unexpected(header.type, "of \(header.total) bytes") }
            asked?.fail("the plan is too large")
            stream = .drop(remaining: header.total)
            return true
        }
        guard run.source.readableBytes >= header.total,
            let message = run.source.getSlice(at: run.source.readerIndex, length: header.total)
        else { return false }
        switch header.type {
        case BackendType.error:
            guard let fields = ErrorFields(message) else { throw malformed(header.type) }
            if fields.isFatal { return nil }
            asked?.fail("the server says \(fields.code ?? "no") to EXPLAIN")
        case BackendType.dataRow:
            asked?.take(row: message)
        case BackendType.readyForQuery:
            guard let new = TransactionStatus(message) else { throw malformed(header.type) }
            status = new
            queue.expected.removeFirst()
            if case .own? = queue.head()?.kind { break }
            run.drop(header.total)
            run.flush(into: &events)
            settleQuestion(&events)
            return true
        default:
            break
        }
        run.drop(header.total)
        return true
    }

    private static let answersOwn: Set<UInt8> = [
        BackendType.error, BackendType.dataRow, BackendType.readyForQuery, BackendType.parseComplete,
        BackendType.bindComplete, BackendType.closeComplete, BackendType.commandComplete, BackendType.notice,
        BackendType.noData, BackendType.rowDescription,
    ]

    private mutating func settleQuestion(_ events: inout [TargetEvent]) {
        guard let asked else { return }
        self.asked = nil
        switch asked.subject {
        case .rows(let meaning):
            let estimate: RowEstimate =
                asked.failure.map { .unknown($0) }
                ?? asked.value.flatMap { value in value.withUnsafeReadableBytes { PlanRows.read($0) } }.map {
                    .rows($0)
                }
                ?? .unknown("the server's plan cannot be read")
            meaning.estimate = estimate
            events.append(.answered(.rows(estimate)))
        case .searchPath:
            if asked.failure == nil, let value = asked.value { learnPath(String(buffer: value)) }
            events.append(.answered(.searchPath(pathIsLost ? .unknown : namesPath ?? .unknown)))
        }
    }
}

/// What the server was, or is to be, asked.
struct AskedQuestion {
    enum Subject {
        case searchPath
        /// Of the statement.
        case rows(Meaning)
    }

    let subject: Subject
    /// ReadyForQuery messages that its answer ends with, all in all.
    let answers: Int
    /// The first column of the one row that answers it.
    private(set) var value: ByteBuffer?
    private(set) var failure: String?

    init(_ subject: Subject, answers: Int) {
        self.subject = subject
        self.answers = answers
    }

    mutating func fail(_ why: String) { failure = failure ?? why }

    mutating func take(row message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard value == nil, body.readInteger(as: UInt16.self) == 1, let length = body.readInteger(as: Int32.self),
            length >= 0, let value = body.readSlice(length: Int(length))
        else { return fail("the server's answer cannot be read") }
        self.value = value
    }
}
