import AuditLedger
import AuditStore
import GatewayCore
import Identity
import NIOCore
import SessionKernel

/// One session of the ledger that several client connections of one event loop share: the requests of one principal,
/// agent and run to one connection from one address, until it has been idle (DESIGN section 2).
///
/// It has the entries of the session's beginning and end; its members are the connections open now.
final class SharedSession {
    /// Whoever shares a session is the same in all that rules and records tell of.
    struct Key: Hashable {
        var issuer: String
        var subject: String
        var name: String?
        var groups: [String]
        var agent: AgentContext
        var connection: String
        var host: String
        var ticket: RecordID?
        var access: RecordID?
        /// Of a token that its issuer is asked about: only who shows the same one ends with it.
        var token: [UInt8]?
    }

    static let mostMembers = 1024
    /// How long it lasts without a client connection.
    private static let idleSeconds: Int64 = 300

    let key: Key
    let admitted: AdmittedSession
    let recorder: SessionRecorder
    /// For targets that speak HTTP/2: its requests share a connection.
    let target: HTTP2TargetConnection
    private let services: GatewayServices
    private let eventLoop: any EventLoop
    private var members: [ObjectIdentifier: SessionShell] = [:]
    private var lastNumber: UInt64 = 0
    private var closing: Scheduled<Void>?
    /// Why it ends, once it is told to; nobody joins any more.
    private(set) var ending: SessionEnd?
    private var isClosed = false
    private var onClose: (SharedSession) -> Void

    init(
        _ key: Key, _ admitted: AdmittedSession, _ services: GatewayServices, _ eventLoop: any EventLoop,
        onClose: @escaping (SharedSession) -> Void
    ) throws(GatewayError) {
        self.key = key
        self.admitted = admitted
        self.services = services
        self.eventLoop = eventLoop
        self.onClose = onClose
        target = HTTP2TargetConnection(eventLoop: eventLoop)
        recorder = try services.store.makeRecorder(admitted.context)
        var opening = EntryDraft(.sessionOpen)
        opening.approval = admitted.access
        _ = try recorder.append(opening)
    }

    var memberCount: Int { members.count }

    func takeNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    func join(_ shell: SessionShell) {
        closing?.cancel()
        closing = nil
        members[ObjectIdentifier(shell)] = shell
    }

    func leave(_ shell: SessionShell) {
        members[ObjectIdentifier(shell)] = nil
        guard members.isEmpty, !isClosed else { return }
        if let ending { return close(ending) }
        let session = NIOLoopBound(self, eventLoop: eventLoop)
        let seconds = min(admitted.life.idle, Self.idleSeconds)
        closing = eventLoop.scheduleTask(in: .seconds(seconds)) { session.value.close(.expired) }
    }

    /// An order to the session is one to every connection of it.
    func take(_ order: SessionOrder) {
        if case .abort(let reason, _) = order { ending = ending ?? reason }
        for member in members.values { member.take(order) }
        if members.isEmpty, let ending { close(ending) }
    }

    private func close(_ reason: SessionEnd) {
        guard !isClosed, members.isEmpty else { return }
        isClosed = true
        closing?.cancel()
        target.close()
        var draft = EntryDraft(.sessionClose)
        draft.reasonCode = reason.rawValue
        // A ledger that failed is told elsewhere; at the next start the session is sealed as interrupted.
        _ = try? recorder.append(draft)
        _ = try? recorder.flush()
        services.store.requestSync()
        services.sessions.remove(admitted.context.session)
        onClose(self)
    }
}
