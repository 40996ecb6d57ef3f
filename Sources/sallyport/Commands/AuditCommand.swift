import ArgumentParser
import AuditConsole
import AuditStore
import GatewayConfiguration
import GatewayCore

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Work on the whole record.", subcommands: [Export.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the record, content included, as JSON lines: one entry a line, in the order of the log.",
            discussion:
                "Reads the data folder, also while the gateway runs. Whoever can do that can read everything recorded.")

        @OptionGroup var file: ConfigOption
        @Flag(name: .long, help: "JSON lines; the only form there is.") var json = false
        @Option(help: "Only this session.") var session: String?

        func run() async throws {
            let wanted = try session.map { text in
                guard let id = RecordID(text) else {
                    throw CommandFailure.usage("\(Output.safe(text)) is no session id; see: sallyport sessions")
                }
                return id
            }
            let trail = try LocalTrail.open(try file.load())
            do {
                try await trail.catchUp()
                try trail.archive.export(session: wanted) { Output.bytes($0) }
            } catch let error as GatewayError {
                throw CommandFailure(error)
            }
        }
    }
}
