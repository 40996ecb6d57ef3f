import AuditLedger
package import GatewayCore
package import Identity

/// Turns a session's entries and recorded bytes into its exchanges.
package enum Timeline {
    /// Where a page of exchanges begins: the exchange, and the sequence of its first entry.
    package struct Cursor: Sendable, Hashable, CustomStringConvertible {
        package var exchange: UInt64
        package var sequence: UInt64

        package static let start = Cursor(exchange: 0, sequence: 0)

        package var description: String { "\(exchange).\(sequence)" }

        package init(exchange: UInt64, sequence: UInt64) {
            self.exchange = exchange
            self.sequence = sequence
        }

        package init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let exchange = UInt64(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
            self.init(exchange: exchange, sequence: sequence)
        }
    }

    /// Recorded answer bytes shown of one exchange, and of one page.
    package static let answerLimit = 4 << 20
    static let pageLimit = 16 << 20
    private static let batch = 500
    /// An answer that goes over to another protocol.
    private static let switched = Array("HTTP/1.1 101 ".utf8)

    /// At most `limit` exchanges, in order, and where the next page begins.
    package static func read(
        _ trail: some Trail, session: RecordID, kind: String, from cursor: Cursor, limit: Int,
        answerLimit: Int = Timeline.answerLimit
    ) async throws -> (exchanges: [ExchangeView], next: Cursor?) {
        var builder = ExchangeBuilder(first: cursor.exchange, limit: limit)
        var sequence = cursor.sequence
        scan: while true {
            let entries = try await trail.entries(of: session, from: sequence, limit: batch)
            for entry in entries {
                guard let leaf = JSONReader.read(entry.leaf) else { continue }
                sequence = (leaf["seq"]?.whole ?? sequence) + 1
                builder.add(leaf, entry.content)
                if builder.isComplete { break scan }
            }
            if entries.count < batch { break }
        }
        var exchanges = builder.exchanges
        var left = max(pageLimit, answerLimit)
        for index in exchanges.indices {
            let columns = builder.columns[exchanges[index].exchange] ?? []
            try await addBytes(to: &exchanges[index], trail, session, kind, columns, left: &left, most: answerLimit)
        }
        return (exchanges, builder.next)
    }

    private static func addBytes(
        to exchange: inout ExchangeView, _ trail: some Trail, _ session: RecordID, _ kind: String, _ columns: [UInt8],
        left: inout Int, most: Int
    ) async throws {
        guard left > 0 else {
            exchange.answer = AnswerView(isTruncated: true)
            return
        }
        let limit = min(left, most)
        let (answer, isWhole) = try await trail.chunks(of: session, exchange: exchange.exchange, .answer, limit: limit)
        left -= answer.count
        if !answer.isEmpty {
            exchange.answer = trail.decode(kind: kind, columns: columns, answer: answer)
            if !isWhole { exchange.answer?.isTruncated = true }
        }
        if kind == "http", answer.starts(with: switched) {
            let (pieces, isWhole) = try await trail.conversation(
                of: session, exchange: exchange.exchange, limit: limit)
            let read = trail.messages(kind: kind, pieces: pieces)
            exchange.messages = read?.messages
            if !isWhole || read?.isWhole == false { exchange.answer?.isTruncated = true }
            guard exchange.messages == nil else { return }
        }
        let (input, _) = try await trail.chunks(of: session, exchange: exchange.exchange, .input, limit: 64 << 10)
        if !input.isEmpty { exchange.input = ContentText.show(input) }
    }

    static func sequence(of leaf: [UInt8]) -> UInt64? {
        JSONReader.read(leaf)?["seq"]?.whole
    }
}

/// Collects the entries of the exchanges `first` and later, at most `limit` of them.
struct ExchangeBuilder {
    let first: UInt64
    let limit: Int
    private var order: [UInt64] = []
    private var views: [UInt64: ExchangeView] = [:]
    private var unsettled = 0
    private(set) var next: Timeline.Cursor?
    /// What the columns of an exchange's answer are called, in its protocol's own form.
    private(set) var columns: [UInt64: [UInt8]] = [:]

    init(first: UInt64, limit: Int) {
        self.first = first
        self.limit = limit
    }

    var exchanges: [ExchangeView] { order.compactMap { views[$0] } }
    /// Nothing later can change the page.
    var isComplete: Bool { next != nil && unsettled == 0 }

    mutating func add(_ leaf: JSONValue, _ content: [ContentItem]) {
        guard let number = leaf["exchange"]?.whole, number >= first, number > 0 else { return }
        if views[number] == nil {
            guard order.count < limit else {
                if next == nil { next = Timeline.Cursor(exchange: number, sequence: leaf["seq"]?.whole ?? 0) }
                return
            }
            order.append(number)
            views[number] = ExchangeView(exchange: number, time: Self.time(leaf))
            unsettled += 1
        }
        if let bytes = content.first(where: { $0.kind == .columns })?.bytes { columns[number] = bytes }
        guard var view = views[number], let type = leaf["type"]?.string else { return }
        view.add(type, leaf, content, time: Self.time(leaf))
        views[number] = view
        if type == EntryType.commandOutcome.rawValue { unsettled -= 1 }
    }

    static func time(_ leaf: JSONValue) -> String {
        Timestamp(microseconds: leaf["time"]?.number.flatMap(Int64.init(exactly:)) ?? 0).description
    }
}

extension ExchangeView {
    mutating func add(_ type: String, _ leaf: JSONValue, _ content: [ContentItem], time: String) {
        steps.append(Step(type: type, time: time))
        func item(_ kind: ContentItem.Kind) -> String? {
            content.first { $0.kind == kind }.map { ContentText.show($0.bytes) }
        }
        if type == EntryType.commandSubstituted.rawValue {
            substituted = item(.text) ?? substituted
            return
        }
        text = item(.text) ?? text
        if let bytes = content.first(where: { $0.kind == .parameters })?.bytes {
            parameters = ContentText.parameters(bytes)
        }
        verb = leaf["verb"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? verb
        classes = leaf["classes"]?.strings ?? classes
        objects = leaf["objects"]?.strings ?? objects
        verdict = leaf["verdict"]?.string ?? verdict
        rules = leaf["rules"]?.strings ?? rules
        decidedBy = leaf["decided_by"]?.strings ?? decidedBy
        observed = leaf["observed"]?.strings ?? observed
        would = leaf["would"]?.string ?? would
        policy = leaf["policy"]?.string ?? policy
        if let text = leaf.value(at: ["details", "continues"])?.string { continues = UInt64(text) }
        unmasked = Self.list(leaf, "unmasked") ?? unmasked
        unmaskedBy = Self.list(leaf, "unmasked_by") ?? unmaskedBy
        addApproval(leaf, reason: item(.reason))
        if let notice = item(.notice) { refusal = notice }
        if let counts = leaf["counts"] {
            rows = counts["rows"]?.integer ?? rows
            bytesIn = counts["bytes_in"]?.integer ?? bytesIn
            bytesOut = counts["bytes_out"]?.integer ?? bytesOut
            durationMicros = counts["duration_us"]?.integer ?? durationMicros
            waitMicros = counts["wait_us"]?.integer ?? waitMicros
        }
        if let ended = leaf["outcome"], let kind = ended["kind"]?.string {
            outcome = Outcome(
                kind: kind, code: ended["code"]?.string, tag: ended["tag"]?.string, error: item(.errorText))
        }
    }

    private static func list(_ leaf: JSONValue, _ detail: String) -> [String]? {
        leaf.value(at: ["details", detail])?.string?.split(separator: ",").map(String.init)
    }

    private mutating func addApproval(_ leaf: JSONValue, reason: String?) {
        let id = leaf["approval"]?.string
        let approver = leaf["approver"].flatMap(PrincipalView.init)
        guard id != nil || approver != nil || reason != nil else { return }
        var known = approval ?? Approval()
        known.id = id ?? known.id
        known.approver = approver ?? known.approver
        known.reason = reason ?? known.reason
        approval = known
    }
}

extension PrincipalView {
    package init?(_ leaf: JSONValue) {
        guard let issuer = leaf["issuer"]?.string, let subject = leaf["subject"]?.string else { return nil }
        self.init(issuer: issuer, subject: subject, name: leaf["name"]?.string)
    }
}

/// Recorded content for people to read.
package enum ContentText {
    /// UTF-8 as it is; anything else as `base64:...`.
    package static func show(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self) ?? "base64url:" + Base64URL.encode(bytes)
    }

    /// Parameters are recorded as a JSON array of scalars, with `{"hex": ...}` for what is no text; other forms are
    /// shown as one text.
    package static func parameters(_ bytes: [UInt8]) -> [String?] {
        guard let values = JSONReader.read(bytes)?.array else { return [show(bytes)] }
        return values.map { value in
            switch value {
            case .null: nil
            case .string(let text): text
            default: value["hex"]?.string.map { "\\x" + $0 } ?? value.text
            }
        }
    }
}

extension JSONValue {
    package var whole: UInt64? { number.flatMap(UInt64.init(exactly:)) }
    package var integer: Int? { number.flatMap(Int.init(exactly:)) }
    package var strings: [String]? { array.map { $0.compactMap(\.string) } }
}
