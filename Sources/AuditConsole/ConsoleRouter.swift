import Hummingbird
import Identity

/// All endpoints of DESIGN section 11 that this version has.
enum ConsoleRouter {
    static func make(_ services: ConsoleServices) -> Router<ConsoleContext> {
        let router = Router(context: ConsoleContext.self, options: .autoGenerateHeadEndpoints)
        let allowed = AllowedMethods()
        router.add(middleware: ErrorAnswers(allowed: allowed))
        let refusals = RefusedCalls()

        HealthRoutes(services: services).add(to: router)
        ApprovalPage(services: services).add(to: router)
        router.get("api/openapi.json") { _, _ in ConsoleJSON.response(bytes: Array(OpenAPIDocument.text.utf8)) }

        let api = router.group("api/v1")
            .add(
                middleware: BearerAuthentication(
                    services: services, audience: TokenVerifier.sessionAudience, refusals: refusals))
        let searches = SearchLog()
        SessionRoutes(services: services, searches: searches).add(to: api)
        SearchRoutes(services: services, log: searches).add(to: api)
        ApprovalRoutes(services: services).addReads(to: api)
        ApprovalRoutes(services: services).addWithdrawal(to: api)
        ApprovalRoutes(services: services).addAccessRequests(to: api)
        UnmaskRoutes(services: services).add(to: api)
        ConnectionRoutes(services: services).add(to: api)
        TicketRoutes(services: services).add(to: api)
        LockRoutes(services: services).add(to: api)
        ExportRoutes(services: services).add(to: api)
        ProofRoutes(services: services).add(to: api)
        ErasureRoutes(services: services).add(to: api)
        SinkRoutes(services: services).add(to: api)
        PolicyRoutes(services: services).add(to: api)

        let decisions = router.group("api/v1")
            .add(
                middleware: BearerAuthentication(
                    services: services, audience: TokenVerifier.approvalAudience, refusals: refusals))
        ApprovalRoutes(services: services).addDecisions(to: decisions)
        LedgerRoutes(services: services).add(to: router, api: api, refusals: refusals)
        allowed.learn(from: router)
        return router
    }
}
