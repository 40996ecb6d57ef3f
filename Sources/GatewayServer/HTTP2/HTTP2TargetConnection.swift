import GatewayConfiguration
import NIOCore
import NIOHTTP2
import NIOSSL

/// The connection over which the streams of one session reach its target; made when first needed, and anew once it ended.
/// Confined to the session's event loop: nothing of it is shared with another principal.
final class HTTP2TargetConnection {
    private struct Open {
        var channel: any Channel
        var streams: NIOHTTP2Handler.StreamMultiplexer
    }

    private var open: EventLoopFuture<NIOLoopBound<Open>>?
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// A stream that speaks HTTP/1.1 to whoever holds it. `initialize` adds its handlers behind.
    func stream(
        to connection: ConnectionConfiguration, initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let isTLS = connection.beginsWithTLS
        let mine = open ?? connect(to: connection)
        let loop = eventLoop
        return mine.flatMap { open in
            open.value.streams.createStreamChannel { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTP2TargetStream(isTLS: isTLS))
                }.flatMap { initialize(channel) }
            }.hop(to: loop)
        }
    }

    private func connect(to connection: ConnectionConfiguration) -> EventLoopFuture<NIOLoopBound<Open>> {
        let (loop, own) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop))
        let ready = loop.makePromise(of: Void.self)
        let made = TargetDialer.connect(connection, on: loop) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if connection.beginsWithTLS {
                    try pipeline.addHandler(try TargetTLSContext.handler(for: connection, protocols: ["h2"]))
                }
                try pipeline.addHandler(
                    NIOHTTP2Handler(
                        mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: HTTP2Tuning.connection,
                        streamConfiguration: HTTP2Tuning.stream
                    ) { stream in
                        // Nobody asked the target to push.
                        stream.close()
                    })
                try pipeline.addHandler(HTTP2Readiness(waitsForTLS: connection.beginsWithTLS, ready: ready))
                try pipeline.addHandler(HTTP2ErrorHandler())
            }
        }
        made.whenFailure { ready.fail($0) }
        let opened = made.and(ready.futureResult).flatMapThrowing { channel, _ in
            let handler = try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self)
            channel.closeFuture.whenComplete { _ in own.value.open = nil }
            return NIOLoopBound(Open(channel: channel, streams: try handler.syncMultiplexer()), eventLoop: loop)
        }
        opened.whenFailure { _ in own.value.open = nil }
        open = opened
        return opened
    }

    func close() {
        open?.whenSuccess { $0.value.channel.close(promise: nil) }
        open = nil
    }
}
