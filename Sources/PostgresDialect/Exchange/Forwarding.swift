import DataMasking
import GatewayCore
package import NIOCore
import SQLAnalysis
package import SessionKernel

extension PostgresDialect {
    /// The text of the gateway's own statement: a syntax error in every state, so the server itself fails the
    /// transaction.
    package static let refusalText = "sallyport refused this command"

    package mutating func submit(_ item: Submission) -> ByteBuffer? {
        switch item {
        case .command(let command): submit(command)
        case .carry(let bytes, let id): submitCarry(bytes, id)
        case .inputChunk(let bytes, let id):
            copyIn.filter(bytes, isWanted: !dropsUntilSync && queue.open[id] != nil)
        case .question(let bytes): submit(question: bytes)
        }
    }

    private mutating func takeNote(_ command: Command) -> CommandNote? {
        while let note = notes.first, note.id <= command.id {
            notes.removeFirst()
            if note.id == command.id { return note }
        }
        return nil
    }

    private mutating func submit(_ command: Command) -> ByteBuffer? {
        // Without an assessment nothing is known of it, so nothing of it passes.
        guard let note = takeNote(command) else { return nil }
        guard !dropsUntilSync else {
            withhold(note)
            return nil
        }
        queue.last = command.id.number
        var exchange = OpenExchange(meanings: note.meanings, isQuery: false, resultFormats: note.resultFormats)
        exchange.heldSince = note.heldSince
        noteChanges(note)
        var bytes = command.bytes
        switch note.kind {
        case .query:
            exchange.isQuery = true
            noteTransaction(note.meanings)
            queue.append(.query, command.id)
        case .functionCall:
            exchange.isQuery = true
            queue.append(.function, command.id)
        case .parse(let statement):
            isUnsynced = true
            queue.append(.parse(statement: statement), command.id)
        case .bind(let portal, let statement):
            exchange.statement = statement.isEmpty ? nil : statement
            isUnsynced = true
            queue.append(.bind(portal: portal), command.id)
        case .execute(let portal):
            isUnsynced = true
            bytes = describing(portal, &exchange, command.id, bytes)
            noteTransaction(note.meanings)
            queue.append(.execute, command.id)
        case .oversized:
            return nil
        }
        queue.open[command.id] = exchange
        return bytes
    }

    /// Puts a Describe of the gateway's own before an Execute whose columns nobody asked for: rows must not come
    /// unknown.
    private mutating func describing(
        _ portal: String, _ exchange: inout OpenExchange, _ id: ExchangeID, _ execute: ByteBuffer
    ) -> ByteBuffer {
        // What was agreed to show may have ended since the client asked for the columns.
        let isPlanned = exchange.isDescribed && exchange.plan?.shown.isEmpty ?? true
        guard hasMasks, !isPlanned else { return execute }
        exchange.isDescribed = true
        queue.append(.describePortal(isOwn: true), id)
        var bytes = NamedTarget.encoded(FrontendType.describe, .portal, portal)
        bytes.writeImmutableBuffer(execute)
        return bytes
    }

    private mutating func submitCarry(_ bytes: ByteBuffer, _ id: ExchangeID?) -> ByteBuffer? {
        let type = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self)
        if type == FrontendType.sync {
            // While it copies in, the server ignores Sync.
            if let id = queue.copyingIn, queue.open[id] != nil, !dropsUntilSync { return nil }
            dropsUntilSync = false
            isUnsynced = false
            queue.append(.sync(through: queue.last))
            return bytes
        }
        if dropsUntilSync { return nil }
        switch type {
        case FrontendType.describe:
            guard let target = NamedTarget(bytes) else { return nil }
            isUnsynced = true
            if target.kind == .statement {
                queue.append(.describeStatement(target.name, through: queue.last))
            } else {
                if let id { queue.open[id]?.isDescribed = true }
                queue.append(.describePortal(isOwn: false), id)
            }
        case FrontendType.execute:
            guard let id, let execute = ExecuteMessage(bytes) else { return nil }
            guard var exchange = queue.open[id] else {
                // Its Bind failed or was skipped, and so will this be; the server says so itself.
                guard queue.skipsToSync else { return nil }
                return bytes
            }
            isUnsynced = true
            queue.open[id] = nil
            let all = describing(execute.portal, &exchange, id, bytes)
            queue.open[id] = exchange
            noteTransaction(exchange.meanings)
            queue.append(.execute, id)
            return all
        case FrontendType.close:
            guard let target = NamedTarget(bytes) else { return nil }
            isUnsynced = true
            queue.append(.close(target), ExchangeID(queue.last))
        case FrontendType.copyDone, FrontendType.copyFail:
            guard let id, queue.open[id] != nil else { return nil }
            if queue.copyingIn == id { queue.copyingIn = nil } else { queue.append(.copyEnd, id) }
        default:
            break
        }
        return bytes
    }

    /// What a forwarded command changes for the commands behind it.
    private mutating func noteChanges(_ note: CommandNote) {
        if !leansOnSession, note.meanings.contains(where: { $0.effects.changesMeaning }) { leansOnSession = true }
        if !builtInsAreHidden, note.meanings.contains(where: { $0.effects.hidesBuiltIns }) { loseBuiltIns() }
        guard hasMasks else { return }
        for effects in note.meanings.lazy.map(\.effects) {
            if effects.changesCatalogue { forgetSchema() }
            if effects.changesViews { viewsChangedBy = note.id.number }
            if effects.makesTemporaries {
                hasTemporaries = true
                namesAreUnsure = true
            }
            if effects.changesNames {
                namesAreUnsure = true
                relations.forget()
                // Only a server that reports it (18 and later) lets it be known again.
                searchPath = nil
            }
        }
    }

    /// From now on a name without a schema may be anybody's function; a session does not come back from that, since a
    /// rollback may bring the path back too.
    mutating func loseBuiltIns() {
        builtInsAreHidden = true
        executions.forget()
    }

    mutating func forgetSchema() {
        schemaEpoch += 1
        origins.forget()
        relations.forget()
    }

    // MARK: - Refusals

    /// What a Parse was to make is not there.
    private func withhold(_ note: CommandNote) {
        if case .parse = note.kind { for meaning in note.meanings { meaning.isWithheld = true } }
    }

    package mutating func refuse(_ command: Command, _ refusal: Refusal) -> RefusalPlan {
        let note = takeNote(command)
        if let note { withhold(note) }
        let type = type(of: command, note)
        framing.settledOversized(command.id)
        if dropsUntilSync { return .drop }
        switch type {
        case FrontendType.query, FrontendType.functionCall:
            if let plan = refuseGently(query: refusal) { return plan }
            if queue.isEmpty, !isUnsynced, status != .inTransaction { return .reply(answer(refusal)) }
            queue.append(.refusedQuery(refusal))
            isUnsynced = false
            return .substitute(QueryMessage.encoded(Self.refusalText.utf8), text: Self.refusalText)
        default:
            if let plan = refuseGently(extended: refusal) { return plan }
            dropsUntilSync = true
            isUnsynced = true
            refusalCount &+= 1
            queue.append(.refusedExtended(refusal))
            let name = "sallyport_refused_\(refusalCount)"
            return .substitute(
                ParseMessage.encoded(statement: name, text: Self.refusalText.utf8), text: Self.refusalText)
        }
    }

    private func type(of command: Command, _ note: CommandNote?) -> UInt8? {
        if case .oversized(let type) = note?.kind { return type }
        if let type = framing.oversized[command.id]?.type { return type }
        return command.bytes.getInteger(at: command.bytes.readerIndex, as: UInt8.self)
    }
}
