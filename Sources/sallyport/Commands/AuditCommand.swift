import ArgumentParser
import AuditConsole
import AuditStore
import GatewayConfiguration
import GatewayCore
import Identity

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Work on the whole record.",
        subcommands: [
            Export.self, Verify.self, Inclusion.self, Consistency.self, Reindex.self, Erase.self, Retention.self,
            Rewrap.self, Key.self, StartNewLog.self,
        ])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the record, content included, as JSON lines: one entry a line, session by session.",
            discussion:
                "Reads the data folder, also while the gateway runs. Whoever can do that can read everything recorded. The export is itself recorded first: by the running gateway's API, else in the folder. --json is the only form there is."
        )

        @OptionGroup var source: SourceOptions
        @Option(help: "Only this session.") var session: String?
        @Option(
            help: ArgumentHelp(
                "Write the session's evidence bundle to this file instead: a tar that anyone can verify offline.",
                valueName: "file")) var bundle: String?

        func run() async throws {
            guard bundle == nil || session != nil else {
                throw CommandFailure.usage("--bundle needs --session: evidence is of one session.")
            }
            let wanted = try session.map { text in
                guard let id = RecordID(text) else {
                    throw CommandFailure.usage("\(Output.safe(text)) is no session id; see: sallyport sessions")
                }
                return id
            }
            let configuration = try source.file.load()
            try await Source.read(source) { source in
                switch source {
                case .api(let client):
                    try await client.post(
                        "/api/v1/exports", wanted.map { ["session": .string($0.description)] } ?? [:])
                case .folder(let configuration):
                    try await FolderView.record("export", of: wanted, in: configuration)
                }
            }
            if let bundle, let wanted { return try await EvidenceExport.run(wanted, to: bundle, configuration) }
            let trail = try LocalTrail.open(configuration)
            do {
                try await trail.catchUp()
                try trail.archive.export(session: wanted) { Output.bytes($0) }
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }
    }
}
