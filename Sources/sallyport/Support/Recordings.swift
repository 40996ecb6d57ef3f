import AuditConsole
import GatewayConfiguration
import GatewayCore

/// Whole recordings, page by page; each is recorded as viewed.
enum Recordings {
    static func read(_ session: RecordID, _ client: APIClient) async throws -> RecordingView {
        let path = "/api/v1/sessions/\(session)/recording"
        var recording = try await client.get(path, as: RecordingView.self)
        while let cursor = recording.next {
            let page = try await client.get(path, [("cursor", cursor)], as: RecordingView.self)
            recording.exchanges += page.exchanges
            recording.next = page.next
        }
        return recording
    }

    static func read(_ session: RecordID, _ configuration: Configuration) async throws -> RecordingView {
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
