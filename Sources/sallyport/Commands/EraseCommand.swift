import ArgumentParser
import AuditConsole
import AuditLedger
import AuditStore
import GatewayConfiguration
import GatewayCore
import Identity

extension Audit {
    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Destroy the content of closed sessions for good; the ledger still verifies.",
            discussion:
                "Done by the running gateway; where none runs, in the data folder, as the user that owns it. Each erased session leaves an entry with the reason."
        )

        /// Sessions looked up at once.
        private static let page = 500

        @OptionGroup var source: SourceOptions
        @Option(help: "Only this session.") var session: String?
        @Option(help: "All closed sessions of this subject.") var principal: String?
        @Option(help: "The principal's issuer (default: any).") var issuer: String?
        @Option(help: "Why: recorded with the erasure.") var reason: String

        func run() async throws {
            guard (session == nil) != (principal == nil) else {
                throw CommandFailure.usage("Name one of --session or --principal.")
            }
            if let session, RecordID(session) == nil {
                throw CommandFailure.usage("\(Output.safe(session)) is no session id; see: sallyport sessions")
            }
            // As the API has it.
            guard !reason.isEmpty, reason.utf8.count <= 512 else {
                throw CommandFailure.usage("--reason must be a text of at most 512 bytes.")
            }
            let done = try await Source.read(source) { source in
                switch source {
                case .api(let client): try await ask(client)
                case .folder(let configuration): try await erase(configuration)
                }
            }
            if source.json { return Output.line(String(decoding: ConsoleJSON.encode(done), as: UTF8.self)) }
            Output.line("Erased \(done.erased) session\(done.erased == 1 ? "" : "s").")
        }

        private func ask(_ client: APIClient) async throws -> ErasureView {
            var members: [String: JSONValue] = ["reason": .string(reason)]
            for case (let name, let value?) in [("session", session), ("principal", principal), ("issuer", issuer)] {
                members[name] = .string(value)
            }
            return try await client.post("/api/v1/erasures", members, as: ErasureView.self)
        }

        private func erase(_ configuration: Configuration) async throws -> ErasureView {
            try await DataFolder.write(configuration) { store in
                var draft = EntryDraft(.erased)
                draft.principal = DataFolder.principal
                draft.details["door"] = "folder"
                draft.content = [ContentItem(.reason, reason)]
                let sessions = try session.map { RecordID($0).map { [$0] } ?? [] } ?? all(of: store)
                if !sessions.isEmpty { try await store.erase(sessions, as: draft) }
                return ErasureView(erased: sessions.count)
            }
        }

        private func all(of store: AuditStore) throws -> [RecordID] {
            guard let archive = store.archive else { return [] }
            var query = SessionQuery(limit: Self.page)
            query.principal = principal
            var found: [RecordID] = []
            while true {
                let sessions = try archive.sessions(query)
                // The query finds readable names too.
                found += sessions.filter {
                    $0.context.principal?.subject == principal
                        && (issuer == nil || $0.context.principal?.issuer == issuer)
                }.map(\.context.session)
                guard sessions.count == Self.page else { return found }
                query.before = sessions.last?.context.session
            }
        }
    }
}
