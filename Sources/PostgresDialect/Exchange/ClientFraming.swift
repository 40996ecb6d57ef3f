import GatewayCore
import NIOCore
import SessionKernel

/// Turns whole client messages into events: which bytes are a command, which only belong to one.
///
/// Works in the client's order and ahead of any decision, so it goes by what the client sent, never by what was
/// answered.
struct ClientFraming {
    private struct Portal {
        var command: ExchangeID
        /// Its first Execute came.
        var isUsed = false
    }

    private var lastID: UInt64 = 0
    private var portals: [String: Portal] = [:]
    /// The command that CopyData belongs to.
    private var lastEffective: ExchangeID?
    /// Commands whose columns the client asks for itself.
    private var described: Set<ExchangeID> = []
    /// Numbers of the last commands before each Sync or Query.
    private(set) var boundaries: [UInt64] = []
    /// Commands whose bytes were too many to keep.
    private(set) var oversized: [ExchangeID: (type: UInt8, length: Int)] = [:]

    private mutating func nextID() -> ExchangeID {
        lastID += 1
        return ExchangeID(lastID)
    }

    mutating func copyData(_ bytes: ByteBuffer) -> ClientEvent? {
        lastEffective.map { .inputChunk(bytes, of: $0) }
    }

    mutating func oversized(_ type: UInt8, length: Int) -> ClientEvent {
        let id = nextID()
        if oversized.count < 1024 { oversized[id] = (type, length) }
        if type == FrontendType.query || type == FrontendType.functionCall { boundary() }
        return .command(
            Command(id: id, weight: type == FrontendType.parse ? .preparing : .effective, bytes: ByteBuffer()))
    }

    /// Whether the client asks for the columns of `id`, as far as its messages came.
    mutating func takeDescribed(_ id: ExchangeID) -> Bool {
        if described.isEmpty { return false }
        let isDescribed = described.contains(id)
        described = described.filter { $0 > id }
        return isDescribed
    }

    mutating func settledOversized(_ id: ExchangeID) { oversized[id] = nil }

    /// What separates `id` from commands before it: those up to the returned number were sent before the last Sync or
    /// Query.
    mutating func lastBoundary(before id: ExchangeID) -> UInt64 {
        let passed = boundaries.prefix { $0 < id.number }
        let last = passed.last ?? 0
        if passed.count > 1 { boundaries.removeFirst(passed.count - 1) }
        return last
    }

    private mutating func boundary() {
        if boundaries.last != lastID { boundaries.append(lastID) }
    }

    /// The first Execute belongs to the Bind's exchange while that cannot have ended yet.
    private func isExecutable(_ portal: Portal) -> Bool {
        !portal.isUsed && portal.command.number > boundaries.last ?? 0
    }

    /// - Returns: nil for a message that has no effect at all.
    mutating func event(_ type: UInt8, _ message: ByteBuffer, limit: Int) throws(DialectFault) -> ClientEvent? {
        switch type {
        case FrontendType.query:
            guard let query = QueryMessage(message) else { throw malformed("Query") }
            boundary()
            let id = nextID()
            lastEffective = id
            return .command(Command(id: id, text: query.text, bytes: message))
        case FrontendType.parse:
            guard let parse = ParseMessage(message) else { throw malformed("Parse") }
            return .command(Command(id: nextID(), weight: .preparing, text: parse.text, bytes: message))
        case FrontendType.bind:
            guard let names = BindMessage.names(message) else { throw malformed("Bind") }
            let id = nextID()
            lastEffective = id
            // Forgetting portals is safe: an Execute of one not known is judged by its name.
            if portals.count >= max(limit, 1) { portals.removeAll() }
            portals[names.portal] = Portal(command: id)
            return .command(Command(id: id, bytes: message))
        case FrontendType.execute:
            guard let execute = ExecuteMessage(message) else { throw malformed("Execute") }
            guard let portal = portals[execute.portal] else {
                let id = nextID()
                lastEffective = id
                return .command(Command(id: id, bytes: message))
            }
            guard !isExecutable(portal) else {
                portals[execute.portal]?.isUsed = true
                lastEffective = portal.command
                return .carry(message, of: portal.command)
            }
            let id = nextID()
            lastEffective = id
            return .command(Command(id: id, bytes: message, continues: portal.command))
        case FrontendType.describe:
            guard let target = NamedTarget(message) else { throw malformed("Describe") }
            let portal = target.kind == .portal ? portals[target.name] : nil
            let command = portal.flatMap { isExecutable($0) ? $0.command : nil }
            if let command, described.count < 1024 { described.insert(command) }
            return .carry(message, of: command)
        case FrontendType.close:
            guard let target = NamedTarget(message) else { throw malformed("Close") }
            if target.kind == .portal { portals[target.name] = nil }
            return .carry(message, of: nil)
        case FrontendType.functionCall:
            guard FunctionCallMessage(message) != nil else { throw malformed("FunctionCall") }
            boundary()
            let id = nextID()
            lastEffective = id
            return .command(Command(id: id, bytes: message))
        case FrontendType.sync:
            guard message.readableBytes == 5 else { throw malformed("Sync") }
            boundary()
            return .carry(message, of: nil)
        case FrontendType.flush, FrontendType.copyDone:
            guard message.readableBytes == 5 else { throw malformed(type == FrontendType.flush ? "Flush" : "CopyDone") }
            return .carry(message, of: type == FrontendType.copyDone ? lastEffective : nil)
        case FrontendType.copyFail:
            return .carry(message, of: lastEffective)
        case FrontendType.terminate:
            return .end
        default:
            throw malformed(FrontendDecoder.name(type))
        }
    }

    private func malformed(_ name: String) -> DialectFault {
        DialectFault(.client, "08P01", "The \(name) message is malformed.")
    }
}
