import AuditLedger
import GatewayCore
import Hummingbird

/// An export is written by the command line from the data folder itself, too large for the API; what the API does is to
/// make its entry, for auditors and whoever holds the folder.
struct ExportRoutes {
    let services: ConsoleServices

    func add(to group: RouterGroup<ConsoleContext>) {
        let services = self.services
        group.post("exports") { request, context in
            let caller = try context.requireCaller()
            guard caller.seesAll else { throw Problem.forbidden("This needs the role admin or auditor.") }
            let members = try await request.members()
            try members.allowOnly(["session"])
            var draft = EntryDraft(.recordViewed)
            draft.principal = caller.principal
            draft.clientAddress = context.address
            draft.details["view"] = "export"
            if let text = try members.text("session") {
                guard let id = RecordID(text), try await services.trail.session(id) != nil else {
                    throw Problem.noSession
                }
                draft.aboutSession = id
            }
            try await services.append(draft)
            return Response(status: .noContent)
        }
    }
}
