import AuditLedger
import AuditStore
import Foundation
import GatewayCore
import Hummingbird
import Synchronization

/// Proofs that an entry is in the log, and that the log only grew; and the entry of a verification.
struct ProofRoutes {
    /// Bundles of 256 entries that are read around an id's time; an entry further off was recorded under another clock.
    private static let reach: UInt64 = 512
    /// The same for callers without a role, who may only ask for entries of their own sessions: those of a running
    /// gateway's clock.
    private static let ownReach: UInt64 = 8
    /// Searches at once: each reads and decodes files of the ledger.
    private static let mostSearches = 2

    let services: ConsoleServices
    private let searches = SearchPlaces(most: mostSearches)

    init(services: ConsoleServices) {
        self.services = services
    }

    func add(to group: RouterGroup<ConsoleContext>) {
        let (services, searches) = (self.services, self.searches)
        group.get("ledger/inclusion") { request, context in
            try request.allowOnly(["entry"])
            let caller = try context.requireCaller()
            guard let text = try request.parameter("entry"), let entry = EntryName(text) else {
                throw Problem.badRequest("entry must be an entry's id, or its index in the log.")
            }
            let proofs = try Self.proofs(services)
            let reach = caller.seesAll ? Self.reach : Self.ownReach
            let view = try await searches.run {
                try await Self.blocking { try InclusionView.make(entry, proofs, reach: reach) }
            }
            guard let view, try caller.seesAll || view.isBy(caller.principal) else {
                throw Problem(.notFound, "not_found", "There is no such entry in the log, or it is not yours.")
            }
            return ConsoleJSON.response(view)
        }
        // Checkpoint and hash tiles, which are for all, tell the same.
        group.get("ledger/consistency") { request, context in
            try request.allowOnly(["from", "to"])
            _ = try context.requireCaller()
            guard let old = try request.number("from") else {
                throw Problem.badRequest("from must be the size of an earlier tree.")
            }
            let new = try request.number("to")
            let proofs = try Self.proofs(services)
            return ConsoleJSON.response(
                try await Self.blocking { try ConsistencyView.make(from: old, to: new, proofs) })
        }
        group.post("ledger/verifications") { request, context in
            let caller = try context.requireCaller()
            guard caller.seesAll else { throw Problem.forbidden("This needs the role admin or auditor.") }
            let members = try await request.members()
            try members.allowOnly(["result"])
            var draft = EntryDraft(.recordViewed)
            draft.principal = caller.principal
            draft.clientAddress = context.address
            draft.details = ["view": "verification", "result": try members.requiredText("result")]
            try await services.append(draft)
            return Response(status: .noContent)
        }
    }

    private static func proofs(_ services: ConsoleServices) throws(Problem) -> LedgerProofs {
        guard let ledger = services.ledger else {
            throw Problem(.notFound, "not_found", "This gateway keeps no ledger.")
        }
        return LedgerProofs(ledger.folder)
    }

    /// Reads block, so they run on threads of their own.
    private static func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Swift.Result {
                        do {
                            return try body()
                        } catch is ProofFailure {
                            throw Problem.badRequest("from must not be larger than to.")
                        } catch let error as GatewayError where error.code == .notFound {
                            throw Problem(.notFound, "not_found", error.message)
                        }
                    })
            }
        }
    }

    private static let queue = DispatchQueue(label: "sallyport.console.proofs", attributes: .concurrent)
}

/// Lets a few through at once and turns the rest away, so that what is dear to answer cannot be piled up.
package final class SearchPlaces: Sendable {
    private let most: Int
    private let taken = Mutex(0)

    package init(most: Int) {
        self.most = most
    }

    /// Errors: `Problem.busy`, and those of `body`.
    package func run<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let isFree = taken.withLock { taken in
            guard taken < most else { return false }
            taken += 1
            return true
        }
        guard isFree else { throw Problem.busy("Enough proofs are being made now; try again in a second.") }
        defer { taken.withLock { $0 -= 1 } }
        return try await body()
    }
}
