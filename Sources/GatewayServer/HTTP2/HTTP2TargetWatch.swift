import NIOCore
import NIOHTTP2
import NIOTLS

/// Tells once that a target is there and speaks HTTP/2, or why not; and later that it takes no new streams. Then it closes
/// the connection behind the last that is open.
final class HTTP2TargetWatch: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame

    /// The target took another protocol, or left or fell silent before it was ready.
    struct NotThere: Error, CustomStringConvertible {
        let description: String
    }

    /// Seconds that a target has for its TLS handshake.
    private static let patience: Int64 = 10

    private let waitsForTLS: Bool
    private let ready: EventLoopPromise<Void>
    private let onLeaving: () -> Void
    private var overdue: Scheduled<Void>?
    private var streams = 0
    private var isLeaving = false

    /// - Parameter onLeaving: called on the event loop when the target says that it takes no new streams (RFC 9113
    /// section 6.8).
    init(waitsForTLS: Bool, ready: EventLoopPromise<Void>, onLeaving: @escaping () -> Void) {
        self.waitsForTLS = waitsForTLS
        self.ready = ready
        self.onLeaving = onLeaving
    }

    func channelActive(context: ChannelHandlerContext) {
        if waitsForTLS {
            let (channel, ready) = (context.channel, self.ready)
            overdue = context.eventLoop.scheduleTask(in: .seconds(Self.patience)) {
                ready.fail(NotThere(description: "the target does not end its TLS handshake"))
                channel.close(promise: nil)
            }
        } else {
            ready.succeed(())
        }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let chosen)? = event as? TLSUserEvent {
            overdue?.cancel()
            if chosen == "h2" {
                ready.succeed(())
            } else {
                ready.fail(NotThere(description: "the target does not speak HTTP/2 (its TLS chose no h2)"))
                context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .goAway = unwrapInboundIn(data).payload {
            isLeaving = true
            onLeaving()
            if streams == 0 { context.close(promise: nil) }
        }
        context.fireChannelRead(data)
    }

    private func counted(_ change: Int, on channel: any Channel) {
        streams += change
        if isLeaving, streams == 0 { channel.close(promise: nil) }
    }

    /// Counts the streams of its connection.
    struct Streams: NIOHTTP2StreamDelegate {
        let watch: NIOLoopBound<HTTP2TargetWatch>
        let connection: any Channel

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) { watch.value.counted(1, on: connection) }
        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) { watch.value.counted(-1, on: connection) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ready.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        overdue?.cancel()
        ready.fail(NotThere(description: "the target closed the connection"))
        context.fireChannelInactive()
    }
}
