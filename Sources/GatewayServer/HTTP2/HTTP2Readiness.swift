import NIOCore
import NIOTLS

/// Tells once that a target is there and speaks HTTP/2, or why not.
final class HTTP2Readiness: ChannelInboundHandler {
    typealias InboundIn = Never

    /// The target took another protocol, or left before it was ready.
    struct NotThere: Error, CustomStringConvertible {
        let description: String
    }

    private let waitsForTLS: Bool
    private let ready: EventLoopPromise<Void>

    init(waitsForTLS: Bool, ready: EventLoopPromise<Void>) {
        self.waitsForTLS = waitsForTLS
        self.ready = ready
    }

    func channelActive(context: ChannelHandlerContext) {
        if !waitsForTLS { ready.succeed(()) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let chosen)? = event as? TLSUserEvent {
            if chosen == "h2" {
                ready.succeed(())
            } else {
                ready.fail(NotThere(description: "the target does not speak HTTP/2 (its TLS chose no h2)"))
                context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ready.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(NotThere(description: "the target closed the connection"))
        context.fireChannelInactive()
    }
}
