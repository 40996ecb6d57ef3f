import DataMasking
import DequeModule
import GatewayCore
import NIOCore
import SQLAnalysis
import SessionKernel

/// What the target will answer to one message that was forwarded.
struct Expectation {
    enum Kind: Equatable {
        case parse(statement: String)
        case bind(portal: String)
        /// `through`: the last command forwarded before it.
        case describeStatement(String, through: UInt64)
        /// `isOwn`: asked by the gateway, so the client must not see the answer.
        case describePortal(isOwn: Bool)
        case execute
        case close(NamedTarget)
        /// `through`: the last command forwarded before it.
        case sync(through: UInt64)
        case query
        case function
        /// No answer: the client ended its COPY data before the target's CopyInResponse was seen.
        case copyEnd
        /// A statement of the gateway's own that fails in place of a refused command.
        case refusedExtended(Refusal)
        case refusedQuery(Refusal)
        /// One ReadyForQuery, with all before it, of a question of the gateway's own.
        case own
    }

    var kind: Kind
    var id: ExchangeID?
}

/// What is known of an exchange that the target has not answered to the end.
struct OpenExchange {
    var meanings: [Meaning]
    var isQuery: Bool
    var resultFormats: [Int16] = []
    /// Its rows are of a cursor declared at this version of the schema, whose views may be others by now.
    var heldSince: UInt64?
    /// The prepared statement that a Bind names; nil for the unnamed one.
    var statement: String?
    /// Set by RowDescription (or a lookup for COPY); nil while unknown.
    var plan: MaskPlan?
    /// Types and formats of the columns that `plan` is for.
    var columns: [RowDescription.Column] = []
    var isDescribed = false
    var isNoData = false
    var copyOut: CopyRewriter?
    var copyPassesThrough = false
    /// Which of the statements of a Query is being answered.
    var statementIndex = 0
    var outcome = Outcome(kind: .success)
    var rows: Int?
    /// Why the client gets an error in place of the rest of this answer.
    var withheld: Refusal?
    /// Rows and lines of COPY data that were sent, and their bytes; counted where limits are.
    var sent = (rows: 0, bytes: 0)
    /// It was withheld from the middle on, and cancelled.
    var isCut = false
    /// Its time is over: what the client hears in place of the server's word that it was cancelled.
    var overdue: Refusal?
    /// The server has answered it to the end, which is told with the ReadyForQuery behind it.
    var hasEnded = false
    /// It ran behind a withheld answer, where the client expects everything to be skipped.
    var isUnheard = false
    /// A COPY whose data must not pass.
    var copyDenied: Refusal?
}

/// The order of answers, and the exchanges they belong to.
struct ExpectationQueue {
    var expected: Deque<Expectation> = []
    var open: [ExchangeID: OpenExchange] = [:]
    /// The last command that was forwarded.
    var last: UInt64 = 0
    /// An extended command failed: the server skips everything up to the next Sync.
    var skipsToSync = false

    /// The client got an error of the gateway's own: what the server answers up to the next ReadyForQuery is dropped.
    var isMuted = false
    /// Since the last ReadyForQuery an extended command has ended that may have changed something.
    var hasActed = false

    /// Exchanges that ended without words of their own; their outcomes follow the bytes at hand.
    var settled: [(id: ExchangeID, outcome: Outcome)] = []
    /// A COPY from the client that the server has begun and the client not ended.
    var copyingIn: ExchangeID?

    var isEmpty: Bool { expected.isEmpty }

    /// What is answered next.
    mutating func head() -> Expectation? {
        while let first = expected.first {
            guard first.kind == .copyEnd else { return first }
            expected.removeFirst()
        }
        return nil
    }

    /// The server copies in for the head: it ignores every Sync up to the end of the data.
    mutating func beginCopyIn(_ id: ExchangeID) {
        var index = expected.startIndex
        while index < expected.endIndex {
            switch expected[index].kind {
            case .copyEnd where expected[index].id == id: return
            case .sync: expected.remove(at: index)
            default: index += 1
            }
        }
        copyingIn = id
    }

    /// ReadyForQuery came.
    mutating func endStretch() {
        isMuted = false
        hasActed = false
    }

    mutating func append(_ kind: Expectation.Kind, _ id: ExchangeID? = nil) {
        expected.append(Expectation(kind: kind, id: id))
    }
}

/// Walks COPY data on its way to the target, so that what is dropped or forwarded is always whole messages.
struct CopyInTracker {
    private var remaining = 0
    private var dropsRest = false

    /// Whether the target has got a part of a message.
    var isInMessage: Bool { remaining > 0 && !dropsRest }

    /// The bytes of `chunk` that go on. A message begun is finished, whatever is decided since.
    mutating func filter(_ chunk: ByteBuffer, isWanted: Bool) -> ByteBuffer? {
        var walk = chunk
        var kept = ByteBuffer()
        var keptAll = true
        while walk.readableBytes > 0 {
            if remaining == 0 {
                guard let length = walk.getInteger(at: walk.readerIndex + 1, as: Int32.self), length >= 4 else {
                    return nil
                }
                remaining = Int(length) + 1
                dropsRest = !isWanted
            }
            let step = min(remaining, walk.readableBytes)
            remaining -= step
            guard var piece = walk.readSlice(length: step) else { return nil }
            if dropsRest { keptAll = false } else if !isWanted || !keptAll { kept.writeBuffer(&piece) }
            if isWanted, !dropsRest, keptAll, walk.readableBytes == 0 { return chunk }
        }
        return kept.readableBytes > 0 ? kept : nil
    }
}
