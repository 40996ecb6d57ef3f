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
            case .api(let client): try await Self.fetch(session, client)
            case .folder(let configuration): try await Self.read(session, configuration)
            }
        }
        if source.json { return Output.line(String(decoding: ConsoleJSON.encode(recording), as: UTF8.self)) }
        TimelineText(rows: max(0, rows)).print(recording)
    }

    private static func fetch(_ session: RecordID, _ client: APIClient) async throws -> RecordingView {
        let path = "/api/v1/sessions/\(session)/recording"
        var recording = try await client.get(path, as: RecordingView.self)
        while let cursor = recording.next {
            let page = try await client.get(path, [("cursor", cursor)], as: RecordingView.self)
            recording.exchanges += page.exchanges
            recording.next = page.next
        }
        return recording
    }

    private static func read(_ session: RecordID, _ configuration: Configuration) async throws -> RecordingView {
        try await FolderView.record("recording", of: session, in: configuration)
        let trail = try LocalTrail.open(configuration)
        guard let view = try await trail.session(session) else {
            throw CommandFailure("There is no session \(session) in \(configuration.data).")
        }
        var recording = RecordingView(session: view, exchanges: [])
        var cursor: Timeline.Cursor? = .start
        while let from = cursor {
            let page = try await Timeline.read(trail, session: session, kind: view.kind, from: from, limit: 1000)
            recording.exchanges += page.exchanges
            cursor = page.next
        }
        return recording
    }
}
