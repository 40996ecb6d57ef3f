import AccessPolicy
import AuditConsole
import AuditLedger
import AuditStore
import Foundation
import FoundationNetworking
import GatewayConfiguration
import GatewayCore
import Identity
import Logging
import Synchronization
import Testing

/// A console on a free port with an embedded issuer of its own, an approval desk and a record in memory.
final class TestConsole: Sendable {
    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: Data

        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
        var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    let issuer: EmbeddedIssuer
    let desk = ApprovalDesk()
    let locks = LockRegistry()
    let tickets = TicketStore()
    let trail: FixtureTrail
    private let ledger: LedgerKeeper?
    let appended = Mutex<[EntryDraft]>([])
    let problems = Mutex<[String]>([])
    let ended = Mutex<[RecordID]>([])
    let erased = Mutex<[RecordID]>([])
    let failsToAppend = Mutex(false)
    private let port = Mutex(0)
    private let folder: String

    static let ada = Principal(issuer: EmbeddedIssuer.defaultURL, subject: "ada", groups: [], isPersonIssuer: true)
    static let bob = Principal(issuer: EmbeddedIssuer.defaultURL, subject: "bob", groups: [], isPersonIssuer: true)

    private init(sessions: [FixtureTrail.Recorded], ledger: LedgerKeeper?) throws {
        self.ledger = ledger
        folder = NSTemporaryDirectory() + "console-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        issuer = try EmbeddedIssuer(dataFolder: folder)
        trail = FixtureTrail(sessions: sessions)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs `body` against a console that serves `sessions`, newest first.
    static func with(
        _ sessions: [FixtureTrail.Recorded] = [], ledger: LedgerKeeper? = nil,
        _ body: @escaping @Sendable (TestConsole) async throws -> Void
    ) async throws {
        let console = try TestConsole(sessions: sessions, ledger: ledger)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let server = try ConsoleServer(
            console.services, at: Endpoint(host: "127.0.0.1", port: 0), certificate: nil,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { continuation.yield($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            console.port.withLock { $0 = port }
            group.addTask { try await body(console) }
            // The body ends first; the server is stopped by cancelling.
            try await group.next()
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
        }
    }

    private var services: ConsoleServices {
        var roles = RolesConfiguration()
        roles.admin = AccessList(groups: ["platform"])
        roles.auditor = AccessList(groups: ["security"])
        roles.approver = AccessList(groups: ["approvers"])
        var services = ConsoleServices(
            verifier: TokenVerifier(issuers: [(issuer.configuration, issuer.keys)]), tickets: tickets, locks: locks,
            roles: roles,
            connections: [
                ConnectionConfiguration(
                    name: "orders", kind: "postgres",
                    target: TargetConfiguration(host: "127.0.0.1", port: 5432, database: "orders", tls: .prefer),
                    credential: CredentialConfiguration(username: "app", password: nil)),
                Self.onRequest,
            ], trail: trail, unreadiness: { self.problems.withLock { $0 } },
            metrics: {
                [
                    .init("sallyport_test_total", "A \\ help\nwith a line.", .counter, 3),
                    .init("sallyport_ratio", "Ratio.", .gauge, 0.5),
                ]
            },
            append: { try self.append($0) },
            setLock: { target, reason, author in
                try self.append(EntryDraft(.lockSet))
                let lock = Lock(
                    id: RecordID(at: .wall()), target: target, reason: reason, author: author.subject, since: .wall())
                self.locks.add(lock)
                return (lock, 3)
            },
            releaseLock: { id, _ in self.locks.remove(id) != nil },
            approvals: { self.desk.list() },
            approve: { try self.desk.approve($0, by: $1, reason: $2, now: .wall()) },
            deny: { try self.desk.deny($0, by: $1, reason: $2, now: .wall()) },
            endSession: { id, _ in
                self.ended.withLock { $0.append(id) }
                return self.trail.sessions.contains { $0.view.id == id.description && $0.view.state == "open" }
            },
            erase: { ids, draft in
                for id in ids {
                    guard let found = self.trail.sessions.first(where: { $0.view.id == id.description }) else {
                        throw GatewayError(GatewayError.Code("not_found"), "There is no session \(id).")
                    }
                    if found.view.state == "open" {
                        throw GatewayError(GatewayError.Code("session_open"), "Session \(id) is open.")
                    }
                }
                try self.append(draft)
                self.erased.withLock { $0 += ids }
            })
        services.ledger = ledger
        services.consoleURL = "https://gw.example.com"
        services.withdraw = { id, _, _ in try self.desk.withdraw(id, now: .wall()) }
        services.requestAccess = { connection, seconds, identity, reason, _ in
            guard let rule = connection.accessRequest else { throw ApprovalError.unknown }
            return try self.desk.request(
                id: RecordID(at: .wall()),
                .init(
                    requester: identity.principal, agent: identity.agent, session: nil, connection: connection.name,
                    text: "access", message: reason, terms: rule.terms, digest: [1],
                    access: min(seconds ?? rule.seconds, rule.seconds)),
                now: .wall())
        }
        return services
    }

    /// A connection that developers may ask for.
    private static var onRequest: ConnectionConfiguration {
        var connection = ConnectionConfiguration(
            name: "closed", kind: "postgres",
            target: TargetConfiguration(host: "127.0.0.1", port: 5432, database: "closed", tls: .prefer),
            credential: CredentialConfiguration(username: "app", password: nil))
        connection.access = AccessList(groups: ["nobody"])
        connection.accessRequest = AccessRequestConfiguration(
            who: AccessList(groups: ["devs"]), terms: HoldTerms(groups: ["leads"]), seconds: 3600)
        return connection
    }

    private func append(_ draft: EntryDraft) throws {
        if failsToAppend.withLock({ $0 }) { throw GatewayError(GatewayError.Code("log.failed"), "The log has failed.") }
        appended.withLock { $0.append(draft) }
    }

    var types: [String] { appended.withLock { $0.map(\.type.rawValue) } }

    func token(_ subject: String, _ groups: [String] = [], audience: String = "sallyport", agent: String? = nil)
        -> String
    {
        do {
            return try issuer.mint(.init(subject: subject, groups: groups, agent: agent, audience: audience))
        } catch {
            Issue.record(error)
            return ""
        }
    }

    func hold(
        by requester: Principal, groups: [String] = ["dba"], onBehalfOf: String? = nil, parameters: String = "",
        prepared: [String] = []
    ) throws -> RecordID {
        let id = RecordID(at: .wall())
        try desk.request(
            id: id,
            .init(
                requester: requester, agent: AgentContext(onBehalfOf: onBehalfOf), session: RecordID(at: .wall()),
                connection: "orders",
                text: "DELETE FROM orders WHERE id = 7", parameters: Array(parameters.utf8), prepared: prepared,
                terms: HoldTerms(groups: groups), digest: [1]),
            now: .wall())
        return id
    }

    func send(
        _ method: String, _ path: String, token: String? = nil, body: Data? = nil, type: String? = "application/json"
    ) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port.withLock { $0 })\(path)")))
        request.httpMethod = method
        request.httpBody = body
        if let token { request.setValue("Bearer " + token, forHTTPHeaderField: "Authorization") }
        if body != nil, let type { request.setValue(type, forHTTPHeaderField: "Content-Type") }
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        var headers: [String: String] = [:]
        for (name, value) in http.allHeaderFields { headers["\(name)".lowercased()] = "\(value)" }
        return Answer(status: http.statusCode, headers: headers, body: data)
    }

    func get(_ path: String, _ token: String? = nil) async throws -> Answer {
        try await send("GET", path, token: token)
    }

    func post(_ path: String, _ token: String?, _ body: String = "{}") async throws -> Answer {
        try await send("POST", path, token: token, body: Data(body.utf8))
    }
}
