import NIOCore
import NIOHTTP2

/// A client's connection that speaks HTTP/2: each of its streams is a session's client.
enum HTTP2Client {
    /// What a client that speaks it in clear text begins with (RFC 9113 section 3.4); no method of HTTP/1.1 does.
    static let preface = Array("PRI ".utf8)

    /// A connection without a stream is closed after so long.
    private static let idle = TimeAmount.minutes(2)

    /// - Parameters:
    ///   - seconds: for each frame, header and acknowledgement that the client owes.
    ///   - makeHandler: makes the handler of a stream's session, on the event loop.
    static func addHandlers(
        to channel: any Channel, seconds: Int, makeHandler: @escaping @Sendable (any Channel) -> ClientHandler
    ) throws {
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: idle, maxAge: nil, maxGraceTime: .minutes(5),
                keepalive: .init(pingInterval: .minutes(1), ackTimeout: .seconds(20))))
        // Without hearing of streams it would take a connection with a long one for idle.
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: HTTP2Tuning.server,
            streamConfiguration: HTTP2Tuning.stream, streamDelegate: management.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandlers([HTTP2ClientStream(), makeHandler(stream)])
            }
        }
        try channel.pipeline.syncOperations.addHandlers([
            HTTP2Patience(seconds: seconds), handler, management, HTTP2ErrorHandler(),
        ])
    }
}
