import AuditLedger
import GatewayCore
import Hummingbird
import Identity

/// A token exchanged for a short secret, for clients that cannot carry a token.
struct TicketRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.get("tickets") { request, context in
            try request.allowOnly([])
            let caller = try context.requireCaller()
            return ConsoleJSON.response(Page(items: services.tickets.list(of: caller.principal).map { TicketView($0) }))
        }
        group.post("tickets") { request, context in
            let caller = try context.requireCaller()
            let members = try await request.members()
            try members.allowOnly(["ttl", "use"])
            let use = Ticket.Use(rawValue: try members.text("use") ?? "many")
            let ttl = members["ttl"].map { $0.number.flatMap(Int64.init(exactly:)) } ?? 3600
            guard let use, let ttl else {
                throw Problem.badRequest("ttl must be whole seconds, and use must be once or many.")
            }
            let issued: IssuedTicket
            do throws(GatewayError) {
                issued = try services.tickets.issue(for: caller.identity, ttl: ttl, use: use)
            } catch {
                throw Problem(.unprocessableContent, error.code.description, error.message)
            }
            do {
                try await services.append(Self.draft("ticket.issued", issued.ticket, context, caller))
            } catch {
                // A ticket without its entry must not be.
                services.tickets.revoke(issued.ticket.id)
                throw error
            }
            return ConsoleJSON.response(TicketView(issued.ticket, secret: issued.secret), status: .created)
        }
        group.delete("tickets/{id}") { _, context in
            let caller = try context.requireCaller()
            let id = try context.recordID()
            // One already used can be revoked too: that ends the session it opened.
            guard let ticket = services.tickets.ticket(id), caller.isAdmin || ticket.principal == caller.principal
            else {
                throw Problem(.notFound, "not_found", "There is no such ticket, or it is not yours.")
            }
            try await services.append(Self.draft("ticket.revoked", ticket, context, caller))
            services.tickets.revoke(id)
            return Response(status: .noContent)
        }
    }

    private static func draft(_ type: String, _ ticket: Ticket, _ context: ConsoleContext, _ caller: Caller)
        -> EntryDraft
    {
        var draft = EntryDraft(EntryType(rawValue: type))
        draft.principal = caller.principal
        draft.agent = caller.identity.agent
        draft.clientAddress = context.address
        draft.details = [
            "ticket": ticket.id.description, "use": ticket.use.rawValue, "expires": ticket.expires.description,
        ]
        return draft
    }
}
