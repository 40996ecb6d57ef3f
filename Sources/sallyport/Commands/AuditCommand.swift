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
            abstract:
                "Write the record, content included: as JSON lines, one entry a line; a session's commands with their rows as CSV; a terminal's session as asciicast; a session of HTTP as HAR.",
            discussion:
                "Reads the data folder, also while the gateway runs. Whoever can do that can read everything recorded. The export is itself recorded first: by the running gateway's API, else in the folder."
        )

        @OptionGroup var source: SourceOptions
        @Option(help: "Only this session.") var session: String?
        @Option(
            help: ArgumentHelp(
                "Write the session's evidence bundle to this file instead: a tar that anyone can verify offline.",
                valueName: "file")) var bundle: String?

        @Flag(help: "Write the session's commands with their rows as comma-separated values (RFC 4180).") var csv =
            false
        @Flag(help: "With --csv: disarm what a spreadsheet would run as a formula, by an apostrophe before it.")
        var spreadsheetSafe = false
        @Flag(help: "Write what the session's terminal showed as asciicast v2, for asciinema.") var asciicast = false
        @Flag(help: "Write the session's requests and answers as an HTTP archive (HAR 1.2), for browsers' tools.")
        var har = false

        func run() async throws {
            let forms = [
                ("--bundle", bundle != nil), ("--csv", csv), ("--asciicast", asciicast), ("--har", har),
            ].filter { $0.1 }.map { $0.0 }
            guard forms.count + (source.json ? 1 : 0) <= 1 else {
                throw CommandFailure.usage("Choose one form of --json, --bundle, --csv, --asciicast and --har.")
            }
            if let form = forms.first, session == nil {
                throw CommandFailure.usage("\(form) needs --session: it is of one session.")
            }
            guard csv || !spreadsheetSafe else { throw CommandFailure.usage("--spreadsheet-safe is for --csv.") }
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
                if csv || asciicast || har, let wanted {
                    guard let view = try await trail.session(wanted) else {
                        throw CommandFailure("There is no session \(wanted) in \(configuration.data).")
                    }
                    if asciicast { throw Self.hasNoTerminal(view) }
                    if har {
                        guard view.kind == "http" else { throw Self.hasNoRequests(view) }
                        return try HARExport.write(view, wanted, trail.archive, configuration.connections) { bytes in
                            Output.bytes(bytes)
                            try Output.mustBeWritten()
                        }
                    }
                    return try await CSVExport.run(
                        view, wanted, LocalTrail.whole(trail), isSpreadsheetSafe: spreadsheetSafe)
                }
                try trail.archive.export(session: wanted) { bytes in
                    Output.bytes(bytes)
                    try Output.mustBeWritten()
                }
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }

        private static func hasNoRequests(_ session: SessionView) -> CommandFailure {
            CommandFailure(
                "Session \(session.id) has no HTTP requests: \(Output.safe(session.connection)) is of kind \(Output.safe(session.kind)). Use --csv or --json, or: sallyport replay \(session.id)"
            )
        }

        /// No protocol of this version has terminals; those that will are read by `AsciicastWriter`.
        private static func hasNoTerminal(_ session: SessionView) -> CommandFailure {
            CommandFailure(
                "Session \(session.id) has no terminal: on \(Output.safe(session.connection)), of kind \(Output.safe(session.kind)), there are commands and answers. Use --csv or --json, or: sallyport replay \(session.id)"
            )
        }
    }
}
