import ArgumentParser
import AuditConsole
import GatewayConfiguration
import GatewayCore

struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a recorded session: every command, what was decided, and what the client was answered.")

    @OptionGroup var source: SourceOptions
    @Argument(help: "The session's id, from: sallyport sessions") var id: String
    @Option(help: "Rows shown of each answer.") var rows = 20

    func run() async throws {
        guard let session = RecordID(id) else {
            throw CommandFailure.usage("\(Output.safe(id)) is no session id; see: sallyport sessions")
        }
        let recording = try await Source.read(source) { source in
            switch source {
            case .api(let client): try await Recordings.read(session, client)
            case .folder(let configuration): try await Recordings.read(session, configuration)
            }
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(recording), as: UTF8.self)) }
        TimelineText(rows: max(0, rows)).print(recording)
    }
}
