import GatewayConfiguration
import NIOCore
import NIOHTTP2
import NIOSSL

/// The connection over which the streams of one session reach its target; made when first needed, and anew once it ended or
/// takes no new streams. Confined to the session's event loop: nothing of it is shared with another principal.
final class HTTP2TargetConnection {
    private typealias Opening = EventLoopFuture<NIOLoopBound<Open>>

    private struct Open {
        var channel: any Channel
        var streams: NIOHTTP2Handler.StreamMultiplexer
    }

    /// The one that new streams go to, and its number: what is said of an earlier one is not meant any more.
    private var current: (number: UInt64, opening: Opening)?
    private var lastNumber: UInt64 = 0
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// A stream that speaks HTTP/1.1 to whoever holds it. `initialize` adds its handlers behind.
    func stream(
        to connection: ConnectionConfiguration, initialize: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let isTLS = connection.beginsWithTLS
        let opening = current?.opening ?? connect(to: connection)
        let loop = eventLoop
        return opening.flatMap { open in
            open.value.streams.createStreamChannel { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTP2TargetStream(isTLS: isTLS))
                }.flatMap { initialize(channel) }
            }.hop(to: loop)
        }
    }

    private func connect(to connection: ConnectionConfiguration) -> Opening {
        lastNumber += 1
        let (loop, own, number) = (eventLoop, NIOLoopBound(self, eventLoop: eventLoop), lastNumber)
        let ready = loop.makePromise(of: Void.self)
        let made = TargetDialer.connect(connection, on: loop) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if connection.beginsWithTLS {
                    try pipeline.addHandler(try TargetTLSContext.handler(for: connection, protocols: ["h2"]))
                }
                let watch = HTTP2TargetWatch(waitsForTLS: connection.beginsWithTLS, ready: ready) {
                    own.value.forget(number)
                }
                let streams = HTTP2TargetWatch.Streams(
                    watch: NIOLoopBound(watch, eventLoop: channel.eventLoop), connection: channel)
                let handler = NIOHTTP2Handler(
                    mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: HTTP2Tuning.connection,
                    streamConfiguration: HTTP2Tuning.stream, streamDelegate: streams
                ) { stream in
                    // Nobody asked the target to push.
                    stream.close()
                }
                try pipeline.addHandlers([handler, watch, HTTP2ErrorHandler()])
            }
        }
        made.whenFailure { ready.fail($0) }
        let opening = made.and(ready.futureResult).flatMapThrowing { channel, _ in
            let handler = try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self)
            channel.closeFuture.whenComplete { _ in own.value.forget(number) }
            return NIOLoopBound(Open(channel: channel, streams: try handler.syncMultiplexer()), eventLoop: loop)
        }
        current = (number, opening)
        opening.whenFailure { _ in own.value.forget(number) }
        return opening
    }

    /// No new stream goes there; those that are open go on.
    private func forget(_ number: UInt64) {
        if current?.number == number { current = nil }
    }

    func close() {
        current?.opening.whenSuccess { $0.value.channel.close(promise: nil) }
        current = nil
    }
}
