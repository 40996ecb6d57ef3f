import AuditLedger
import GatewayCore
import NIOCore
import SessionKernel

/// A ledger whose records become durable when the test says so, and what must hold of every sequence of records.
struct LedgerModel {
    struct Entry {
        var number: RecordNumber
        var draft: EntryDraft
    }

    private(set) var entries: [Entry] = []
    private(set) var last: RecordNumber = 0
    private(set) var durable: RecordNumber = 0
    private(set) var hasFailed = false
    /// Answer bytes as recorded, in order, with the record that each piece came with.
    private(set) var answers: [UInt8] = []
    private var answerEnds: [(number: RecordNumber, end: Int)] = []
    private var inputs: [String: RecordNumber] = [:]
    private var unsynced: [(number: RecordNumber, bytes: Int)] = []
    private(set) var unsyncedBytes = 0
    /// The entry that ended each exchange.
    private(set) var terminal: [UInt64: EntryType] = [:]
    private(set) var permission: [UInt64: RecordNumber] = [:]
    private(set) var exchangeOfText: [String: UInt64] = [:]
    private(set) var outcomeOfToken: [String: RecordNumber] = [:]
    private(set) var substitutes: [String: RecordNumber] = [:]
    private(set) var held: [UInt64: RecordNumber] = [:]
    /// Then what was held may be allowed without a grant.
    var policyHasChanged = false
    private(set) var isSessionClosed = false

    mutating func append(_ number: RecordNumber, _ draft: EntryDraft, _ violate: (String) -> Void) {
        take(number, violate)
        entries.append(Entry(number: number, draft: draft))
        if draft.type == .sessionClose { isSessionClosed = true }
        guard let exchange = draft.exchange else { return }
        if let text = draft.content.first(where: { $0.kind == .text }), draft.type != .commandSubstituted {
            exchangeOfText[String(decoding: text.bytes, as: UTF8.self)] = exchange
        }
        switch draft.type {
        case .commandSubstituted:
            if let text = draft.content.first { substitutes[String(decoding: text.bytes, as: UTF8.self)] = number }
            return
        case .commandAllowed, .commandGranted:
            permission[exchange] = number
            if draft.type == .commandAllowed, policyHasChanged { held[exchange] = nil }
        case .commandHeld: held[exchange] = number
        case .commandBlocked, .commandDenied, .commandExpired, .commandDeferred, .commandOutcome:
            if let earlier = terminal[exchange] {
                violate("exchange \(exchange) ended twice: \(earlier), \(draft.type)")
            }
            terminal[exchange] = draft.type
            if draft.type == .commandOutcome, let tag = draft.outcome?.tag { outcomeOfToken[tag] = number }
            if draft.type != .commandOutcome, draft.outcome?.kind != .blocked {
                violate("\(draft.type) without the outcome blocked")
            }
            return
        default: break
        }
        if terminal[exchange] != nil { violate("\(draft.type) of exchange \(exchange) after its end") }
    }

    mutating func append(
        _ number: RecordNumber, chunk bytes: ByteBuffer, of id: ExchangeID?, _ direction: ChunkDirection,
        _ violate: (String) -> Void
    ) {
        take(number, violate)
        unsynced.append((number, bytes.readableBytes))
        unsyncedBytes += bytes.readableBytes
        switch direction {
        case .answer:
            answers.append(contentsOf: bytes.readableBytesView)
            answerEnds.append((number, answers.count))
        case .input: inputs[String(buffer: bytes)] = number
        }
    }

    private mutating func take(_ number: RecordNumber, _ violate: (String) -> Void) {
        if number != last + 1 { violate("record \(number) after \(last)") }
        if isSessionClosed { violate("record \(number) behind the session's closing entry") }
        if hasFailed { violate("record \(number) after the ledger failed") }
        last = number
    }

    mutating func advance(to number: RecordNumber) {
        durable = max(durable, number)
        while let first = unsynced.first, first.number <= durable {
            unsyncedBytes -= first.bytes
            unsynced.removeFirst()
        }
    }

    mutating func fail() { hasFailed = true }

    /// Bytes of `answers` whose records are durable.
    var durableAnswerCount: Int { answerEnds.last { $0.number <= durable }?.end ?? 0 }

    func isDurable(_ number: RecordNumber?) -> Bool { number.map { $0 <= durable } ?? false }
    func inputRecord(_ line: String) -> RecordNumber? { inputs[line] }
}
