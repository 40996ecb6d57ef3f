import Foundation
import GatewayConfiguration
import GatewayCore
package import Hummingbird
import Identity
import NIOCore

/// Who calls, with the roles that the configuration gives them.
struct Caller: Sendable {
    var identity: VerifiedIdentity
    var isAdmin: Bool
    var isAuditor: Bool
    var isApprover: Bool

    init(_ identity: VerifiedIdentity, roles: RolesConfiguration) {
        self.identity = identity
        // A role is a person's: an agent acting for an administrator is none, nor is a program, and only some issuers vouch for people.
        let mayHold =
            identity.principal.isPersonIssuer && identity.agent.agent == nil && identity.agent.onBehalfOf == nil
            && !identity.isMachine
        isAdmin = mayHold && roles.admin.allows(identity.principal)
        isAuditor = mayHold && roles.auditor.allows(identity.principal)
        isApprover = mayHold && roles.approver.allows(identity.principal)
    }

    /// Whoever holds the data folder: sees everything, as its files already allow, and may set locks.
    init(operator identity: VerifiedIdentity) {
        self.identity = identity
        isAdmin = true
        isAuditor = true
        isApprover = true
    }

    var principal: Principal { identity.principal }
    var seesAll: Bool { isAdmin || isAuditor }

    func requireAdmin() throws(Problem) {
        guard isAdmin else { throw .forbidden("This needs the role admin.") }
    }
}

/// What a request carries through the router.
package struct ConsoleContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let address: String
    var caller: Caller?

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        // On the operator's socket there is no address.
        address =
            source.channel.localAddress?.pathname == nil ? source.channel.remoteAddress.map(Self.text) ?? "" : "local"
    }

    private static func text(_ address: SocketAddress) -> String {
        guard let ip = address.ipAddress, let port = address.port else { return "" }
        return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }

    /// Set by the authentication in front of every route that asks for it.
    func requireCaller() throws(Problem) -> Caller {
        guard let caller else {
            throw Problem(.unauthorized, "unauthorized", "Send a token: Authorization: Bearer TOKEN.")
        }
        return caller
    }
}

/// Lets in whoever proves an identity at the door named `audience`.
struct BearerAuthentication: RouterMiddleware {
    /// Tokens for the command line on the gateway's own machine: of the embedded issuer only, never good for decisions.
    static let operatorAudience = "sallyport:operator"

    let services: ConsoleServices
    let audience: String
    let refusals: RefusedCalls

    func handle(
        _ request: Request, context: ConsoleContext, next: (Request, ConsoleContext) async throws -> Response
    ) async throws -> Response {
        let token = try Self.token(of: request)
        var context = context
        context.caller = try await caller(token, address: context.address)
        return try await next(request, context)
    }

    static func token(of request: Request) throws(Problem) -> String {
        let fields = request.headers[values: .authorization]
        guard fields.count == 1, let field = fields.first else {
            throw Problem(.unauthorized, "unauthorized", "Send one token: Authorization: Bearer TOKEN.")
        }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].contains(" ") else {
            throw Problem(.unauthorized, "unauthorized", "The authorization must be: Bearer TOKEN.")
        }
        return String(parts[1])
    }

    private func caller(_ token: String, address: String) async throws -> Caller {
        let check = await services.verifier.check(token, audience: audience)
        if case .accepted(let identity) = check {
            try refuseLocked(identity)
            return Caller(identity, roles: services.roles)
        }
        if audience == TokenVerifier.sessionAudience,
            case .accepted(let identity) = await services.verifier.check(token, audience: Self.operatorAudience),
            identity.principal.issuer == EmbeddedIssuer.defaultURL
        {
            return Caller(operator: identity)
        }
        guard case .refused(let error, let claimed) = check else { throw Problem.notFound }
        await refusals.record(error, claimed: claimed, address: address, append: services.append)
        throw Problem(.unauthorized, error.code.description, error.message)
    }

    private func refuseLocked(_ identity: VerifiedIdentity) throws(Problem) {
        guard let lock = services.locks.match(identity, connection: nil) else { return }
        throw Problem(.forbidden, "locked", "Access is locked: \(lock.reason)")
    }
}
