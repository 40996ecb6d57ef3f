import AuditLedger
package import AuditStore
package import GatewayCore
import Identity

/// Reads a session's exchanges in the order they began, one at a time, however long the session is: what is held is little
/// more than the exchanges that were under way together. Blocks while it reads.
package struct ExchangeWalk {
    /// Exchanges that wait behind one that has not ended; past it those that have ended go first.
    private static let mostWaiting = 4096
    /// Texts that are kept until their exchange's turn: so many, each so long at most; the others are read again.
    private static let mostTexts = 64
    private static let longestText = 64 << 10

    private struct Waiting {
        var view: ExchangeView
        /// Of the entry that holds the command's text.
        var sequence: UInt64?
        var text: [UInt8]?
        var hasEnded = false
    }

    private let archive: AuditArchive
    private let session: RecordID
    private var waiting: [UInt64: Waiting] = [:]
    private var order: [UInt64] = []
    private var last: UInt64 = 0

    private init(_ archive: AuditArchive, _ session: RecordID) {
        self.archive = archive
        self.session = session
    }

    /// Calls `body` with each exchange, without its text and answer, and with the recorded bytes of its text: nil where
    /// there are none, or they are erased.
    package static func run(
        _ archive: AuditArchive, _ session: RecordID, _ body: (ExchangeView, _ text: [UInt8]?) throws -> Void
    ) throws {
        var walk = ExchangeWalk(archive, session)
        try archive.eachEntry(of: session) { entry in
            walk.add(entry)
            try walk.give(body)
        }
        try walk.give(all: true, body)
    }

    private mutating func add(_ entry: ArchivedEntry) {
        guard let leaf = JSONReader.read(entry.leaf), let type = leaf["type"]?.string,
            let number = leaf["exchange"]?.whole, number > 0
        else { return }
        let time = ExchangeBuilder.time(leaf)
        var one: Waiting
        if let known = waiting[number] {
            one = known
        } else {
            guard number > last else { return }
            last = number
            order.append(number)
            one = Waiting(view: ExchangeView(exchange: number, time: time))
        }
        one.view.add(type, leaf, entry.content.map { ContentItem($0.kind, $0.bytes) }, time: time)
        one.view.text = nil
        if one.sequence == nil, let text = entry.content.first(where: { $0.kind == .text }) {
            one.sequence = leaf["seq"]?.whole
            if text.bytes.count <= Self.longestText, waiting.count < Self.mostTexts { one.text = text.bytes }
        }
        one.hasEnded = one.hasEnded || leaf["outcome"] != nil
        waiting[number] = one
    }

    private mutating func give(all: Bool = false, _ body: (ExchangeView, [UInt8]?) throws -> Void) throws {
        let isCrowded = order.count > Self.mostWaiting
        guard all || isCrowded || order.first.flatMap({ waiting[$0] })?.hasEnded == true else { return }
        var kept: [UInt64] = []
        for (place, number) in order.enumerated() {
            guard let one = waiting[number] else { continue }
            guard all || one.hasEnded else {
                kept.append(number)
                if isCrowded { continue }
                kept += order[(place + 1)...]
                break
            }
            waiting[number] = nil
            try body(one.view, try one.text ?? text(at: one.sequence))
        }
        order = kept
    }

    private func text(at sequence: UInt64?) throws -> [UInt8]? {
        guard let sequence else { return nil }
        let entry = try archive.entries(of: session, from: sequence, limit: 1).first
        return entry?.content.first { $0.kind == .text }?.bytes
    }
}
