package import AuditLedger
import AuditStore
import GatewayCore
import Hummingbird
import Identity
import Synchronization

/// The Merkle log as C2SP tlog-tiles serves it. Checkpoint and hash tiles hold nothing about anybody and are for all;
/// entry bundles are for auditors. Only what the published checkpoint covers is served.
struct LedgerRoutes {
    /// What covered tiles hold never changes.
    private static let forever = "max-age=31536000, immutable"

    let services: ConsoleServices

    func add(to router: Router<ConsoleContext>, api: RouterGroup<ConsoleContext>, refusals: RefusedCalls) {
        let services = self.services
        router.get("ledger/checkpoint") { request, _ in
            try request.allowOnly([])
            guard let published = try Self.ledger(services).published else { throw Problem.noLedger }
            var response = ConsoleJSON.response(bytes: published.note.bytes, type: "text/plain; charset=utf-8")
            response.headers[.cacheControl] = "no-cache"
            return response
        }
        router.get("ledger/tile/{level}/**") { request, _ in
            try Self.tile(request, services, isForAll: true)
        }
        let views = LedgerViews()
        router.group("ledger/tile/entries")
            .add(
                middleware: BearerAuthentication(
                    services: services, audience: TokenVerifier.sessionAudience, refusals: refusals)
            )
            .get("**") { request, context in
                let caller = try context.requireCaller()
                guard caller.seesAll else { throw Problem.forbidden("This needs the role admin or auditor.") }
                let response = try Self.tile(request, services, isForAll: false)
                if views.isNew(caller.principal, at: .wall()) {
                    var draft = EntryDraft(.recordViewed)
                    draft.principal = caller.principal
                    draft.clientAddress = context.address
                    draft.details["view"] = "ledger"
                    try await services.append(draft)
                }
                return response
            }
        api.get("ledger/key") { request, context in
            try request.allowOnly([])
            _ = try context.requireCaller()
            return ConsoleJSON.response(LedgerKeyView(try Self.ledger(services).verifierKey))
        }
    }

    private static func ledger(_ services: ConsoleServices) throws(Problem) -> LedgerKeeper {
        guard let ledger = services.ledger else { throw .noLedger }
        return ledger
    }

    private static func tile(_ request: Request, _ services: ConsoleServices, isForAll: Bool) throws -> Response {
        try request.allowOnly([])
        let path = request.uri.path
        // One spelling for each resource; nothing of the path reaches the file system but through the coordinate.
        guard path.hasPrefix("/ledger/"),
            let coordinate = TileCoordinate(path: String(path.dropFirst("/ledger/".count))),
            (coordinate.kind == .entries) != isForAll
        else { throw Problem.notFound }
        let ledger = try ledger(services)
        guard let size = ledger.published?.head.size, coordinate.isCovered(byTreeOf: size) else {
            throw Problem.notFound
        }
        var response = ConsoleJSON.response(
            bytes: try ledger.folder.bytes(of: coordinate), type: "application/octet-stream")
        response.headers[.cacheControl] = (isForAll ? "public, " : "private, ") + forever
        return response
    }
}

extension Problem {
    fileprivate static let noLedger = Problem(.notFound, "not_found", "No checkpoint is published yet.")
}

/// What `sallyport audit key` shows.
package struct LedgerKeyView: Codable, Sendable {
    package var origin: String
    package var key: String

    package init(_ key: NoteVerifierKey) {
        origin = key.name
        self.key = key.text
    }
}

/// Who has read entry bundles lately. An entry for each bundle would make the next one, and so on for ever, for whoever
/// follows the log; one for each ten minutes of reading tells as much.
private final class LedgerViews: Sendable {
    private static let period: Int64 = 600_000_000
    private static let most = 1024

    private let seen = Mutex<[Principal: Int64]>([:])

    func isNew(_ principal: Principal, at now: Timestamp) -> Bool {
        seen.withLock { seen in
            if let last = seen[principal], now.microseconds >= last, now.microseconds - last < Self.period {
                return false
            }
            if seen.count >= Self.most { seen.removeAll() }
            seen[principal] = now.microseconds
            return true
        }
    }
}
